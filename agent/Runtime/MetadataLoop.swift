import Effects
import Logging
import ReleaseDefinition

/// Once a day ±20 %, a host hears what approvers and the owner of the root say, though nothing is ordered: withdrawals,
/// floors, new roots. An order refreshes by itself.
struct MetadataLoop: Sendable {
    static let interval = TimeSpan.hours(24)

    var source: any ReleaseSource
    var doors: AgentDoors
    var log: Logger

    func run() async {
        while !Task.isCancelled {
            do {
                try await doors.time.sleep(for: doors.random.spread(Self.interval))
                try await source.refresh()
            } catch {
                guard !Task.isCancelled else { return }
                log.warning("the metadata could not be refreshed", metadata: ["error": "\(ReportedError(error))"])
            }
        }
    }
}
