/// Paths in definition files, checked by their text alone: clean means no empty, `.` or `..` component, no doubled or
/// trailing slash, no control character. The same bounds hold on the host, where they are checked against the disk.
extension Field {
    /// `ReleaseFile` paths: below the folder that they are relative to. `allowsWhole` takes `.` for the folder itself,
    /// and a leading `./` is dropped.
    func relativePath(_ what: String, allowsWhole: Bool = false) -> String? {
        let expected = "\(what): a path inside the release folder, without \"..\""
        guard case .text(let text, _) = node.content else {
            return refuse("value.path", expected: expected, remedy: "Write one path.")
        }
        var path = text.hasPrefix("./") ? String(text.dropFirst(2)) : text
        if path.hasSuffix("/"), path.count > 1 { path.removeLast() }
        if path.isEmpty, !text.isEmpty { path = "." }
        if path == ".", allowsWhole { return path }
        guard Self.isClean(path) else {
            return refuse("value.path", expected: expected, remedy: "Write it as folder/file.")
        }
        return path
    }

    func treePath(_ what: String) -> String? {
        guard case .text(let text, _) = node.content, Self.isClean(text) else {
            return refuse(
                "value.path", expected: "\(what): a clean path relative to the installed tree",
                remedy: "Write it as folder/file, without a leading \"/\", \".\" or \"..\".")
        }
        return text
    }

    /// Where a unit is installed: absolute and at least one folder deep.
    func absolutePath(_ what: String) -> String? {
        let expected = "\(what): an absolute, clean path"
        guard case .text(let text, _) = node.content else {
            return refuse("value.path", expected: expected, remedy: "Write one path.")
        }
        guard text.hasPrefix("/"), Self.isClean(String(text.dropFirst())) else {
            let clean = text.split(separator: "/").filter { $0 != "." && $0 != ".." }.joined(separator: "/")
            let remedy = Self.isClean(clean) ? "Write it as \(quote("/" + clean))." : "Write it as /opt/NAME."
            return refuse("value.path", expected: expected, remedy: remedy)
        }
        return text
    }

    /// At most 1024 bytes, each component 1 to 255 of them.
    static func isClean(_ path: String) -> Bool {
        guard path.utf8.count <= 1024 else { return false }
        return path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.count <= 255 && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
                && part.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
    }
}
