import ReleaseDefinition

/// Host queries, calendar expressions, patterns of numbers and the other small languages that people write into policies
/// and on command lines: refused with a word, or read the same twice; no input takes long or traps.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard let text = String(validating: UnsafeBufferPointer(start: data, count: size), as: UTF8.self) else { return 0 }
    do {
        let query = try HostQuery(text)
        promise(try HostQuery(query.text) == query, "a query reads as itself")
        for labels in [[:], ["role": "web"], ["role": "db", "zone": "a", "pinned": "false"], ["": "", "and": "or"]] {
            let (id, once) = (HostID(unchecked: "web-1"), query.matches(id: HostID(unchecked: "web-1"), labels: labels))
            promise(once == query.matches(id: id, labels: labels), "a host matches or does not")
            // Refused where that is nested too deeply, or too long.
            guard let turned = try? HostQuery("not (\(text))") else { continue }
            promise(turned.matches(id: id, labels: labels) != once, "not turns the answer round")
        }
    } catch { refused(error) }
    do {
        let expression = try CalendarExpression(text)
        promise(try CalendarExpression(expression.text) == expression, "an expression reads as itself")
        let window = MaintenanceWindow(opens: expression, span: .hours(1), zone: "UTC")
        let start = UTCInstant(secondsSince1970: 1_800_000_000)
        let openings = window.openings(after: start, in: .utc, count: 3)
        promise(openings.allSatisfy { $0.from > start }, "openings lie ahead")
        promise(zip(openings, openings.dropFirst()).allSatisfy { $0.from < $1.from }, "each opening comes once")
    } catch { refused(error) }
    do { _ = try NumberPattern(text) } catch { refused(error) }
    do { _ = try DecimalNumber(text) } catch { refused(error) }
    do { _ = try TimeSpan(text) } catch { refused(error) }
    do { _ = try VersionRange(text) } catch { refused(error) }
    _ = MaintenanceWindow.isZoneName(text)
    return 0
}
