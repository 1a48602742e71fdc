import ReleaseDefinition

/// `limits: { parallelism: 25%, failureTolerance: 5%, offlineTolerance: 10%, offlineGrace: 15m, progressDeadline: 10m }`
enum LimitsReader {
    private static let keys = KeyTable(
        known: [
            "parallelism", "failureTolerance", "offlineTolerance", "offlineGrace", "progressDeadline", "maxUnavailable",
            "expectedDuration", "silentAfter", "unhealthyBefore", "earlyLife", "bandwidth", "totalBandwidth",
        ],
        reserved: ["requiredSuccess": "It is a phase's: write requiredSuccesses in the phase."])
    private static let groupKeys = KeyTable(known: ["by", "count"])

    static func read(_ field: Field) -> RolloutLimits? {
        guard let mapping = MappingReader(field, keys, what: "limits") else { return nil }
        let defaults = RolloutLimits()
        let parallelism = mapping.optional("parallelism", default: defaults.parallelism, ToleranceReader.size)
        let failures = mapping.optional("failureTolerance", default: Tolerance?.none) {
            ToleranceReader.read($0).map(Optional.some)
        }
        let offline = mapping.optional("offlineTolerance", default: defaults.offlineTolerance, ToleranceReader.read)
        let grace = mapping.optional("offlineGrace", default: defaults.offlineGrace) {
            $0.span(.seconds(1) ... .days(7))
        }
        let progress = mapping.optional("progressDeadline", default: defaults.progressDeadline) {
            $0.span(.seconds(1) ... .days(7))
        }
        let group = mapping.optional("maxUnavailable", default: MaxUnavailable?.none) {
            readGroup($0).map(Optional.some)
        }
        let expected = span("expectedDuration", mapping, .seconds(1) ... .days(7))
        let silent = span("silentAfter", mapping, .zero ... .days(365))
        let early = span("earlyLife", mapping, .zero ... .days(90))
        let unhealthy = mapping.optional("unhealthyBefore", default: UnhealthyBefore?.none) {
            $0.choice(UnhealthyBefore.self).map(Optional.some)
        }
        let bandwidth = mapping.optional("bandwidth", default: ByteCount?.none) { readBandwidth($0).map(Optional.some) }
        let total = mapping.optional("totalBandwidth", default: ByteCount?.none) {
            readBandwidth($0).map(Optional.some)
        }
        guard let parallelism, let failures, let offline, let grace, let progress, let group, let expected, let silent,
            let early, let unhealthy, let bandwidth, let total
        else { return nil }
        return RolloutLimits(
            parallelism: parallelism, failureTolerance: failures, offlineTolerance: offline, offlineGrace: grace,
            progressDeadline: progress, maxUnavailable: group, expectedDuration: expected, silentAfter: silent,
            unhealthyBefore: unhealthy, earlyLife: early, bandwidth: bandwidth,
            totalBandwidth: total)
    }

    /// `2097152` bytes a second, or `2M`, with K, M or G for 1024, 1024² and 1024³.
    private static func readBandwidth(_ field: Field) -> ByteCount? {
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        if case .text(let text, isQuoted: false) = field.node.content, let last = text.last {
            let unit = units[last]
            let digits = Field.decimal(unit == nil ? text : String(text.dropLast()))
            if let digits, case (let bytes, false) = digits.multipliedReportingOverflow(by: unit ?? 1),
                ByteCount(bytes) >= RolloutLimits.bandwidthMin, bytes <= 1 << 40
            {
                return ByteCount(bytes)
            }
        }
        return field.refuse(
            "value.bandwidth", expected: "bytes a second, from 1K", remedy: "Write 2097152, 512K or 2M.")
    }

    private static func span(_ key: String, _ mapping: MappingReader, _ range: ClosedRange<TimeSpan>) -> TimeSpan?? {
        mapping.optional(key, default: TimeSpan?.none) { $0.span(range).map(Optional.some) }
    }

    /// `{ by: cluster, count: 1 }`
    private static func readGroup(_ field: Field) -> MaxUnavailable? {
        guard let mapping = MappingReader(field, groupKeys, what: "maxUnavailable") else { return nil }
        let label = mapping.required("by", example: "by: cluster") { $0.text(lengthMax: 100, what: "a label") }
        let count = mapping.required("count", example: "count: 1") { $0.integer(1...1_000_000) }
        guard let label, let count else { return nil }
        return MaxUnavailable(by: label, count: count)
    }
}

/// `2`, `5%`, or `{ count: 2, percent: 5 }`, where the smaller wins.
enum ToleranceReader {
    private static let keys = KeyTable(known: ["count", "percent"])

    static func read(_ field: Field) -> Tolerance? {
        if isPercentage(field) { return percentage(field, 0...100).map { Tolerance(percent: $0) } }
        guard case .mapping = field.node.content else {
            guard case .text(let text, isQuoted: false) = field.node.content, let count = Field.decimal(text),
                count <= 1_000_000
            else {
                return field.refuse(
                    "value.tolerance", expected: "a number of hosts, or a percentage as 5%",
                    remedy: "Write 2, 5% or { count: 2, percent: 5 }.")
            }
            return Tolerance(count: count)
        }
        guard let mapping = MappingReader(field, keys, what: "a tolerance") else { return nil }
        let count = mapping.optional("count", default: Int?.none) { $0.integer(0...1_000_000).map(Optional.some) }
        let percent = mapping.optional("percent", default: Int?.none) { percentage($0, 0...100).map(Optional.some) }
        guard let count, let percent else { return nil }
        guard count != nil || percent != nil else {
            return mapping.hasRefusedKeys
                ? nil
                : field.refuse(
                    "value.tolerance", expected: "count, percent or both",
                    remedy: "Write 2, 5% or { count: 2, percent: 5 }.")
        }
        return Tolerance(count: count, percent: percent)
    }

    /// A number of hosts, `4`, or a share of them, `25%`; never none.
    static func size(_ field: Field) -> PhaseSize? {
        if isPercentage(field) { return percentage(field, 1...100).map(PhaseSize.percent) }
        guard case .text(let text, isQuoted: false) = field.node.content, let count = Field.decimal(text),
            (1...1_000_000).contains(count)
        else {
            return field.refuse(
                "value.size", expected: "a number of hosts from 1, or a percentage", remedy: "Write 4 or 25%.")
        }
        return .count(count)
    }

    static func isPercentage(_ field: Field) -> Bool {
        if case .text(let text, _) = field.node.content { text.hasSuffix("%") } else { false }
    }

    /// `50` or `50%`, also `50 %`.
    static func percentage(_ field: Field, _ range: ClosedRange<Int>) -> Int? {
        var digits = ""
        if case .text(let text, let isQuoted) = field.node.content {
            digits = text.hasSuffix("%") ? String(text.dropLast()) : isQuoted ? "" : text
            if digits.hasSuffix(" ") { digits.removeLast() }
        }
        let value = Field.decimal(digits)
        guard let value, range.contains(value) else {
            return field.refuse(
                "value.percent", expected: "a whole percentage from \(range.lowerBound) to \(range.upperBound)",
                remedy: value == nil ? "Write it as 50%." : "Choose one in that range.")
        }
        return value
    }
}
