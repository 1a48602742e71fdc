import ControllerAPI
import Effects
import ReleaseDefinition

/// Windows, freezes and what is planned: five weeks, from this Monday on, by days of UTC; and each in a table with the clock
/// of its own zone beside UTC.
struct CalendarPage: RecordContent {
    static let address = "/console/calendar"
    static let weeks: Int64 = 5
    /// Of one window; and in one day's cell.
    static let openingsMax = 200
    private static let shownMax = 4

    /// A span of time that a rollout has to heed, or is to be in.
    struct Entry: Sendable {
        enum Kind: String, Sendable { case window, freeze, rollout, plan }

        var kind: Kind
        var title: String
        var place: String
        var from: UTCInstant
        /// nil: until somebody ends it.
        var until: UTCInstant?
        var note = ""
        /// Of its own clock; nil: it has none but UTC.
        var zone: ZoneRules?
        var zoneName = "UTC"
    }

    var entries: [Entry]
    var now: UTCInstant
    /// Each has a page of proposals.
    var places: [EnvironmentName] = []

    /// The first day that is shown, since 1970: a Monday.
    static func firstDay(_ now: UTCInstant) -> Int64 {
        let day = now.millisecondsSince1970 / 86_400_000
        return day - (day + 3) % 7
    }

    static func end(_ now: UTCInstant) -> UTCInstant {
        UTCInstant(secondsSince1970: (firstDay(now) + 7 * weeks) * 86_400)
    }

    var model: [String: Any] {
        let first = Self.firstDay(now)
        let sorted = entries.sorted { ($0.from, $0.title) < ($1.from, $1.title) }
        return [
            "isCalendar": true,
            "weekdays": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map { ["text": $0] },
            "weeks": (0..<Self.weeks).map { week in
                ["days": (0..<7).map { day(first + 7 * week + $0, sorted) }]
            },
            "tables": [table(sorted).model], "hasPlaces": !places.isEmpty,
            "places": places.map { ["name": $0.text, "link": ProposalsPage.address($0)] },
        ]
    }

    private func day(_ number: Int64, _ entries: [Entry]) -> [String: Any] {
        let begin = UTCInstant(secondsSince1970: number * 86_400)
        let end = begin + .days(1)
        let today = now.millisecondsSince1970 / 86_400_000
        // A window stands on the day it opens, what lasts on every day.
        let here = entries.filter { entry in
            entry.kind == .window || entry.kind == .rollout
                ? begin <= entry.from && entry.from < end
                : entry.from < end && (entry.until.map { begin < $0 } ?? true)
        }
        let date = begin.description.prefix(10)
        return [
            "date": String(date),
            "number": number == today || date.hasSuffix("-01") ? String(date.dropFirst(5)) : String(date.suffix(2)),
            "class": number == today ? "today" : number < today ? "past" : "", "isToday": number == today,
            "entries": here.prefix(Self.shownMax).map { entry in
                let isHere = begin <= entry.from && entry.from < end
                return [
                    "kind": entry.kind.rawValue, "time": isHere ? Self.clock(entry.from) : "", "title": entry.title,
                    "words": "\(entry.kind.rawValue) \(entry.title), \(entry.place)",
                ]
            },
            "more": here.count > Self.shownMax ? "and \(here.count - Self.shownMax) more" : "",
        ]
    }

    private func table(_ entries: [Entry]) -> ListTable {
        ListTable(
            heading: "All of it",
            note: entries.isEmpty ? "no window, no freeze, nothing planned" : "each by its own clock and by UTC",
            columns: ["What", "Where", "From, by its own clock", "From (UTC)", "Until (UTC)", "Note"],
            rows: entries.map { entry in
                [
                    "\(entry.kind.rawValue): \(entry.title)", entry.place,
                    entry.zone.map { "\(Self.local(entry.from, $0)) \(entry.zoneName)" } ?? "",
                    ConsoleWords.moment(entry.from), entry.until.map(ConsoleWords.moment) ?? "lifted by hand",
                    entry.note,
                ]
            })
    }

