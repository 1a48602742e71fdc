import AgentProtocol
import ControllerAPI
import Effects
import Hummingbird
import ReleaseDefinition
import ReleaseLifecycle

/// A link by which somebody without an account says how a release went: what it allows stands in it, signed by the
/// controller. `web@1.3~1767225600~200~5f0c…~MAC`
struct FeedbackLink: Sendable, Equatable {
    static let lifetimeMax = TimeSpan.days(90)
    static let usesMax = 1000
    /// Of one answer.
    static let textMax = 1000
    /// In the store, so that every controller that shares it can read the others' links.
    static let keyName = "feedback-key"
    private static let macLength = 32

    var release: ReleaseName
    var expiresAt: UTCInstant
    /// How many answers it takes.
    var uses: Int
    /// Random: tells the answers of this link from those of others.
    var id: String

    /// The log's word for who answers by it.
    var actor: String { "link:\(id)" }

    private var head: String { "\(release)~\(expiresAt.millisecondsSince1970 / 1000)~\(uses)~\(id)" }

    func text(key: [UInt8]) -> String { "\(head)~\(Self.mac(head, key))" }

    /// nil: no link of this controller, or one of which something was changed.
    init?(_ text: String, key: [UInt8]) {
        let parts = text.split(separator: "~", omittingEmptySubsequences: false).map(String.init)
        guard text.utf8.count <= 400, parts.count == 5,
            Self.mac(parts[..<4].joined(separator: "~"), key).isSameInConstantTime(as: parts[4]),
            let release = try? ReleaseName(parts[0]), let seconds = Int64(parts[1]), let uses = Int(parts[2])
        else { return nil }
        self.init(release: release, expiresAt: UTCInstant(secondsSince1970: seconds), uses: uses, id: parts[3])
    }

    init(release: ReleaseName, expiresAt: UTCInstant, uses: Int, id: String) {
        self.release = release
        self.expiresAt = expiresAt
        self.uses = uses
        self.id = id
    }

    private static func mac(_ text: String, _ key: [UInt8]) -> String {
        String(SHA256Digest(authenticating: Array("feedback:\(text)".utf8), key: key).hex.prefix(macLength))
    }
}

extension Controller {
    func makeFeedbackLink(_ name: ReleaseName, _ request: FeedbackLinkRequest) throws -> FeedbackLinkView {
        let lifecycle = try known(name)
        guard !lifecycle.isOver else {
            throw ControllerError.conflict(
                "feedbackOver", "\(name) is \(lifecycle.stage.rawValue): nothing is added any more.",
                remedy: "Tell its owner.")
        }
        guard request.lifetime > .zero, request.lifetime <= FeedbackLink.lifetimeMax,
            (1...FeedbackLink.usesMax).contains(request.uses)
        else {
            throw ControllerError.badRequest(
                "link", "A link for \(request.lifetime) and \(request.uses) answers is asked for.",
                remedy: "It holds for \(FeedbackLink.lifetimeMax) and \(FeedbackLink.usesMax) answers at most.")
        }
        let link = FeedbackLink(
            release: name, expiresAt: time.now() + request.lifetime, uses: request.uses,
            id: Hexadecimal.encode(random.bytes(8)))
        return FeedbackLinkView(
            url: "\(configuration.url)/feedback/\(link.text(key: try feedbackKey()))", expiresAt: link.expiresAt,
            uses: link.uses)
    }

    /// Made when the first link is.
    private func feedbackKey() throws -> [UInt8] {
        if let key = try store.document(FeedbackLink.keyName) { return key }
        let key = random.bytes(32)
        try commit(StoreChange(documents: [FeedbackLink.keyName: key]), at: time.now())
        return key
    }

    /// - Throws: `controller.request.notFound`, `controller.conflict.feedback…`: a sentence for whoever opened it.
    func openFeedbackLink(_ text: String) throws -> FeedbackLink {
        guard let key = try store.document(FeedbackLink.keyName), let link = FeedbackLink(text, key: key),
            state.lifecycles[link.release] != nil
        else {
            throw ControllerError.notFound("link", remedy: "Ask whoever sent it for a new one; copy it whole.")
        }
        guard time.now() < link.expiresAt else {
            throw ControllerError.conflict(
                "feedbackExpired", "This link ended at \(link.expiresAt).", remedy: "Ask whoever sent it for a new one."
            )
        }
        let record = state.lifecycle(link.release)
        guard record.record.feedback.count(where: { $0.by == link.actor }) < link.uses else {
            throw ControllerError.conflict(
                "feedbackFull", "This link has taken all its \(link.uses.of("answer")).",
                remedy: "Ask whoever sent it for a new one.")
        }
        guard !record.isOver else {
            throw ControllerError.conflict(
                "feedbackOver", "\(link.release) is \(record.stage.rawValue): nothing is added any more.",
                remedy: "Tell its owner.")
        }
        return link
    }

    /// - Returns: the release that it was about.
    func giveFeedback(byLink text: String, score: Int?, words: String) throws -> ReleaseName {
        let link = try openFeedbackLink(text)
        guard let score, (1...5).contains(score) else {
            throw ControllerError.badRequest("score", "No score is chosen.", remedy: "Choose 1 (bad) to 5 (good).")
        }
        let shown = words.unicodeScalars.filter { $0.value >= 0x20 || $0 == "\n" }
        let text = String(String.UnicodeScalarView(shown)).bounded(FeedbackLink.textMax)
        let feedback = ReleaseFeedback(
            text: text.contains { !$0.isWhitespace } ? text : "(no words)", score: score, at: time.now(),
            by: link.actor)
        try tell(link.release, .giveFeedback(feedback), by: link.actor)
        return link.release
    }
}

/// The page behind the link.
enum FeedbackPage {
    static func routes(_ controller: Controller, _ templates: ConsoleTemplates) -> [Route] {
        let byLink = RouteAccess.anyone(because: "the link is the credential: signed, bounded in time and in answers")
        @Sendable func page(_ release: ReleaseName?, isDone: Bool = false, refusal: String? = nil) -> [UInt8] {
            let model: [String: Any] = [
                "style": ConsoleAssets.stylePath, "title": release.map { "How did \($0) go?" } ?? "Feedback",
                "isOpen": release != nil && !isDone,
                "isDone": isDone, "hasRefusal": refusal != nil, "refusal": refusal ?? "",
                "textMax": FeedbackLink.textMax,
            ]
            return Array(templates.render("feedback", model).utf8)
        }
        @Sendable func refused(_ error: ControllerError, _ release: ReleaseName?) -> Response {
            ConsoleResponses.html(
                page(release, refusal: "\(error.summary) \(error.remedy)"), status: error.status)
        }
        return [
            Route(.get, "/feedback/{link}", access: byLink) { request in
                do {
                    let link = try await controller.openFeedbackLink(request.parameters["link"] ?? "")
                    return ConsoleResponses.html(page(link.release))
                } catch let error as ControllerError { return refused(error, nil) }
            },
            Route(.post, "/feedback/{link}", access: byLink, bodySizeMax: ByteCount(16 << 10)) { request in
                let text = request.parameters["link"] ?? ""
                let body = try await request.body()
                do {
                    let release = try await controller.giveFeedback(
                        byLink: text, score: ConsoleForm.field("score", of: body).flatMap { Int($0) },
                        words: ConsoleForm.text("text", of: body) ?? "")
                    return ConsoleResponses.html(page(release, isDone: true))
                } catch let error as ControllerError {
                    let link = try? await controller.openFeedbackLink(text)
                    return refused(error, link?.release)
                }
            },
        ]
    }
}
