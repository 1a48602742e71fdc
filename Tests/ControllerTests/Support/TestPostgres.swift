import Foundation
import Synchronization
import Testing

@testable import ControllerLibrary

/// Debian's PostgreSQL on a socket in a temporary folder, one for all tests; it ends with the process that started it,
/// however that ends.
final class TestPostgres: Sendable {
    private static let programs = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql"))?
        .sorted { ($0 as NSString).integerValue > ($1 as NSString).integerValue }
        .map { "/usr/lib/postgresql/\($0)/bin" }
        .first { FileManager.default.isExecutableFile(atPath: $0 + "/postgres") }
    static let isInstalled = programs != nil

    private static let running = Mutex<TestPostgres?>(nil)

    static func shared() throws -> TestPostgres {
        try running.withLock { running in
            let server = try running ?? TestPostgres()
            running = server
            return server
        }
    }

    private let process: Process
    /// It reads to the end of this: our end.
    private let life = Pipe()
    private let folder: String
    private let databases = Mutex(0)

    private init() throws {
        let programs = try #require(Self.programs)
        var template = Array("/tmp/slipway-postgres-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // It refuses to be root.
        let isRoot = geteuid() == 0
        if isRoot, let user = getpwnam("postgres") { chown(folder, user.pointee.pw_uid, user.pointee.pw_gid) }
        let other = isRoot ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.arguments =
            [
                "-c",
                """
                folder=$1 programs=$2; shift 2
                "$@" "$programs/initdb" -D "$folder/data" -A trust -U slipway --no-sync -E UTF8 --locale=C \
                    >"$folder/log" 2>&1 &&
                {
                    "$@" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off \
                        -c max_connections=200 >>"$folder/log" 2>&1 </dev/null &
                    server=$!
                    cat >/dev/null
                    kill -CONT $server; kill -QUIT $server; wait $server
                }
                rm -rf "$folder"
                """, "sh", folder, programs,
            ] + other
        process.standardInput = life
        try process.run()
        let deadline = Date(timeIntervalSinceNow: 60)
        while (try? PostgresConnection(address(of: "postgres"))) == nil {
            guard Date() < deadline, process.isRunning else {
                let log = try? String(contentsOfFile: folder + "/log", encoding: .utf8)
                throw TestFailure("PostgreSQL did not start: \(log ?? "")")
            }
            usleep(50_000)
        }
    }

    private func address(of database: String) -> String { "host=\(folder) user=slipway dbname=\(database)" }

    /// An empty database.
    func newDatabase() throws -> String {
        let name = databases.withLock { count in
            count += 1
            return "test\(count)"
        }
        try PostgresConnection(address(of: "postgres")).run("CREATE DATABASE \(name)")
        return address(of: name)
    }

    static func newDatabase() throws -> String { try shared().newDatabase() }
}
