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

    /// One of its own, that is killed and stopped; others take `shared`.
    /// - Parameter primary: whose standby it is, until `promote`: what the primary says is written is on both.
    init(standbyOf primary: TestPostgres? = nil) throws {
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
                folder=$1 programs=$2 primary=$3; shift 3
                if [ "$primary" ]; then
                    "$@" "$programs/pg_basebackup" -D "$folder/data" -R -c fast -h "$primary" -U slipway --no-sync
                else
                    "$@" "$programs/initdb" -D "$folder/data" -A trust -U slipway --no-sync -E UTF8 --locale=C
                fi >"$folder/log" 2>&1 &&
                {
                    while [ ! -e "$folder/over" ]; do
                        if [ -e "$folder/down" ]; then sleep 0.1; continue; fi
                        "$@" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off \
                            -c max_connections=200 >>"$folder/log" 2>&1 </dev/null &
                        echo $! >"$folder/server"
                        wait $!
                        sleep 0.1
                    done &
                    loop=$!
                    cat >/dev/null
                    : >"$folder/over"
                    server=$(cat "$folder/server")
                    kill -CONT $server $(cat /proc/$server/task/$server/children 2>/dev/null) 2>/dev/null
                    kill -QUIT $server 2>/dev/null; wait $loop
                }
                rm -rf "$folder"
                """, "sh", folder, programs, primary?.folder ?? "",
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
        try primary?.awaitStandby()
    }

    /// From here on it confirms what its standby has, and nothing else.
    private func awaitStandby() throws {
        let connection = try PostgresConnection(address(of: "postgres"))
        try connection.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        try connection.run("SELECT pg_reload_conf()")
        let deadline = Date(timeIntervalSinceNow: 60)
        let question = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        while try connection.run(question).count == 0 {
            guard Date() < deadline else { throw TestFailure("the standby does not follow") }
            usleep(50_000)
        }
    }

    /// A standby is the primary from here on.
    func promote() throws { try PostgresConnection(address(of: "postgres")).run("SELECT pg_promote()") }

    /// An address of a database of this server and of its standby, whichever of them takes writes.
    func address(_ database: String, or standby: TestPostgres) -> String {
        database.replacing("host=\(folder)", with: "host=\(folder),\(standby.folder)")
            + " target_session_attrs=read-write"
    }

    private func address(of database: String) -> String { "host=\(folder) user=slipway dbname=\(database)" }

    private var server: pid_t {
        (try? String(contentsOfFile: folder + "/server", encoding: .utf8))
            .flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    /// SIGKILL, as by a machine that is short of memory; it stays down until `start`.
    func kill() {
        FileManager.default.createFile(atPath: folder + "/down", contents: nil)
        if server > 0 { Glibc.kill(server, SIGKILL) }
    }

    func start() { try? FileManager.default.removeItem(atPath: folder + "/down") }

    /// All of its processes: its sockets stay, and nobody answers.
    func pause() { signalAll(SIGSTOP) }
    func resume() { signalAll(SIGCONT) }

    private func signalAll(_ number: Int32) {
        let server = server
        guard server > 0 else { return }
        Glibc.kill(server, number)
        let children = try? String(contentsOfFile: "/proc/\(server)/task/\(server)/children", encoding: .utf8)
        for child in (children ?? "").split(separator: " ").compactMap({ pid_t($0) }) { Glibc.kill(child, number) }
    }

    /// An empty database.
    /// - Parameter tablespace: a folder of the server's user; nil: where the others are.
    func newDatabase(tablespace: String? = nil) throws -> String {
        let name = databases.withLock { count in
            count += 1
            return "test\(count)"
        }
        let connection = try PostgresConnection(address(of: "postgres"))
        if let tablespace { try connection.run("CREATE TABLESPACE small LOCATION '\(tablespace)'") }
        try connection.run("CREATE DATABASE \(name)" + (tablespace == nil ? "" : " TABLESPACE small"))
        return address(of: name)
    }

    static func newDatabase() throws -> String { try shared().newDatabase() }
}
