/// What a host may be called by. The words are those that a `HostQuery` can say, and that are safe in the environment of a
/// program.
public enum HostLabels {
    /// Of one host.
    public static let countMax = 64
    /// Bytes of a key, and of a value.
    public static let lengthMax = 253
    /// Host queries mean the host's id by it.
    public static let idKey = "id"

    /// A key or a value: printable ASCII without what separates words, and without what a shell acts on, as hooks may be careless.
    public static func isWord(_ text: String) -> Bool {
        (1...lengthMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"()\"'\\,=!<>&;`$|*?{}[]#~^".utf8.contains($0) }
    }

    public static func areGood(_ labels: [String: String]) -> Bool {
        labels.count <= countMax && labels[idKey] == nil
            && labels.allSatisfy { isWord($0.key) && isWord($0.value) }
    }
}
