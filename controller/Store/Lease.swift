import ReleaseDefinition

/// The right to lead, for a while. The token rises with every change of hands, and each write under the lease shows it:
/// whoever was stopped past the end of its lease and wakes up writes nothing.
struct Lease: Sendable, Equatable {
    var name: String
    /// Of one process; a program that was started again is another.
    var holder: String
    var token: Int64
}

/// Where leases are kept. Time is the database's: the clocks of controllers do not matter.
protocol LeaseStore: Sendable {
    /// Takes the lease where it is free, over, or held by `holder` already; nil where another holds it.
    func acquire(_ name: String, by holder: String, for span: TimeSpan) throws -> Lease?

    /// Gives it back at once, so that nobody must wait for its end.
    func release(_ lease: Lease) throws

    /// - Throws: `controller.store.fenced` where another took it since.
    func check(_ lease: Lease) throws
}

extension ControllerError {
    static func fenced(_ lease: Lease) -> ControllerError {
        .store(
            "fenced", "Another controller has taken over: the token \(lease.token) of this one is over.",
            remedy: "Nothing was written. This controller goes on as a standby by itself.")
    }
}
