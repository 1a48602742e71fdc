import ReleaseDefinition

/// targets, or a role that it delegates to: which files are approved, and who may approve others. TUF 4.5.
struct TargetsMetadata: Sendable {
    static let name = "targets"

    let file: SignedMetadata
    let delegations: Delegations?
    /// Of the top role only: who may direct.
    let director: DirectorKeys?
    /// Of a product's role: nothing below may be installed.
    let floor: ReleaseVersion?
    /// Of a product's role: manifests taken back for good.
    let withdrawn: [SHA256Digest]
    /// By the bytes of the path.
    private let targets: [[UInt8]: TargetFile]

    init(parsing bytes: [UInt8], role: String, accepting algorithms: Set<KeyAlgorithm> = .ours) throws(TrustError) {
        file = try SignedMetadata(
            parsing: bytes, role: role, type: Self.name, sizeMax: TrustLimits.targetsSizeMax)
        let signed = MetadataReader(value: file.signed, role: role, path: "signed")
        var targets: [[UInt8]: TargetFile] = [:]
        for (path, target) in try signed.member("targets").members() {
            targets[Array(path.utf8)] = try TargetFile(path: path, reading: target)
        }
        self.targets = targets
        delegations = try signed.optional("delegations").map { reader throws(TrustError) in
            try Delegations(reading: reader, accepting: algorithms)
        }
        let own = signed.optional("x-slipway")
        director = try own?.optional("director").map { reader throws(TrustError) in
            try DirectorKeys(reading: reader)
        }
        floor = try own?.optional("floor").map { reader throws(TrustError) in
            let text = try reader.string()
            do { return try ReleaseVersion(text) } catch let error { throw reader.malformed("\(error)") }
        }
        var withdrawn: [SHA256Digest] = []
        for digest in try own?.optional("withdrawn")?.elements() ?? [] { withdrawn.append(try digest.digest()) }
        self.withdrawn = withdrawn
    }

    func target(_ path: String) -> TargetFile? { targets[Array(path.utf8)] }
}

extension TargetFile {
    init(path: String, reading target: MetadataReader) throws(TrustError) {
        self.init(
            path: path, length: ByteCount(try target.integer("length", from: 0)),
            hashes: try FileHashes(reading: try target.member("hashes")), custom: target.optional("custom")?.value)
    }
}

/// `x-slipway.director` of top-level targets: whose word on what runs where is heard.
struct DirectorKeys: Sendable {
    let keys: Set<PublicKey>
    let threshold: Int

    init(reading director: MetadataReader) throws(TrustError) {
        keys = Set(try KeyTable(reading: try director.member("keys"), accepting: .ours).keys.values.compactMap { $0 })
        let threshold = try director.positive("threshold")
        guard let exact = Int(exactly: threshold) else { throw director.malformed("threshold \(threshold)") }
        self.threshold = exact
    }
}
