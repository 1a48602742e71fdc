import ReleaseDefinition
import ReleaseTrust

/// A host's certificate that ends soon, or has ended.
struct CertificateWarning: Sendable {
    var host: HostID
    var expiresAt: UTCInstant
    var level: ExpiryLevel
}

extension FleetState {
    /// Of the hosts that may speak, the most urgent first. A host renews its certificate when half of its 30 days are
    /// over, so whatever has 14 days left was not renewed in time; that it has 30 is no news.
    func certificateWarnings(at now: UTCInstant) -> [CertificateWarning] {
        hosts.values.compactMap { host in
            let end = host.identity.newest.notAfter
            guard host.identity.standing.isActive, let level = ExpiryLevel(expiresAt: end, at: now), level != .days30
            else { return nil }
            return CertificateWarning(host: host.id, expiresAt: end, level: level)
        }.sorted { ($0.expiresAt, $0.host) < ($1.expiresAt, $1.host) }
    }
}

extension Controller {
    /// Once for each certificate and level, also over restarts; all hosts of a level together.
    func noteCertificates(at now: UTCInstant) throws {
        let news = state.certificateWarnings(at: now).filter { warning in
            guard let told = state.certificateExpiries[warning.host], told.end == warning.expiresAt else { return true }
            return warning.level.margin < told.level.margin
        }
        for level in ExpiryLevel.allCases {
            let hosts = news.filter { $0.level == level }
            guard !hosts.isEmpty else { continue }
            let event = CertificatesExpiring(
                level: level, hosts: hosts.map { .init(host: $0.host, expiresAt: $0.expiresAt) })
            try commit(.certificatesExpiring(event), by: Self.engineActor, at: now)
            logger.warning("\(CertificateWarning.words(level, hosts.map(\.host)))")
        }
    }

    /// For the console: a sentence for each level.
    func certificateNotices(at now: UTCInstant) -> [ConsoleNotice] {
        let warnings = state.certificateWarnings(at: now)
        return ExpiryLevel.allCases.reversed().compactMap { level in
            let hosts = warnings.filter { $0.level == level }.map(\.host)
            guard !hosts.isEmpty else { return nil }
            return ConsoleNotice(
                tone: level == .expired ? "failed" : "waiting", text: CertificateWarning.words(level, hosts),
                command: "slipway doctor")
        }
    }
}

extension CertificateWarning {
    static let remedy =
        "Start their agents: they renew by proof of their key for 90 days after the end; else retire them."

    static func words(_ level: ExpiryLevel, _ hosts: [HostID]) -> String {
        let names = hosts.prefix(10).map(\.text).joined(separator: ", ") + (hosts.count > 10 ? ", …" : "")
        let what = hosts.count == 1 ? "a certificate that" : "certificates that"
        let when = level == .expired ? "expired" : "\(hosts.count == 1 ? "ends" : "end") within \(level.margin)"
        return "\(hosts.count.of("host")) with \(what) \(when) and \(hosts.count == 1 ? "was" : "were") not renewed: "
            + names
    }
}
