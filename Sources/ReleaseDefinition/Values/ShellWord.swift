extension String {
    /// As it is typed into a shell: what holds nothing but harmless letters as it is, all else between single quotes. For commands
    /// that a message tells people to type.
    public var shellWord: String {
        let isHarmless = utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "_-./:@%+=,".utf8.contains(byte)
            }
        }
        guard !isHarmless || isEmpty else { return self }
        return "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
