import FoundationEssentials
import Hummingbird
import ReleaseDefinition

/// What a form of the console sends.
enum ConsoleForm {
    /// The hidden field that shows that a page of this session sent it.
    static let proofField = "proof"
    /// The hidden field that is another for each page that is shown: a form that comes twice from one is one act.
    static let pageField = "page"

    /// A form of another site could sign a victim in under the attacker's name; the cookie's SameSite does not help there.
    static func isFromThisSite(_ request: RouteRequest) -> Bool {
        if let site = request.header("Sec-Fetch-Site") { return site == "same-origin" || site == "none" }
        guard let origin = request.header("Origin") else { return true }
        return origin == "https://\(request.request.head.authority ?? "")"
    }

    /// Of a form that acts: a browser says where it comes from, in one of two ways at least.
    /// - Throws: `controller.access.formOrigin`.
    static func requireOwnPage(_ request: Request) throws {
        func header(_ name: String) -> String? { HTTPFields.Element.Name(name).flatMap { request.headers[$0] } }
        let site = header("Sec-Fetch-Site")
        let origin = header("Origin")
        // Where a proxy or an add-on takes the origin away, the other header decides.
        let isOwn = origin == "https://\(request.head.authority ?? "")"
        let isUnsaid = origin == nil || origin == "null"
        guard site == "same-origin" ? isOwn || isUnsaid : site == nil && isOwn else {
            throw ControllerError.forbidden(
                "formOrigin",
                "The form came from \((origin ?? site ?? "a place unsaid").bounded(200)), not from this console.",
                remedy: "Nothing was done. Open the console by its own address and do it there.")
        }
    }

    /// - Throws: `controller.access.formProof`.
    static func requireProof(_ body: [UInt8], _ cookie: String, _ sessions: PersonSessions) throws {
        guard let proof = field(proofField, of: body), let expected = sessions.proof(cookieHeader: cookie),
            proof.isSameInConstantTime(as: expected)
        else {
            throw ControllerError.forbidden(
                "formProof", "The form is not of this session: it was shown before somebody signed in anew.",
                remedy: "Nothing was done. Reload the page and do it again.")
        }
    }

    /// A field that holds no space.
    static func field(_ name: String, of body: [UInt8]) -> String? {
        text(name, of: body).map { $0.split(whereSeparator: \.isWhitespace).joined() }
    }

    /// A field of an `application/x-www-form-urlencoded` body.
    static func text(_ name: String, of body: [UInt8]) -> String? {
        guard let text = String(validating: body, as: UTF8.self) else { return nil }
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] == name else { continue }
            return parts[1].replacing("+", with: " ").removingPercentEncoding
        }
        return nil
    }
}
