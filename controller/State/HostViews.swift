import AgentProtocol
import ControllerAPI
import ReleaseDefinition

extension Controller {
    func hostViews() -> [HostView] { state.hostsInOrder.map { view(of: $0) } }

    func hostView(_ id: HostID) throws -> HostView {
        guard let record = state.hosts[id] else {
            throw ControllerError.notFound("host \(id)", remedy: "List them with slipway hosts list.")
        }
        return view(of: record)
    }

    private func view(of record: HostRecord) -> HostView {
        HostView(
            id: record.id, environment: record.environment, labels: record.labels,
            delivery: record.inventory?.delivery, contact: contact(of: record), lastContactAt: record.lastReportAt,
            agentVersion: record.inventory?.agentVersion, products: products(of: record))
    }

    private func contact(of record: HostRecord) -> HostContact {
        if hub.isOnline(record.id) { return .online }
        guard let last = record.lastReportAt else { return .never }
        if record.delivery == .pull, let interval = record.inventory?.checkInterval,
            time.now() <= last + interval * 2
        {
            return .online
        }
        return .offline
    }

    private func products(of record: HostRecord) -> [HostProductView] {
        record.running.values.sorted { $0.release.product < $1.release.product }.map { installed in
            HostProductView(
                product: installed.release.product, wanted: nil, running: installed.release.version,
                manifest: installed.manifest, isHealthy: installed.isHealthy, rollout: nil)
        }
    }
}
