import ReleaseDefinition
import ReleaseRollout

/// A channel as hosts read it: who is named, or below the bound and not left out.
struct PublishedChannel {
    let view: ChannelView
    let counter: Int
    private let included: Set<HostID>
    private let excluded: Set<HostID>

    init(_ view: ChannelView, counter: Int) {
        self.view = view
        self.counter = counter
        included = Set(view.included)
        excluded = Set(view.excluded)
    }

    func contains(_ host: HostID) -> Bool {
        if excluded.contains(host) { return false }
        if included.contains(host) || view.everyone { return true }
        return view.bucketBound > 0
            && Int64(HostBucket(rollout: view.order.rollout, host: host).value) < view.bucketBound
    }
}
