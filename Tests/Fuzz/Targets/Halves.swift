import AgentProtocol
import ReleaseDefinition

/// What the two halves of an agent say to each other. The root half parses what a network half in an attacker's hands sends:
/// what it takes is bounded, and reads as the same when it is said again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    do {
        let answer = try HalfAnswer(parsing: bytes)
        promise(bytes.count <= HalfQuestion.messageSizeMax, "a message is bounded")
        promise(try HalfAnswer(parsing: answer.bytes) == answer, "an answer reads as the same")
        if case .head(_, let status, let headers) = answer {
            promise((100...599).contains(status), "a status is one")
            promise(headers.allSatisfy { HalfAnswer.headersPassedOn.contains($0.name.lowercased()) }, "no other header")
            promise(headers.allSatisfy { !$0.value.utf8.contains { $0 < 0x20 } }, "a header is one line")
        }
    } catch { refused(error) }
    do {
        let question = try HalfQuestion(parsing: bytes)
        promise(try HalfQuestion(parsing: question.bytes) == question, "a question reads as the same")
    } catch { refused(error) }
    return 0
}
