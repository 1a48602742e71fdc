import AgentProtocol
import ControllerAPI
import Effects
import Logging
import ReleaseDefinition
import ReleaseDistribution
import ReleaseLifecycle
import ReleaseTrust
import Synchronization

/// The one who decides. Every decision is made here on the current state, appended to the log, applied, and only then
/// acted on; the actor is the single writer.
public actor Controller {
    nonisolated let folder: ControllerDirectory
    nonisolated let configuration: ControllerConfiguration
    nonisolated let hub = AgentHub()
    nonisolated let watchers = WatcherHub()
    nonisolated let sessions: PersonSessions
    nonisolated let limits: RateLimits
    nonisolated let uploads: UploadRoom
    nonisolated let issuers: OIDCIssuers
    nonisolated let gate = HostGate()
    /// Reports that came since the last transaction began.
    nonisolated let intake = ReportIntake()
    nonisolated let metrics = ControllerMetrics()
    nonisolated let idempotencyKeys = IdempotencyKeys()
    nonisolated let repositoryTags = RepositoryTags()
    nonisolated let time: any TimeDoor
    nonisolated let random: any RandomDoor
    nonisolated let logger: Logger
    /// The exact text of the first root, which hosts pin.
    nonisolated let firstRoot: String
    private(set) var director: Director
    /// Those that lie in `keys/`: all of them in the profile solo.
    private(set) var keys: RepositoryKeys
    /// Used on the actor alone, but for its content-addressed blobs.
    nonisolated let publisher: RepositoryPublisher
    let store: any EventStore
    /// The same, where several controllers may share it; nil: this one is alone.
    nonisolated let shared: PostgresStore?
    /// This process among them.
    nonisolated let holder: String
    var leadership = Leadership()
    var witnesses = LogWitnesses()
    /// Hosts that are in contact with other controllers.
    var hostsElsewhere: Set<HostID> = []
    /// Hosts that another controller misses and this one has.
    var contradicted: Set<HostID> = []
    /// Releases that another controller took back.
    var revokedElsewhere: [ReleaseRevoked] = []
    var authorities: Authorities
    var renewalNonces: RenewalNonces
    var duplicates = DuplicateWatch()
    /// Each as it was after its last event.
    var rolloutSummaries: [RolloutID: RolloutView] = [:]
    /// Of the rollouts that pages showed last.
    var restedStories = RestedStories()
    /// Told when the server's certificate, or whom it believes, is another.
    var certificatesChanged: (@Sendable (ServerTLSMaterial) throws -> Void)?
    var state = FleetState()
    var repository: RepositoryState
    /// In this process: before the first time every channel counts as due.
    var channelsPublishedAt = UTCInstant(secondsSince1970: 0)
    /// When a host last spoke to this process.
    var lastSeen: [HostID: UTCInstant] = [:]
    /// How each says that it stands.
    var hostFacts: [HostID: KnownFacts] = [:]
    /// Of hosts that fetch: to be asked with the answer to what they send next.
    var factsWanted: Set<HostID> = []
    /// Ended, nothing pending, no deadline: they cost nothing until something happens to them.
    var restingRollouts: Set<RolloutID> = []
    /// Turns that were asked for to go on with words to hosts; true: with an emergency's.
    var furtherTurns: Set<Bool> = []
    /// When the newest entry of the log was written.
    private(set) var lastEntryAt: UTCInstant?
    /// Gates that are being asked.
    var gateQuestions: Set<GateQuestionKey> = []
    var channelWords: [ChannelName: ChannelWord] = [:]
    /// As hosts follow them, and those of them whose file is behind.
    var channelSets: Set<ChannelSet> = []
    var dueSets: Set<ChannelSet> = []
    var patches = PatchShelf()
    var packageSurvey = PackageSurvey()
    /// Deadlines are watched between `resume` and `suspend`.
    var isRunning = false { didSet { runs.store(isRunning, ordering: .relaxed) } }
    /// The same, for who must not wait.
    nonisolated let runs = Atomic(false)
    /// Continuous rollouts are being looked after.
    var isFollowing = false
    var timer: Task<Void, Never>?
    /// Messages on their way; nil until they were looked at.
    var outbox: NotificationOutbox?
    var outboxKeptAt = UTCInstant(secondsSince1970: 0)
    /// Names of the sinks to which something is on its way.
    var sinksBeingTold: Set<String> = []
    /// To the nearest deadline of a release's record.
    var lifecycleTimer: Task<Void, Never>?
    /// What outside systems were asked last; nothing of it is kept.
    var questionsAsked: [OutsideQuestion: AskedQuestion] = [:]
    /// Hosts that had something to say while nobody led have come back by then.
    var hostsAwaitedUntil = UTCInstant(secondsSince1970: 0)
    /// What could not be carried out, and until when it waits: the others go on.
    var pausedRollouts: [RolloutID: UTCInstant] = [:]
    /// Something else could not be written: when to try again.
    var retryAt: UTCInstant?
    /// What could not be written to the record when it was tried last.
    var failedUses: Set<RecordUse> = []
    /// It was asked to end: it serves, and says to balancers that it will not for long.
    nonisolated let leaves = Atomic(false)
    /// Held as long as the controller lives: one process a folder.
    let lock: DirectoryLock

    /// Opens the folder and replays the log: everything goes on where it stood.
    /// - Throws: `controller.setup.…`, `controller.store.…`.
    public init(
        directory path: String, time: any TimeDoor = SystemTime(), random: any RandomDoor = SystemRandom(),
        logger: Logger = Logger(label: "slipway-controller")
    ) throws {
        var folder = try ControllerDirectory.open(path)
        if let mode = try folder.closeToOthers() {
            logger.warning(
                "others could look into the controller's folder: it is closed to them now",
                metadata: ["folder": "\(path)", "mode before": "\(mode)", "mode": "700"])
        }
        guard let lock = try folder.directory.lock() else {
            throw ControllerError.setup(
                "running", "Another process runs the controller in \(path).",
                remedy: "Stop it first, or use another folder.")
        }
        let configuration = try folder.json(ControllerConfiguration.self, ControllerDirectory.configurationName)
        folder.sharedRepository = configuration.repository
        try configuration.retention?.check()
        self.lock = lock
        self.folder = folder
        self.configuration = configuration
        self.time = time
        self.random = random
        self.logger = logger
        firstRoot = try folder.firstRoot()
        keys = try KeyFolder.load(folder)
        director = Director(keys: keys.director)
        publisher = try RepositoryKeeper.publisher(folder)
        renewalNonces = RenewalNonces(random: random)
        sessions = PersonSessions(time: time, random: random)
        limits = RateLimits(configuration.limits ?? RateRules())
        let written = [folder.directory, try folder.repository()]
        uploads = UploadRoom(limits.rules) { try written.map { try $0.freeSpace() }.min() ?? ByteCount(0) }
        issuers = OIDCIssuers(folder, time: time, logger: logger)
        let store = try configuration.openStore(folder)
        self.store = store
        shared = store as? PostgresStore
        holder = Hexadecimal.encode(random.bytes(8))
        guard let document = try store.document(RepositoryKeeper.documentName) else {
            throw ControllerError.store(
                "document", "The database in \(path) holds no state of the signed metadata.",
                remedy: SQLiteStore.wayBack)
        }
        repository = try JSONCoding.decode(RepositoryState.self, from: document)
        var state = FleetState()
        var lastEntryAt: UTCInstant?
        _ = try store.readOn(
            event: {
                state.apply($0)
                lastEntryAt = $0.at
            }, report: { state.apply($0) })
        guard let serving = state.authority else {
            throw ControllerError.store(
                "empty", "The event log in \(path) is empty.",
                remedy: SQLiteStore.wayBack)
        }
        authorities = try Authorities.open(folder, serving: serving, next: state.nextAuthority)
        try ServerCertificate.renewWhereDue(
            folder, authority: authorities.serving, names: configuration.names, random: random, at: time.now())
        self.state = state
        self.lastEntryAt = lastEntryAt
        do { patches.ready = try PatchMemory.read(folder.directory, publisher.blobs) } catch {
            logger.warning("patches are made again", metadata: ["error": "\(ReportedError(error))"])
        }
    }

    /// Makes decisions durable, then applies them. Nothing may have been awaited since they were made.
    @discardableResult
    func commit(_ change: StoreChange, at now: UTCInstant) throws -> [EventEntry] {
        LoopExecutor.expectElsewhere()
        let terms = ChangeTerms.open
        try terms?.check(self)
        var change = change
        change.request = terms?.request
        let entries: [EventEntry]
        do {
            entries = try metrics.timing(change) {
                try store.append(change, expecting: store.sequence, at: now, under: leadership.lease)
            }
        } catch let error as ControllerError where error.isOvertaken {
            // Whoever decides again does so on what there is now.
            if error.code == "controller.store.fenced" { leadership.lease = nil }
            try takeNews()
            throw error
        } catch let error as ControllerError where error.status == .conflict {
            // Its request was kept already: the record is well.
            throw error
        } catch {
            noteRecord(.log, isWritten: false)
            throw error
        }
        terms?.close()
        noteRecord(.log, isWritten: true)
        for entry in entries { applyToState(entry) }
        repository.checkpoint = store.head.checkpoint
        for report in change.reports { state.apply(report) }
        if isRunning, leads, !state.unsettledLifecycles.isEmpty {
            Task { [weak self] in await self?.settleLifecycles() }
        }
        if isRunning, leads, !state.continuousRollouts.isEmpty,
            entries.contains(where: { if case .releaseApproved = $0.event { true } else { false } })
        {
            Task { [weak self] in await self?.followChannels() }
        }
        return entries
    }

    func applyToState(_ entry: EventEntry) {
        state.apply(entry)
        gate.hear(entry.event)
        lastEntryAt = entry.at
        guard case .rolloutChanged(let it) = entry.event else { return }
        restingRollouts.remove(it.rollout)
        if let change = state.rollouts[it.rollout]?.changes.last { watchers.send(change) }
    }

    @discardableResult
    func commit(_ event: ControllerEvent, by actor: String, at now: UTCInstant) throws -> EventEntry? {
        try commit(StoreChange(events: [NewEvent(actor: actor, event: event)]), at: now).first
    }

    func setKeys(_ new: RepositoryKeys) {
        keys = new
        director = Director(keys: new.director)
    }

    // MARK: who is calling

    func token(_ text: String) -> PeopleRecord.Token? {
        state.people.token(hash: SHA256Digest(of: Array(text.utf8))).flatMap { $0.isGood(at: time.now()) ? $0 : nil }
    }

    func person(token text: String) -> PersonRecord? { token(text).flatMap { state.people.people[$0.person] } }

    func person(named name: String) -> PersonRecord? { state.people.people[name] }

    /// Of a console session: as long as the token that it began with is good.
    func person(tokenID id: String) -> PersonRecord? {
        guard let token = state.people.tokens[id], token.isGood(at: time.now()) else { return nil }
        return state.people.people[token.person]
    }
}
