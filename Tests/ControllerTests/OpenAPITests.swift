import ControllerAPI
import Foundation
import ReleaseDefinition
import Testing

@testable import ControllerLibrary

@Suite("The contract of the API")
struct OpenAPITests {
    private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/openapi.json")

    @Test("Every route of the API is described, and nothing is described that is no route")
    func bothWays() async throws {
        let test = try TestController()
        let controller = try Controller(directory: test.folder.path)
        let routes = Set(ControllerRoutes.all(controller).map { OpenAPIDocument.key($0) })
        #expect(routes.subtracting(APIOperation.all.keys).sorted() == [])
        #expect(Set(APIOperation.all.keys).subtracting(routes).sorted() == [])
        let made = OpenAPIDocument(ControllerRoutes.all(controller))
        #expect(made.unknown == [], "every body and every answer has a schema")
        let document = made.json
        let operations = document["paths"]?.objectValue?.flatMap { path in
            (path.value.objectValue ?? []).map { "\($0.name) \(path.name)" }
        }
        #expect(operations?.count == routes.count)
        let names = document["paths"]?.objectValue?.flatMap { path in
            (path.value.objectValue ?? []).compactMap { $0.value["operationId"]?.stringValue }
        }
        #expect(Set(names ?? []).count == routes.count, "operation ids are unique")
        await controller.close()
    }

    @Test("docs/openapi.json is what the controller serves")
    func file() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            let served = try await client.send("GET", "/openapi.yaml")
            #expect(served.status == 200)
            let isWritten = ProcessInfo.processInfo.environment["SLIPWAY_WRITE_OPENAPI"] != nil
            if isWritten { try Data(served.body).write(to: Self.file) }
            let kept = try Array(Data(contentsOf: Self.file))
            #expect(kept == served.body, "run this test with SLIPWAY_WRITE_OPENAPI=1 and commit docs/openapi.json")
            await client.close()
        }
    }

    @Test("What a stranger asks of any route is answered as documented, in problem+json")
    func strangers() async throws {
        let test = try TestController()
        try await test.run { running in
            let client = try TestClient(test, running)
            for route in ControllerRoutes.all(running.controller) {
                let path = route.path.replacing("{", with: "").replacing("}", with: "").replacing("**", with: "none")
                guard let operation = APIOperation.all[OpenAPIDocument.key(route)] else { continue }
                let response = try await client.send(
                    route.method.rawValue, path, bytes: route.method == .post ? Array("[".utf8) : nil)
                if operation.status.contains(response.status) { continue }
                let problem = try? response.json(Problem.self)
                #expect(problem?.status == response.status, "\(route.method) \(path): \(response.status)")
                #expect([400, 401, 403, 404, 413, 422].contains(response.status), "\(route.path)")
            }
            await client.close()
        }
    }
}
