/// How a key signs. Ours are Ed25519; other people's repositories use the others.
///
/// Which ones count is the policy of whoever pins the root. A key of another algorithm stays in the file and can never
/// sign. Source: TUF 4.2.2; trust.md "Roles".
public enum KeyAlgorithm: String, Sendable, CaseIterable {
    /// RFC 8032.
    case ed25519
    /// ECDSA on P-256 with SHA-256, signatures in DER. FIPS 186-5.
    case ecdsaP256 = "ecdsa-sha2-nistp256"
    /// RSASSA-PSS with SHA-256, 2048 to 8192 bits. RFC 8017 8.1.
    case rsaPSS = "rsassa-pss-sha256"

    /// nil for what we do not know.
    /// - Parameter keyType: older repositories write the scheme of an ECDSA key here too.
    init?(keyType: String, scheme: String) {
        switch (keyType, scheme) {
        case ("ed25519", "ed25519"): self = .ed25519
        case ("ecdsa", "ecdsa-sha2-nistp256"), ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"): self = .ecdsaP256
        case ("rsa", "rsassa-pss-sha256"): self = .rsaPSS
        default: return nil
        }
    }
}

extension Set<KeyAlgorithm> {
    /// What our own repositories are held to.
    public static var ours: Set<KeyAlgorithm> { [.ed25519] }
    /// What a plain client accepts of other people's repositories.
    public static var all: Set<KeyAlgorithm> { Set(KeyAlgorithm.allCases) }
}
