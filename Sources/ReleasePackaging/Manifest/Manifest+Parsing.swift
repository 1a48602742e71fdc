import ReleaseDefinition

extension Manifest {
    /// Reads a manifest: strict JSON, one form only, every value within its bounds.
    ///
    /// - Throws: `packaging.manifest.size`, `.syntax`, `.format`, `.form` (unknown members, other order or spacing),
    ///   `.bounds`, and `packaging.path.…`. The publisher builds the package again with the same or an older Slipway than
    ///   the reader's.
    public init(parsing bytes: [UInt8]) throws {
        guard bytes.count <= Self.bytesMax.value else {
            throw Self.refuse(
                "size", "has \(bytes.count) bytes, at most \(Self.bytesMax.value) are read")
        }
        let manifest: Manifest
        do {
            let value = try JSONValue(parsing: bytes, limits: JSONLimits(bytesMax: bytes.count, depthMax: 16))
            let format = value["format"]?.integerValue
            guard format == Int64(Self.currentFormat) else {
                let found = format.map(String.init) ?? "none"
                throw Self.refuse("format", "is of format \(found), this program reads \(Self.currentFormat)")
            }
            manifest = try JSONCoding.decode(Manifest.self, from: value)
        } catch let error as DefinitionError {
            throw Self.refuse("syntax", "cannot be read", cause: error.description)
        }
        // What was understood must be all there is: a member that this program does not know could matter.
        guard try manifest.bytes == bytes else {
            throw Self.refuse("form", "is not in canonical form or has members that this program does not know")
        }
        try manifest.checkBounds()
        self = manifest
    }

    /// The canonical bytes: what is hashed, signed and published.
    public var bytes: [UInt8] { get throws { try JSONCoding.canonicalBytes(of: self) } }
    public var digest: SHA256Digest { get throws { SHA256Digest(of: try bytes) } }
    public var reference: BlobReference { get throws { BlobReference(of: try bytes) } }

    /// The bounds of every value that decides how much is read, or where something goes.
    func checkBounds() throws {
        try Self.check("units", units.count, in: 1...256)
        try Self.check("changes", changes.count, in: 0...10_000)
        try Self.check("requires", requires.count, in: 0...256)
        try Self.check("documents", documents.count, in: 0...1024)
        try Self.check("releases to keep (backOut.keep)", backOut.keep, in: BackOutSettings.keepBounds)
        try Self.check("compression level", build.compressionLevel, in: PackageBuilder.levels)
        try checkUnits()
        try checkValues()
        try Self.check("build inputs", build.inputs.count, in: 0...1024)
        var paths: Set<EntryPath> = []
        for document in documents {
            guard paths.insert(try EntryPath(document.path)).inserted else {
                throw Self.refuse("bounds", "names the document \(document.path.debugDescription) twice")
            }
            try Self.check(
                "length of \(document.path)", document.blob.length.value, in: 0...PackageLimits.documentSizeMax.value)
        }
    }

    /// Each unit once, or once for each of its variants, after those that it requires.
    private func checkUnits() throws {
        var rest = units[...]
        var names: Set<UnitName> = []
        while let first = rest.first {
            guard names.insert(first.name).inserted else {
                throw Self.refuse("bounds", "names the unit \(first.name) twice")
            }
            let same = rest.prefix { $0.name == first.name }
            rest = rest.dropFirst(same.count)
            let named: [VariantName?] = first.definition.variants?.map(\.name) ?? [nil]
            guard same.map(\.variant) == named, Set(named).count == named.count else {
                throw Self.refuse("bounds", "names the unit \(first.name) twice, or not once for each of its variants")
            }
            guard same.allSatisfy({ $0.definition == first.definition && $0.hooks == first.hooks }) else {
                throw Self.refuse("bounds", "describes the variants of the unit \(first.name) differently")
            }
            guard names.isSuperset(of: first.definition.requires ?? []),
                !(first.definition.requires ?? []).contains(first.name)
            else {
                throw Self.refuse("bounds", "has the unit \(first.name) before one that it requires")
            }
            for unit in same { try unit.checkBounds() }
        }
    }

    private func checkValues() throws {
        try Self.check("environments with values", values.count, in: 0...64)
        guard Set(values.map(\.environment)).count == values.count else {
            throw Self.refuse("bounds", "has values for an environment twice")
        }
        for values in values {
            try Self.check(
                "length of values for \(values.environment)", values.blob.length.value,
                in: 2...SignedValues.bytesMax.value)
        }
    }

