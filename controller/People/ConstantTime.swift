extension String {
    /// In a time that tells nothing of where they differ; that their lengths do is no secret.
    func isSameInConstantTime(as other: some StringProtocol) -> Bool {
        let (left, right) = (Array(utf8), Array(other.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