    /// `22:00`, by UTC.
    private static func clock(_ instant: UTCInstant) -> String {
        String(ConsoleWords.moment(instant).dropFirst(11).prefix(5))
    }

    /// `Mon 2026-11-23 23:00`, by the clock on a wall of the zone.
    static func local(_ instant: UTCInstant, _ zone: ZoneRules) -> String {
        let wall = instant + .seconds(zone.offset(at: instant))
        let day = wall.millisecondsSince1970 / 86_400_000
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        return "\(names[Int((day + 3) % 7)]) \(ConsoleWords.moment(wall).prefix(16))"
    }
}

extension Controller {
    func calendarPage(for person: PersonRecord) throws -> RecordPage {
        let now = time.now()
        let entries = try windowEntries(now) + freezeEntries(now) + startEntries(for: person, now)
        var page = RecordPage(
            person: person.name, now: now, title: "Calendar",
            content: CalendarPage(entries: entries, now: now, places: proposalPlaces))
        page.acts = calendarActs(for: person)
        return page
    }

    private func windowEntries(_ now: UTCInstant) throws -> [CalendarPage.Entry] {
        guard let policy else { return [] }
        let zones = try ZoneFolder.rules(of: policy)
        let end = CalendarPage.end(now)
        return policy.windows.flatMap { it -> [CalendarPage.Entry] in
            guard let zone = zones[it.window.zone] else { return [] }
            let places = policy.environments.filter { $0.windows.contains(it.name) }.map(\.name)
            let open = it.window.opening(at: now, in: zone).map { [$0] } ?? []
            let openings = open + it.window.openings(after: now, in: zone, count: CalendarPage.openingsMax)
            return openings.filter { $0.from < end }.map { opening in
                CalendarPage.Entry(
                    kind: .window, title: it.name.text,
                    place: places.isEmpty ? "no environment has it" : places.texts, from: opening.from,
                    until: opening.until, note: opening.clockChange.map(ConsoleWords.clockChange) ?? "", zone: zone,
                    zoneName: it.window.zone)
            }
        }
    }

    private func freezeEntries(_ now: UTCInstant) -> [CalendarPage.Entry] {
        let end = CalendarPage.end(now)
        return freezeViews().filter { $0.liftedAt == nil && $0.from < end && ($0.until.map { now < $0 } ?? true) }.map {
            CalendarPage.Entry(
                kind: .freeze, title: $0.id, place: $0.scopeWords, from: $0.from, until: $0.until,
                note: "\($0.reason) (\($0.by))")
        }
    }

    /// Rollouts that wait for a window, and releases whose plan names a time.
    func startEntries(for person: PersonRecord, _ now: UTCInstant) -> [CalendarPage.Entry] {
        let end = CalendarPage.end(now)
        let waiting = state.rollouts.values.compactMap { record -> CalendarPage.Entry? in
            guard record.isActive, sees(person, record.id), let plan = record.plan,
                let starts = plan.starts, let next = starts.first(where: { now < $0.until }), next.from < end
            else { return nil }
            return CalendarPage.Entry(
                kind: .rollout, title: plan.definition.release.description, place: plan.definition.environment.text,
                from: max(next.from, now), until: next.until, note: "rollout \(record.id): hosts may start")
        }
        let planned = lifecycleViews().compactMap { view -> CalendarPage.Entry? in
            guard let schedule = view.plan?.schedule, schedule.from < end, now < schedule.until,
                person.may(.view, on: ScopedObject(product: view.release.product))
            else { return nil }
            return CalendarPage.Entry(
                kind: .plan, title: view.release.description, place: view.environment.text, from: schedule.from,
                until: schedule.until, note: ReleasePanel.words(view.stage))
        }
        return waiting + planned
    }
}
