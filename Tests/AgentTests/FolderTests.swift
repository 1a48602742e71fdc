import Effects
import Foundation
import Testing

@testable import AgentLibrary

@Suite("The agent's folder")
struct FolderTests {
    @Test("A folder named relative to where the agent stands is the same folder to the programs it starts elsewhere")
    func relative() throws {
        let folder = try TemporaryFolder()
        let steps = FileManager.default.currentDirectoryPath.split(separator: "/").count
        let relative = String(repeating: "../", count: steps) + folder.path.dropFirst()
        #expect(try AgentFolder.open(relative).base.path == folder.path)
        #expect(try AgentFolder.open(folder.path).base.path == folder.path)
    }
}
