import Effects
import ReleaseDefinition
import TestSupport

@testable import ControllerLibrary

extension TestProvider {
    /// Writes `oidc.json`, with this one as the issuer `company`.
    func configure(_ test: TestController, _ members: String = Self.usual) throws {
        let folder = try Directory.open(test.folder.path)
        let made = try folder.createDirectory("oidc", mode: 0o700)
        try made.writeDurably("authority.pem", Array(authority.utf8), mode: 0o600)
        try made.writeDurably("console.secret", Array("console-secret\n".utf8), mode: 0o600)
        let text = """
            {"issuers": [{"name": "company", "url": "\(url)", "authority": "oidc/authority.pem", \(members)}]}
            """
        try folder.writeDurably(OIDCSettings.fileName, Array(text.utf8), mode: 0o600)
    }

    static let usual = """
        "command": {"clientID": "slipway-cli", "scopes": ["openid", "offline_access"]},
        "console": {"clientID": "slipway-console", "secretFile": "oidc/console.secret"},
        "grants": [
            {"claims": {"groups": "operators"}, "set": "operator"},
            {"claims": {"groups": "administrators"}, "set": "admin"},
            {"beginnings": {"sub": "repo:org/app:"}, "set": "builder", "product": "app"}
        ]
        """
}
