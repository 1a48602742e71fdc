import AgentProtocol
import ControllerAPI
import Effects
import Foundation
import ReleaseDefinition
import Synchronization
import Testing

@testable import ControllerLibrary

/// Many hosts report to one SQLite file, while others read it.
@Suite("Reports by the thousand")
struct ReportStormTests {
    private static let share = ProcessInfo.processInfo.environment["SLIPWAY_FAULTS"].flatMap { Int64($0) }
    private static let hosts = 100
    private static let each = share.map { max(10, 100 / $0) } ?? 20
    private static let logMax = ByteCount(64 << 20)

    private final class Seen: Sendable {
        let isOver = Atomic(false)
        let copies = Atomic(0)
        let logSize = Mutex(ByteCount(0))
    }

    @Test(
        "R38: 10 000 reports of 100 hosts beside readers and backups: none meets a lock, each is there once, the log stays small"
    )
    func storm() async throws {
        let test = try TestController()
        let folder = try TemporaryFolder()
        let path = test.folder.path + "/events.sqlite"
        let seen = Seen()
        let ids = try await test.run { running -> [HostID] in
            var ids: [HostID] = []
            for _ in 0..<Self.hosts { ids.append(try await TestHost.join(test, running).id) }
            let (controller, all) = (running.controller, ids)
            try await withThrowingTaskGroup(of: Void.self) { group in
                // Backups, one after the other, each as of one moment.
                group.addTask {
                    repeat {
                        let target = folder.path + "/\(seen.copies.load(ordering: .relaxed)).sqlite"
                        _ = try SQLiteStore.copy(path, to: target)
                        seen.copies.wrappingAdd(1, ordering: .relaxed)
                        await Task.yield()
                    } while !seen.isOver.load(ordering: .relaxed)
                }
                // People, and whoever looks at the files.
                group.addTask {
                    let above = try Directory.open(test.folder.path)
                    repeat {
                        _ = try await controller.auditEntries(after: 0, before: .max, limit: 100)
                        let size = try above.status("events.sqlite-wal")?.size ?? ByteCount(0)
                        seen.logSize.withLock { $0 = max($0, size) }
                        await Task.yield()
                    } while !seen.isOver.load(ordering: .relaxed)
                }
                group.addTask {
                    defer { seen.isOver.store(true, ordering: .relaxed) }
                    try await withThrowingTaskGroup(of: Void.self) { hosts in
                        for id in all {
                            hosts.addTask {
                                for sequence in 1...Self.each {
                                    let report = try StoreSamples.report(sequence, id.text).report
                                    let batch = HostReportBatch(reports: [report])
                                    let receipt = try await controller.receive(batch, from: id)
                                    #expect(receipt.acknowledged == sequence)
                                }
                            }
                        }
                        try await hosts.waitForAll()
                    }
                }
                try await group.waitForAll()
            }
            #expect(await controller.metrics.snapshot.appendsFailed == 0)
            return ids
        }
        #expect(seen.copies.load(ordering: .relaxed) > 0)
        #expect(seen.logSize.withLock { $0 } < Self.logMax, "\(seen.logSize.withLock { $0 })")
        var stored: [HostID: [Int64]] = [:]
        try SQLiteStore(path: path).replay(
            event: { _ in }, report: { stored[$0.host, default: []].append($0.report.sequence) })
        for id in ids { #expect(stored[id] == Array(1...Self.each)) }
    }
}
