import Glibc
import Testing

/// A file of `Traps`: what somebody did, a line of dashes, the whole message that they read. What differs from run to run is a
/// word in capitals. `SLIPWAY_UPDATE_CASES=1 swift test --filter NewcomerTraps` writes what is found; read the difference
/// before you commit it.
enum GoldenMessage {
    static let folder = Files.root + "/Tests/EndToEnd/Traps"
    private static let separator = "\n----------\n"

    /// - Parameter words: what is volatile in this case alone, with what stands for it.
    static func check(
        _ name: String, _ message: String, words: [(String, String)] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let path = "\(folder)/\(name).case"
        let parts = (try? Files.read(path))?.split(separator: separator, maxSplits: 1) ?? []
        let found = normal(message, words)
        if getenv("SLIPWAY_UPDATE_CASES") != nil {
            let story = parts.first.map { String($0) } ?? name
            return try Files.write(path, story + separator + found)
        }
        #expect(parts.count == 2, "\(path)", sourceLocation: sourceLocation)
        #expect(found == parts.last.map { String($0) }, sourceLocation: sourceLocation)
    }

    private static func normal(_ text: String, _ words: [(String, String)]) -> String {
        var text = text
        for (from, to) in words { text = text.replacing(from, with: to) }
        return
            text
            .replacing(#/\d{4}-\d\d-\d\dT[0-9:.]+Z/#, with: "TIME")
            .replacing(#/\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?/#, with: "TIME")
            .replacing(#/host-[0-9a-f]{12}/#, with: "HOST")
            .replacing(#/\br\d+-[0-9a-f]{4}\b/#, with: "ROLLOUT")
            .replacing(#/[0-9a-f]{64}/#, with: "DIGEST")
            .replacing(#/process \d+/#, with: "process NUMBER")
            .replacing(#/\(\d+ times?\)/#, with: "(N times)")
            .replacing(#/in \d+\.\d s/#, with: "in SPAN")
            .replacing(#/\d+(\.\d+)? (KiB|MiB|GiB|B)\b/#, with: "SIZE")
    }
}
