import Effects
import Foundation
import Synchronization

/// Debian's PostgreSQL on a socket in a temporary folder, one for all tests; it ends with the process that started it,
/// however that ends.
public final class PostgresServer: Sendable {
    private static let programs = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql"))?
        .sorted { ($0 as NSString).integerValue > ($1 as NSString).integerValue }
        .map { "/usr/lib/postgresql/\($0)/bin" }
        .first { FileManager.default.isExecutableFile(atPath: $0 + "/postgres") }
    public static let isInstalled = programs != nil

    private static let running = Mutex<PostgresServer?>(nil)

    public static func shared() throws -> PostgresServer {
        try running.withLock { running in
            let server = try running ?? PostgresServer()
            running = server
            return server
        }
    }

    private let programs: String
    private let process: Process
    /// It reads to the end of this: our end.
    private let life = Pipe()
    private let folder: String
    private let superuser: String
    private let databases = Mutex(0)

    /// One of its own, that is killed and stopped; others take `shared`.
    /// - Parameters:
    ///   - primary: whose standby it is, until `promote`: what the primary says is written is on both.
    ///   - superuser: who makes databases; by default the user of every test, who may then do everything.
    public init(standbyOf primary: PostgresServer? = nil, superuser: String = "slipway") throws {
        guard let programs = Self.programs else { throw Self.failure("PostgreSQL is not installed") }
        self.programs = programs
        self.superuser = superuser
        var template = Array("/tmp/slipway-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Self.failure("no folder could be made in /tmp") }
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
                folder=$1 programs=$2 superuser=$3 primary=$4; shift 4
                if [ "$primary" ]; then
                    "$@" "$programs/pg_basebackup" -D "$folder/data" -R -c fast -h "$primary" -U "$superuser" --no-sync
                else
                    "$@" "$programs/initdb" -D "$folder/data" -A trust -U "$superuser" --no-sync -E UTF8 --locale=C
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
                """, "sh", folder, programs, superuser, primary?.folder ?? "",
            ] + other
        process.standardInput = life
        try process.run()
        let deadline = Date(timeIntervalSinceNow: 60)
        while (try? run("psql", "-c", "SELECT 1", in: "postgres")) == nil {
            guard Date() < deadline, process.isRunning else {
                let log = try? String(contentsOfFile: folder + "/log", encoding: .utf8)
                throw Self.failure("PostgreSQL did not start: \(log ?? "")")
            }
            usleep(50_000)
        }
        try primary?.awaitStandby()
    }

    /// From here on it confirms what its standby has, and nothing else.
    private func awaitStandby() throws {
        try set("synchronous_standby_names", "'*'")
        let deadline = Date(timeIntervalSinceNow: 60)
        // An error where nobody follows.
        let question = "SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        while (try? run("psql", "-c", question, in: "postgres")) == nil {
            guard Date() < deadline else { throw Self.failure("the standby does not follow") }
            usleep(50_000)
        }
    }

    /// A standby is the primary from here on.
    public func promote() throws { try run("psql", "-c", "SELECT pg_promote()", in: "postgres") }

    /// An address of a database of this server and of its standby, whichever of them takes writes.
    public func address(_ database: String, or standby: PostgresServer) -> String {
        database.replacing("host=\(folder)", with: "host=\(folder),\(standby.folder)")
            + " target_session_attrs=read-write"
    }

    private static func failure(_ summary: String) -> EffectsError {
        EffectsError(code: "test.postgres", summary: summary, remedy: "None.")
    }

    /// One of PostgreSQL's own programs, to its end.
    /// - Throws: where it does not end with 0.
    private func run(_ program: String, _ arguments: String..., in database: String) throws {
        try run(programs + "/" + program, ["-h", folder, "-U", superuser, "-d", database] + arguments)
    }

    /// The database `slipway`, made by these lines of the handbook as this server's superuser; its owner is no superuser.
    public func database(madeBy lines: String) throws -> String {
        try run("/usr/bin/env", ["PGHOST=\(folder)", "PGUSER=\(superuser)", "sh", "-e", "-c", lines])
        return address(of: "slipway")
    }

    private func run(_ program: String, _ arguments: [String]) throws {
        let child = Process()
        let output = Pipe()
        child.executableURL = URL(fileURLWithPath: program)
        child.arguments = arguments
        child.standardInput = FileHandle.nullDevice
        (child.standardOutput, child.standardError) = (output, output)
        try child.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        child.waitUntilExit()
        guard child.terminationStatus == 0 else {
            throw Self.failure("\(program) \(arguments): \(String(decoding: said, as: UTF8.self))")
        }
    }

    /// For new sessions and those that there are.
    public func set(_ name: String, _ value: String) throws {
        try run("psql", "-c", "ALTER SYSTEM SET \(name) = \(value)", in: "postgres")
        try run("psql", "-c", "SELECT pg_reload_conf()", in: "postgres")
    }

    /// Its content, as the handbook keeps and brings it back.
    public func dump(_ address: String, to file: String) throws {
        try run("pg_dump", "--format=custom", "--file=" + file, in: Self.name(in: address))
    }

    public func restore(_ file: String, to address: String) throws {
        try run("pg_restore", "--exit-on-error", file, in: Self.name(in: address))
    }

    private static func name(in address: String) -> String {
        address.split(separator: " ").first { $0.hasPrefix("dbname=") }.map { String($0.dropFirst(7)) } ?? "postgres"
    }

    private func address(of database: String) -> String { "host=\(folder) user=slipway dbname=\(database)" }

    private var server: pid_t {
        (try? String(contentsOfFile: folder + "/server", encoding: .utf8))
            .flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    /// SIGKILL, as by a machine that is short of memory; it stays down until `start`.
    public func kill() {
        FileManager.default.createFile(atPath: folder + "/down", contents: nil)
        if server > 0 { Glibc.kill(server, SIGKILL) }
    }

    public func start() { try? FileManager.default.removeItem(atPath: folder + "/down") }

    /// All of its processes: its sockets stay, and nobody answers.
    public func pause() { signalAll(SIGSTOP) }
    public func resume() { signalAll(SIGCONT) }

    private func signalAll(_ number: Int32) {
        let server = server
        guard server > 0 else { return }
        Glibc.kill(server, number)
        let children = try? String(contentsOfFile: "/proc/\(server)/task/\(server)/children", encoding: .utf8)
        for child in (children ?? "").split(separator: " ").compactMap({ pid_t($0) }) { Glibc.kill(child, number) }
    }

    /// An empty database.
    /// - Parameter tablespace: a folder of the server's user; nil: where the others are.
    public func newDatabase(tablespace: String? = nil) throws -> String {
        let name = databases.withLock { count in
            count += 1
            return "test\(count)"
        }
        if let tablespace { try run("psql", "-c", "CREATE TABLESPACE small LOCATION '\(tablespace)'", in: "postgres") }
        let place = tablespace == nil ? "" : " TABLESPACE small"
        try run("psql", "-c", "CREATE DATABASE \(name)\(place)", in: "postgres")
        return address(of: name)
    }

    public static func newDatabase() throws -> String { try shared().newDatabase() }
}
