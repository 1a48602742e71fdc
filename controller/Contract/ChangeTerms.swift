import ReleaseDefinition
import Synchronization

/// What a caller tied to the change that a request makes: that what is changed is still what was looked at (`If-Match`), and that
/// it is made once (`Idempotency-Key`).
///
/// Both hold where the change becomes durable: the first commit of the request checks the one, in the same turn of the
/// controller, and keeps the other, in the same transaction. So nothing comes between, whatever the request awaited before.
final class ChangeTerms: Sendable {
    /// Its tag.
    typealias Shown = @Sendable (isolated Controller) throws -> String?

    /// Of the request that is being answered.
    @TaskLocal static var current: ChangeTerms?

    private let condition: ChangeCondition
    private let shown: Shown?
    let request: KeptRequest?
    /// Until the first change was made, or the request was answered: what goes on in the background is no part of it.
    private let isOpen = Mutex(true)

    init(_ condition: ChangeCondition, shown: Shown?, request: KeptRequest?) {
        (self.condition, self.shown, self.request) = (condition, shown, request)
    }

    /// nil: nothing is asked, or it was done.
    static var open: ChangeTerms? { current.flatMap { terms in terms.isOpen.withLock { $0 } ? terms : nil } }

    func close() { isOpen.withLock { $0 = false } }

    /// - Throws: `controller.conflict.changed` (412).
    func check(_ controller: isolated Controller) throws {
        guard condition.isAsked, let shown else { return }
        try condition.check(try shown(controller))
    }
}

extension Controller {
    /// Before anything is done for it; the commit asks again.
    func check(_ terms: ChangeTerms) throws { try terms.check(self) }
}
