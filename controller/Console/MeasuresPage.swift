import ReleaseDefinition

/// The four measures with a chart each, a bar for each week. Drawn on the server: no script, nothing from elsewhere.
struct MeasureCharts: RecordContent {
    static let weeks = 13

    /// All first, then each product: of the whole span.
    let totals: [ReleaseMeasures]
    /// Of the product that is shown, or of all: the oldest week first.
    let weekly: [ReleaseMeasures]
    let product: ProductName?

    var model: [String: Any] {
        let shown = totals.first { $0.product == product }
        let names = totals.map(\.product)
        return [
            "isMeasures": true, "span": "the last \(Self.weeks) weeks, \(product?.text ?? "all products")",
            "products": names.map { name in
                [
                    "name": name?.text ?? "all", "isCurrent": name == product,
                    "link": name.map { "/console/measures?product=\($0)" } ?? "/console/measures",
                ] as [String: Any]
            },
            "charts": charts(shown), "rows": totals.map(row),
        ]
    }

    private func charts(_ shown: ReleaseMeasures?) -> [[String: Any]] {
        [
            chart(
                "Deployments a week", shown.map { "\(Self.perDay($0)) a day" }, tone: "succeeded",
                weekly.map { Double($0.deployments) }, weekly.map { $0.deployments.of("deployment") }),
            chart(
                "Lead time to the last host", shown?.leadTimeToLastHost?.words, tone: "moving",
                weekly.map { $0.leadTimeToLastHost.map { Double($0.milliseconds) } ?? 0 },
                weekly.map { $0.leadTimeToLastHost?.words ?? "none" }),
            chart(
                "Change failure rate", shown.flatMap { $0.rollouts == 0 ? nil : Self.failures($0) }, tone: "failed",
                weekly.map { Double($0.failuresPermille) }, weekly.map { $0.rollouts == 0 ? "none" : Self.failures($0) }
            ),
            chart(
                "Time to restore", shown?.timeToRestore?.words ?? "nothing had to be", tone: "backedOut",
                weekly.map { $0.timeToRestore.map { Double($0.milliseconds) } ?? 0 },
                weekly.map { $0.timeToRestore?.words ?? "none" }),
        ]
    }

    /// In units of a view box of 520 by 140, whose lower 20 are for the words.
    private func chart(
        _ title: String, _ value: String?, tone: String, _ heights: [Double], _ labels: [String]
    ) -> [String: Any] {
        let most = heights.max() ?? 0
        let width = 520 / Double(max(1, heights.count))
        let bars: [[String: Any]] = heights.enumerated().compactMap { place, height in
            guard most > 0, height > 0 else { return nil }
            let length = max(1, height / most * 100)
            return [
                "x": PhaseBar.text(Double(place) * width + 3), "y": PhaseBar.text(120 - length),
                "width": PhaseBar.text(width - 6), "height": PhaseBar.text(length), "tone": tone,
                "label": "\(week(place)): \(labels[place])",
            ]
        }
        let peak = heights.firstIndex(of: most).map { labels[$0] } ?? ""
        return [
            "title": title, "value": value ?? "no data", "bars": bars,
            "most": most > 0 ? "at most \(peak)" : "nothing yet",
            "ticks": weekly.indices.filter { $0 % 4 == 0 }.map {
                ["x": PhaseBar.text(Double($0) * width + 3), "text": String(week($0).dropFirst(5))]
            },
            "summary": "\(title), \(value ?? "no data"). "
                + labels.indices.map { "\(week($0)): \(labels[$0])" }.joined(separator: "; "),
        ]
    }

    /// The week's first day.
    private func week(_ place: Int) -> String { String(weekly[place].from.description.prefix(10)) }

    private func row(_ one: ReleaseMeasures) -> [String: Any] {
        [
            "name": one.product?.text ?? "all", "deployments": one.deployments, "perDay": Self.perDay(one),
            "emergencies": one.emergencies, "leadTime": one.leadTimeToLastHost?.words ?? "–",
            "failures": one.rollouts == 0 ? "–" : "\(Self.failures(one)) (\(one.failures) of \(one.rollouts))",
            "restore": one.timeToRestore?.words ?? "–",
        ]
    }

    private static func perDay(_ one: ReleaseMeasures) -> String {
        let hundredths = one.deploymentsPerThousandDays / 10
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    private static func failures(_ one: ReleaseMeasures) -> String {
        "\(one.failuresPermille / 10).\(one.failuresPermille % 10) %"
    }
}
