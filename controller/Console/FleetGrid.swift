import ControllerAPI
import ReleaseDefinition

/// Which version of which product serves where: what a person on call asks first.
struct FleetGrid {
    let hosts: [HostView]
    /// The newest first.
    let rollouts: [RolloutView]
    let now: UTCInstant

    private struct Place: Hashable {
        var product: ProductName
        var environment: EnvironmentName
    }

    /// What the hosts of one place say.
    private struct Tally {
        var versions: [ReleaseVersion: Int] = [:]
        var hosts = 0
        var unhealthy = 0
        /// Of whom nothing is known since: what they said last counts for nobody.
        var silent = 0
        var elsewhere = 0

        mutating func add(_ one: HostProductView, of host: HostView) {
            hosts += 1
            if let running = one.running { versions[running, default: 0] += 1 }
            if one.running != nil, !one.isHealthy {
                unhealthy += 1
            } else if ConsoleWords.silence(host) != nil {
                silent += 1
            } else if let wanted = one.wanted, wanted != one.running {
                elsewhere += 1
            }
        }
    }

    var model: [String: Any] {
        let tallies = tallies
        let environments = Set(tallies.keys.map(\.environment)).sorted()
        let products = Set(tallies.keys.map(\.product)).sorted()
        let newest = Dictionary(
            rollouts.map { (Place(product: $0.release.product, environment: $0.environment), $0) },
            uniquingKeysWith: { first, _ in first })
        return [
            "hasGrid": !tallies.isEmpty,
            "gridColumns": environments.map { ["text": $0.text] },
            "grid": products.map { product in
                [
                    "name": product.text,
                    "cells": environments.map { environment in
                        let place = Place(product: product, environment: environment)
                        return cell(tallies[place], newest[place], place)
                    },
                ] as [String: Any]
            },
        ]
    }

    private var tallies: [Place: Tally] {
        var tallies: [Place: Tally] = [:]
        for host in hosts {
            for one in host.products where one.running != nil || one.wanted != nil {
                tallies[Place(product: one.product, environment: host.environment), default: Tally()].add(
                    one, of: host)
            }
        }
        return tallies
    }

    private func cell(_ tally: Tally?, _ newest: RolloutView?, _ place: Place) -> [String: Any] {
        guard let tally else { return ["isThere": false] }
        let versions = tally.versions.sorted { ($1.value, $1.key) < ($0.value, $0.key) }
        // In a first rollout most hosts have neither the release nor an order for it.
        let planned = newest.map { $0.state.isFinal ? 0 : $0.phases.reduce(0) { $0 + $1.hosts } } ?? 0
        let hosts = max(tally.hosts, planned)
        let others = versions.dropFirst().prefix(3).map { "\($0.key) on \($0.value)" }
        let (tone, sign, words) = state(tally, newest)
        return [
            "isThere": true,
            "version": versions.first?.key.text ?? "nothing yet",
            "hosts": "on \((versions.first?.value ?? 0)) of \(hosts.of("host"))",
            "hasOthers": !others.isEmpty,
            "others": others.joined(separator: ", ") + (versions.count > 4 ? ", …" : ""),
            "tone": tone, "sign": sign, "state": words,
            "hasRollout": newest != nil, "rollout": newest?.id.text ?? "",
            "cellID": "g-\(place.product)-\(place.environment)",
            "age": age(place, versions.first?.key).map { " for \($0)" } ?? "",
        ]
    }

    private func state(_ tally: Tally, _ newest: RolloutView?) -> (tone: String, sign: String, words: String) {
        let ill = [
            tally.unhealthy > 0 ? "\(tally.unhealthy) unhealthy" : nil,
            tally.silent > 0 ? "\(tally.silent) silent" : nil,
        ].compactMap { $0 }
        if let newest, !newest.state.isFinal {
            let words = "\(newest.release.version) \(ConsoleWords.state(newest.state).lowercased())"
            return (ConsoleWords.tone(newest.state), "›", ([words] + ill).joined(separator: ", "))
        }
        let all = ill + (tally.elsewhere > 0 ? ["\(tally.elsewhere) not as wanted"] : [])
        guard !all.isEmpty else { return ("succeeded", "✓", "as wanted") }
        let (tone, sign) =
            tally.unhealthy > 0 ? ("failed", "✕") : tally.silent > 0 ? ("offline", "○") : ("backedOut", "↩")
        return (tone, sign, all.joined(separator: ", "))
    }

    /// For how long the last release that came to an end there has served, where it is what most hosts run.
    private func age(_ place: Place, _ version: ReleaseVersion?) -> String? {
        let last = rollouts.first {
            $0.release.product == place.product && $0.environment == place.environment && $0.state == .succeeded
        }
        guard last?.release.version == version else { return nil }
        return last?.endedAt.map { ConsoleWords.length(now.since($0)) }
    }
}
