/// Numbers in sentences: `1 host`, `3 hosts`. The one place that knows the plural.
extension Int {
    /// - Parameter noun: in the singular, with a plural that ends in s.
    public func of(_ noun: String) -> String { self == 1 ? "1 \(noun)" : "\(self) \(noun)s" }
}
