import ArgumentParser
import Effects
import Glibc
import NIOCore
import NIOPosix

/// The clients of `bench/load.py`: hosts that do nothing but talk, thousands in one process, over TLS and with
/// certificates of their own.
@main
struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slipway-load", subcommands: [Enrol.self, Hosts.self, Poll.self, Slow.self, Floor.self])
}

struct Enrol: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Joins COUNT hosts and writes down who they are.")
    @Argument var join: String
    @Argument var count: Int
    @Argument(help: "The authority's certificate; anybody who has one of its is believed.") var authority: String
    @Argument(help: "Where they are appended, one a line.") var file: String

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        try await Enroller(join: join, authority: authority, group: group).run(count: count, into: file)
        try await group.shutdownGracefully()
    }
}

struct Hosts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Holds the streams of COUNT hosts open; commands on stdin, one JSON line on stdout for each.")
    @Argument var file: String
    @Argument var count: Int
    @Argument(help: "Port of the controller on 127.0.0.1.") var port: Int

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        let identities = try LoadIdentity.read(file, count: count)
        let fleet = try LoadFleet(identities, port: port, group: group)
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            guard words.first != "quit" else { break }
            print(try fleet.obey(words))
            // A pipe is buffered.
            fflush(nil)
        }
        // Thousands of connections that come back by themselves are not worth an orderly end.
        Glibc.exit(0)
    }
}

struct Poll: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Asks for PATH over kept connections as fast as it is answered, with If-None-Match.")
    @Argument var port: Int
    @Argument var path: String
    @Argument var tag: String
    @Argument var connections: Int
    @Argument var seconds: Int
    @Argument(help: "Identities to use; the first of them for every connection.") var file: String

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let poll = try LoadPoll(
            port: port, path: path, tag: tag, identity: LoadIdentity.read(file, count: 1)[0], group: group)
        print(try await poll.run(connections: connections, seconds: seconds))
        try await group.shutdownGracefully()
    }
}

struct Slow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keeps COUNT connections that send a byte every 7 s; says when nearly all are open, and at the end.")
    @Argument(help: "Port of the controller on 127.0.0.1.") var port: Int
    @Argument var count: Int
    @Argument var seconds: Int

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let slow = try LoadSlow(port: port, group: group)
        slow.begin(count)
        let end = ContinuousClock.now + .seconds(60)
        while slow.now.open < count * 95 / 100 {
            guard .now < end else {
                throw ValidationError(
                    "\(slow.now.open) of \(count) connections are open after 60 s, \(slow.now.attempts) tried")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        for pause in [seconds, 0] {
            print("\(slow.now.open) \(slow.now.attempts)")
            fflush(nil)
            try await Task.sleep(for: .seconds(pause))
        }
        Glibc.exit(0)
    }
}

struct Floor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answers every request with the same 304 until it is killed: what NIO and its TLS cost alone.")
    @Argument var port: Int
    @Argument(help: "PEM file: the certificate, then its authority's.") var chain: String
    @Argument(help: "PEM file.") var key: String

    func run() async throws { try await LoadFloor.run(port: port, chain: chain, key: key) }
}
