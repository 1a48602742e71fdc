import AgentProtocol
import ControllerAPI
import ReleaseDefinition

extension Controller {
    /// Takes a host's reports: durable before the receipt, each counted once however often it comes.
    ///
    /// A repetition is anything up to the highest sequence stored. A jump is taken (a host that lost its journal goes on
    /// above what was acknowledged), so the receipt is the highest sequence of the batch.
    func receive(_ batch: HostReportBatch, from host: HostID) throws -> HostReportReceipt {
        guard let record = state.hosts[host] else { throw ControllerError.notFound("host \(host)") }
        guard batch.reports.count <= HostReportBatch.reportsMax else {
            throw ControllerError.badRequest(
                "reports",
                "\(batch.reports.count) reports came at once, at most \(HostReportBatch.reportsMax) are taken.",
                remedy: "Send them in several batches.")
        }
        var last = record.lastReport
        var new: [HostReport] = []
        for report in batch.reports where report.sequence > last {
            new.append(report)
            last = report.sequence
        }
        guard !new.isEmpty else { return HostReportReceipt(acknowledged: last) }
        let now = time.now()
        let reports = new.map { StoredReport(host: host, report: $0, receivedAt: now) }
        try commit(StoreChange(reports: reports), at: now)
        return HostReportReceipt(acknowledged: last)
    }

    func contactBegan(_ host: HostID) {}

    func contactEnded(_ host: HostID) {}

    func checkReadiness() throws -> Int64 { store.sequence }
}
