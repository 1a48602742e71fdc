import AgentProtocol
import Effects
import Logging
import ReleaseDefinition
import Synchronization

/// Keeps the host's certificate young: renews it from half of its life on, at once where the authority is being replaced,
/// and after its end by a proof of its key. A host that is killed at any moment of it is the one before or the one after:
/// the controller believes both until the new certificate was used.
struct IdentityKeeper: Sendable {
    var tls: Directory
    var host: HostID
    var controller: String
    var http: HostHTTP
    var time: any TimeDoor
    var random: any RandomDoor
    var userAgent: String
    var log: Logger
    var requests = RenewalRequests()
    /// How far such renewals of a fleet are spread.
    var spread = TimeSpan.minutes(1)

    /// A clock that is set, or a machine that slept, is noticed within this.
    private static let looksEvery = TimeSpan.hours(1)

    func run() async {
        var pace = RenewalPace()
        while !Task.isCancelled {
            do {
                try await waitUntilDue()
                try await renew()
                pace.reset()
            } catch {
                guard !Task.isCancelled else { return }
                if let notice = (error as? AgentError).flatMap(Refusal.notice) { keep(notice) }
                log.error("the certificate was not renewed", metadata: ["error": "\(ReportedError(error))"])
                let notAfter = try? StoredIdentity.read(in: tls)?.facts().notAfter
                do { try await time.sleep(for: pace.next(notAfter, at: time.now(), random)) } catch { return }
            }
        }
    }

    private func waitUntilDue() async throws {
        while true {
            guard let identity = try StoredIdentity.read(in: tls) else { throw Self.absent }
            let wait = try identity.facts().renewAt.since(time.now())
            guard wait > .zero else { return }
            if requests.isWaiting {
                return try await time.sleep(for: TimeSpan(milliseconds: random.fraction(of: spread.milliseconds)))
            }
            // One wait that both wake: a wait that is cancelled ends its stream for good.
            let (time, wake) = (time, requests.wake)
            let timer = Task {
                // One that was cancelled has nothing to say: it would wake the next wait, and that the one after it.
                guard (try? await time.sleep(for: min(wait, Self.looksEvery))) != nil else { return }
                wake.call()
            }
            await wake.wait()
            timer.cancel()
            try Task.checkCancellation()
        }
    }

    /// Gets, stores and puts to use.
    func renew() async throws {
        guard let identity = try StoredIdentity.read(in: tls) else { throw Self.absent }
        let renewal = Renewal(
            controller: controller, host: host, http: http, userAgent: userAgent, proxy: http.proxy)
        let new = try await renewal.run(identity, at: time.now())
        // Checked before it is stored: what TLS cannot read must not replace what it can.
        _ = try LiveHTTP(identity: new.tls, userAgent: userAgent)
        try new.write(in: tls)
        try await http.replace(identity: new.tls)
        requests.settle()
        let notAfter = try new.facts().notAfter
        log.info("the certificate was renewed", metadata: ["notAfter": "\(notAfter)"])
    }

    /// What the controller says of this host, kept for `slipway-agent status`.
    func keep(_ notice: IdentityNotice) {
        log.error("the controller does not take this host", metadata: ["code": "\(notice.code)"])
        do { try StoredIdentity.keep(notice, at: time.now(), in: tls) } catch {
            log.error("the notice was not kept", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// It was spoken to as the host that it is.
    func wasAdmitted() { try? StoredIdentity.forgetNotice(in: tls) }

    private static let absent = AgentError(
        code: "identity", summary: "This host has no certificate.",
        remedy: "Join it: slipway-agent join STRING, with a string from slipway hosts invite.")
}

/// Who hears what is said of this host as such: this process where it holds the key, else its network half.
protocol StandingKeeper: Sendable {
    func heard(_ standing: HalfNews)
}

extension IdentityKeeper: StandingKeeper {
    func heard(_ standing: HalfNews) {
        switch standing {
        case .renew: requests.ask()
        case .refused(let notice): keep(notice)
        case .admitted: wasAdmitted()
        case .doubtful: requests.wake.call()
        }
    }
}

/// That the controller asked for a renewal before its time.
final class RenewalRequests: Sendable {
    let wake = Wake()
    private let isAsked = Mutex(false)

    func ask() {
        isAsked.withLock { $0 = true }
        wake.call()
    }

    var isWaiting: Bool { isAsked.withLock { $0 } }

    /// There is a new certificate; one that failed stays asked for.
    func settle() { isAsked.withLock { $0 = false } }
}