    static func check(_ what: String, _ found: TimeSpan, in range: ClosedRange<TimeSpan>) throws {
        guard range.contains(found) else {
            throw refuse("bounds", "has \(found) as \(what), allowed are \(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func check<Value: BinaryInteger>(_ what: String, _ found: Value, in range: ClosedRange<Value>) throws {
        guard range.contains(found) else {
            throw refuse("bounds", "has \(found) as \(what), allowed are \(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func refuse(_ code: String, _ what: String, cause: String? = nil) -> PackagingError {
        PackagingError(
            code: "manifest.\(code)", summary: "The manifest \(what).",
            remedy:
                "Nothing of this release is installed. Build and publish it again; if it is sound, upgrade the program"
                + " that refused it.",
            cause: cause)
    }
}

extension ManifestUnit {
    func checkBounds() throws {
        typealias It = Manifest
        let tebibyte = Int64(1) << 40
        try It.check("compressed length of \(name)", payload.compressed.length.value, in: 1...tebibyte)
        try It.check("tar length of \(name)", payload.tar.length.value, in: 1024...tebibyte)
        guard payload.tar.length.value.isMultiple(of: Int64(TarFormat.blockSize)) else {
            throw It.refuse("bounds", "has a tar stream for \(name) that is no whole number of blocks")
        }
        try It.check("file count of \(name)", payload.fileCount, in: 1...PayloadIndex.entriesMax)
        try It.check("index length of \(name)", payload.index.length.value, in: 1...PayloadIndex.bytesMax.value)
        try It.check(
            "index text length of \(name)", payload.indexText.length.value, in: 1...PayloadIndex.bytesMax.value)
        try checkClocks()
        try It.check("attributes of \(name)", definition.attributes.count, in: 0...UnitDefinition.attributesMax)
        try It.check("persistent paths of \(name)", definition.persistent.count, in: 0...UnitDefinition.persistentMax)
        for attribute in definition.attributes {
            _ = try EntryPath(attribute.path)
            try It.check("mode of \(attribute.path)", attribute.mode ?? 0, in: 0...0o777)
            for name in [attribute.owner, attribute.group].compactMap(\.self)
            where !PayloadEntry.isAccountName(name) {
                throw It.refuse("bounds", "has the owner or group \(PathFlaw.shown(name)), no account name")
            }
        }
        for path in definition.persistent { _ = try EntryPath(path) }
        let isPlaced =
            definition.type.hasPlace
            ? definition.installTo.hasPrefix("/")
                && EntryPath.flaw(of: String(definition.installTo.dropFirst())) == nil
            : definition.installTo.isEmpty
        guard isPlaced else {
            throw It.refuse(
                "bounds",
                "installs \(name) of type \(definition.type.rawValue) to"
                    + " \(PathFlaw.shown(definition.installTo))")
        }
        try checkMore()
        guard hooks.map(\.moment) == HookMoment.allCases.filter({ definition.hooks[$0] != nil }) else {
            throw It.refuse("bounds", "has hooks for \(name) that its definition does not name, or lacks some")
        }
        for hook in hooks {
            try It.check(
                "length of hook \(hook.moment)", hook.blob.length.value, in: 1...PackageLimits.hookSizeMax.value)
        }
    }
}

extension ManifestUnit {
    /// What an agent waits for and counts: none of it may stop it from working, or let it wait for ever.
    private func checkClocks() throws {
        typealias It = Manifest
        try It.check("timeout of the hooks of \(name)", definition.hooks.timeout, in: UnitHooks.timeoutBounds)
        try It.check("minimumHealthy of \(name)", definition.minimumHealthy, in: UnitDefinition.healthyBounds)
        try It.check("healthyDeadline of \(name)", definition.healthyDeadline, in: UnitDefinition.healthyBounds)
        try It.check("health checks of \(name)", definition.health.count, in: 0...HealthCheck.countMax)
        for check in definition.health {
            try It.check("every of a check of \(name)", check.every, in: HealthCheck.everyBounds)
            try It.check("timeout of a check of \(name)", check.timeout, in: HealthCheck.timeoutBounds)
            try It.check("startPeriod of a check of \(name)", check.startPeriod, in: HealthCheck.startPeriodBounds)
            try It.check("failures of a check of \(name)", check.failures, in: HealthCheck.failuresBounds)
            if case .http(_, let status) = check.probe {
                try It.check("status of a check of \(name)", status, in: HealthCheck.statusBounds)
            }
            if case .metric(let metric) = check.probe, case .query(let query) = metric.question {
                try It.check("length of a query of \(name)", query.count, in: MetricProbe.questionBounds)
            }
        }
    }

    private func checkMore() throws {
        typealias It = Manifest
        guard (definition.runOn != nil) == (definition.type == .migration) else {
            throw It.refuse("bounds", "names the hosts of \(name), which only a migration does, or does not for one")
        }
        for path in definition.backup ?? [] {
            guard path.hasPrefix("/"), EntryPath.flaw(of: String(path.dropFirst())) == nil else {
                throw It.refuse("bounds", "backs up \(PathFlaw.shown(path)) for \(name), no absolute path")
            }
        }
        try checkParallel()
        if definition.plugin != nil, definition.type != .plugin {
            throw It.refuse("bounds", "names a plugin for \(name), which is none")
        }
        if case .systemd(let service) = definition.service, !SystemdService.isUnitName(service.unit) {
            throw It.refuse("bounds", "names \(PathFlaw.shown(service.unit)) as the service of \(name)")
        }
        for case .systemd(let unit) in definition.health.map(\.probe) where !SystemdService.isUnitName(unit) {
            throw It.refuse("bounds", "checks \(PathFlaw.shown(unit)) of systemd for \(name)")
        }
    }
}

extension ManifestUnit {
    private func checkParallel() throws {
        typealias It = Manifest
        guard let parallel = definition.parallel else { return }
        guard definition.type == .tree, parallel.slots.count == 2, parallel.slots[0] != parallel.slots[1],
            parallel.slots.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 512 && !$0.utf8.contains(0) })
        else { throw It.refuse("bounds", "has no two slots for \(name)") }
        try It.check("drain of \(name)", parallel.drain, in: ParallelSettings.drainBounds)
        try It.check("warm of \(name)", parallel.warm, in: ParallelSettings.warmBounds)
        if let link = parallel.link {
            guard link.hasPrefix("/"), EntryPath.flaw(of: String(link.dropFirst())) == nil else {
                throw It.refuse("bounds", "takes over by \(PathFlaw.shown(link)) for \(name), no absolute path")
            }
        }
    }
}

/// Limits that are the same for every package.
public enum PackageLimits {
    public static let hookSizeMax = ByteCount(16 << 20)
    public static let documentSizeMax = ByteCount(256 << 20)
}
