import ReleaseDefinition

/// What the network half of an agent answers its root half. The root half believes none of it: it is what a stranger could
/// have sent over the network, and is checked as if one had.
public enum HalfAnswer: Sendable, Equatable, Codable {
    /// The first.
    case ready(number: Int)
    /// With a pipe that the body comes through, to its end.
    case head(id: Int64, status: Int, headers: [HalfHeader])
    /// The pipe ended because the body did.
    case whole(id: Int64)
    /// With its data in a file in memory.
    case event(id: Int64, name: String, eventID: String?)
    case reached(id: Int64, answer: Reach)
    /// Also in the middle of a body.
    case failed(id: Int64, error: ReportedError)

    public enum Reach: Sendable, Equatable, Codable {
        case taken
        case refused
        case unreachable(why: String)
    }

    /// Which question it answers; nil: none.
    public var id: Int64? {
        switch self {
        case .ready: nil
        case .head(let id, _, _), .whole(let id), .event(let id, _, _), .reached(let id, _), .failed(let id, _): id
        }
    }

    /// Headers that anybody in the root half looks at: the others stay where they came in.
    public static let headersPassedOn: Set<String> = [
        "cache-control", "content-length", "content-range", "content-type", "date", "etag", "last-modified",
        "retry-after",
    ]
    private static let headersMax = 16
    private static let headerSizeMax = 1024

    /// - Throws: `definition.json.…`; `agent.half.form` for what no network half of this version says.
    public init(parsing bytes: [UInt8]) throws {
        self = try JSONCoding.decode(
            Self.self, from: bytes, limits: JSONLimits(bytesMax: HalfQuestion.messageSizeMax, depthMax: 8))
        switch self {
        case .head(_, let status, let headers):
            guard (100...599).contains(status), headers.count <= Self.headersMax,
                headers.allSatisfy({ Self.headersPassedOn.contains($0.name.lowercased()) && Self.isPlain($0.value) })
            else { throw Self.malformed }
        case .event(_, let name, let eventID):
            guard Self.isPlain(name), Self.isPlain(eventID ?? "") else { throw Self.malformed }
        case .failed(_, let error):
            let words = [error.code, error.summary, error.remedy, error.cause ?? ""]
            guard words.allSatisfy({ $0.utf8.count <= WordBound.words }) else { throw Self.malformed }
        case .reached(_, .unreachable(let why)):
            guard why.utf8.count <= WordBound.words else { throw Self.malformed }
        case .ready, .whole, .reached: break
        }
    }

    public var bytes: [UInt8] { get throws { try JSONCoding.value(of: self).wireBytes } }

    /// Only what would be taken at the other end.
    public static func head(id: Int64, status: Int, all headers: [HalfHeader]) -> HalfAnswer {
        let passed = headers.filter { headersPassedOn.contains($0.name.lowercased()) && isPlain($0.value) }
        return .head(id: id, status: status, headers: Array(passed.prefix(headersMax)))
    }

    public static func failed(id: Int64, cut error: ReportedError) -> HalfAnswer {
        .failed(id: id, error: error.bounded)
    }

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.count <= headerSizeMax && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    private static let malformed = ReportedError(
        code: "agent.half.form", summary: "The network half said what none says.",
        remedy: "Restart both halves: systemctl restart slipway-agent slipway-agent-network.")
}
