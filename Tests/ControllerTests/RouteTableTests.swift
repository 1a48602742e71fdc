import Hummingbird
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("Route table")
struct RouteTableTests {
    private func route(_ path: String, _ access: RouteAccess? = .person(.view)) -> Route {
        Route(.get, path, access: access) { _ in Responses.text("") }
    }

    @Test("A route without a permission keeps the server from starting")
    func routeWithoutPermission() {
        let error = #expect(throws: ControllerError.self) { try RouteTable([route("/v1/hosts"), route("/x", nil)]) }
        #expect(error?.code == "controller.setup.routeWithoutPermission")
    }

    @Test("A route that stands twice keeps the server from starting")
    func routeTwice() {
        let error = #expect(throws: ControllerError.self) { try RouteTable([route("/a/{b}"), route("/a/{b}")]) }
        #expect(error?.code == "controller.setup.routeTwice")
    }

    @Test("What is not a row is not found, whatever its prefix")
    func unknownPaths() throws {
        let table = try RouteTable([route("/v1/hosts/{id}")])
        for path in ["/", "/v1", "/v1/hosts", "/v1/hosts/a/b", "/v1/HOSTS/a", "/v2/hosts/a"] {
            guard case .none = table.match(.get, path) else {
                Issue.record("\(path) was found")
                continue
            }
        }
    }

    @Test("Another method on a known path names the methods there are")
    func otherMethod() throws {
        let table = try RouteTable([route("/v1/hosts")])
        guard case .otherMethods(let methods) = table.match(.post, "/v1/hosts") else {
            Issue.record("the method was taken")
            return
        }
        #expect(methods == ["GET", "HEAD"])
    }

    @Test("An encoded slash stays inside its component")
    func encodedSlash() throws {
        let table = try RouteTable([route("/v1/hosts/{id}")])
        guard case .found(_, let parameters) = table.match(.get, "/v1/hosts/a%2Fb") else {
            Issue.record("not found")
            return
        }
        #expect(parameters["id"] == "a/b")
    }

    @Test("The rest of a path is one parameter")
    func rest() throws {
        let table = try RouteTable([route("/repository/**")])
        guard case .found(_, let parameters) = table.match(.get, "/repository/blobs/abc") else {
            Issue.record("not found")
            return
        }
        #expect(parameters["**"] == "blobs/abc")
    }
}

@Suite("Byte ranges")
struct ByteRangeTests {
    @Test(
        "A range header is read as RFC 9110 says",
        arguments: [
            ("bytes=0-4", ByteRange.Parsed.part(.init(start: 0, end: 5))),
            ("bytes=5-", .part(.init(start: 5, end: 10))),
            ("bytes=-3", .part(.init(start: 7, end: 10))),
            ("bytes=-30", .part(.init(start: 0, end: 10))),
            ("bytes=8-99", .part(.init(start: 8, end: 10))),
            ("bytes=10-", .unsatisfiable), ("bytes=10-12", .unsatisfiable), ("bytes=-0", .unsatisfiable),
            ("bytes=4-2", .whole), ("bytes=0-1,3-4", .whole), ("bytes=a-b", .whole), ("items=0-1", .whole),
            ("bytes=-", .whole), ("bytes=99999999999999999999-", .whole),
        ])
    func parsing(_ header: String, _ expected: ByteRange.Parsed) {
        #expect(ByteRange.parse(header, size: 10) == expected)
    }
}
