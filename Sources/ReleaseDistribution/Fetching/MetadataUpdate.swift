import Effects
import ReleaseDefinition
import ReleaseTrust

/// The I/O of one client workflow: asks for what `MetadataRefresh` wants, in its order, and stores what it accepted,
/// each file durable before the next is asked for.
struct MetadataUpdate: Sendable {
    let store: MetadataStore
    let http: any HTTPDoor
    let time: any TimeDoor
    let address: RepositoryAddress
    var algorithms: Set<KeyAlgorithm> = .ours
    var retry = RetryPolicy.brief
    /// For one file, however slowly it comes.
    var timeout = TimeSpan.seconds(60)
    /// nil: every file is asked for without a condition.
    var lastTimestamp: LastTimestamp?

    /// How long another update of the same store, in this process or another, is waited for.
    static let waitMax = TimeSpan.seconds(60)
    private static let waitStep = TimeSpan.milliseconds(50)

    /// Loads what is stored; no request yet. With a root that is damaged, the enrolment's: the walk through all roots
    /// since heals it.
    /// - Parameter last: an earlier update of the same store, by which known bytes are known.
    /// - Returns: also the names of files that were found damaged and moved aside.
    func open(
        at now: UTCInstant, after last: MetadataRefresh? = nil
    ) throws -> (refresh: MetadataRefresh, damaged: [String]) {
        var (files, damaged) = try store.load()
        if let again = last?.again(at: now, stored: files) { return (again, damaged) }
        var refresh: MetadataRefresh
        do {
            refresh = try MetadataRefresh(stored: files, at: now, accepting: algorithms)
        } catch {
            guard let pinned = try store.pinned() else { throw error }
            let rootName = MetadataFile.storedName(role: "root")
            if files[rootName] != nil {
                try store.quarantine(rootName)
                damaged.append(rootName)
            }
            files[rootName] = pinned
            refresh = try MetadataRefresh(stored: files, at: now, accepting: algorithms)
        }
        for name in refresh.damaged { try store.quarantine(name) }
        return (refresh, damaged + refresh.damaged)
    }

    func run(_ refresh: inout MetadataRefresh) async throws {
        do {
            while let request = refresh.nextRequest { try await answer(request, &refresh) }
        } catch {
            // The timestamp may have been what led astray.
            lastTimestamp?.forget()
            throw error
        }
    }

    private func answer(_ request: MetadataRequest, _ refresh: inout MetadataRefresh) async throws {
        let url = address.metadata(request.fileName)
        let last = request.fileName == MetadataFile.timestampName ? lastTimestamp : nil
        let known = last?.answer(at: time.monotonic())
        func ask(_ condition: [HTTPField]) async throws -> HTTPResponse {
            try await send(
                address.request(url: url, headers: condition, sizeMax: request.lengthMax, timeout: timeout))
        }
        var response = try await ask(known.map { [HTTPField("If-None-Match", $0.tag)] } ?? [])
        if response.status == 304, let known {
            // The bytes of then, judged as if they had come again: they may have expired meanwhile.
            var next = refresh
            if let changes = try? next.receive(known.body) {
                for change in changes { try store.apply(change) }
                refresh = next
                return
            }
            // Perhaps the tag was a lie, and the server has something newer.
            last?.forget()
            response = try await ask([])
        }
        switch response.status {
        case 200:
            var next = refresh
            let changes: [StoreChange]
            do { changes = try next.receive(response.body) } catch {
                // Stale or wrong in this place: another may have it. What was refused changed nothing.
                guard address.doubt(url: url) else { throw error }
                last?.forget()
                return
            }
            refresh = next
            for change in changes { try store.apply(change) }
            if let last, let expiry = refresh.trusted.timestampExpiresAt {
                let age = EntityTag.age(ofTimestampUntil: expiry, at: refresh.trusted.startedAt)
                last.keep(response, until: time.monotonic() + age)
            }
        case 404 where request.mayBeAbsent: try refresh.receiveAbsent()
        default: throw address.error(response.status, url: url)
        }
    }

    /// Tries once more where the server was not available at that moment.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let (http, address) = (http, address)
        return try await retry.run(time) {
            let response = try await http.send(request)
            let error = address.error(response.status, url: request.url)
            if response.status >= 400, RetryPolicy.isPassing(error) { throw error }
            return response
        }
    }

    /// One update of a store at a time: two that take turns file by file would leave a mixture behind.
    /// - Returns: to be released at the end of the update.
    /// - Throws: `distribution.busy`.
    func lock() async throws -> DirectoryLock {
        let start = time.monotonic()
        while true {
            if let lock = try store.directory.lock() { return lock }
            guard time.monotonic() < start + Self.waitMax else {
                throw DistributionError(
                    code: "busy",
                    summary: "\(store.directory.path) has been in use by another update for \(Self.waitMax).",
                    remedy: "See which process has it open; try again when that one has ended.")
            }
            try await time.sleep(for: Self.waitStep)
        }
    }
}
