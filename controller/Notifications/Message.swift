import AgentProtocol
import Effects
import ReleaseDefinition

/// A notice in the form that its sink takes: a body and its headers.
struct Message: Sendable, Equatable {
    var body: [UInt8]
    var headers: [HTTPField]

    /// - Parameters:
    ///   - secret: of the sink, without white space around it.
    ///   - source: the controller's address.
    ///   - items: of a baseline.
    static func make(
        _ notice: Notice, for sink: NotificationSink, secret: String?, source: String, items: JSONValue? = nil,
        at now: UTCInstant
    ) -> Message {
        switch sink.kind {
        case .webhook, .cmdb: return cloudEvent(notice, secret, source, items, now)
        case .slack:
            // Stars and the like are signs here; where a page leads is nobody's business before it is opened.
            return json([
                JSONMember("text", .string(ChatText.slack(notice))), JSONMember("mrkdwn", .bool(false)),
                JSONMember("unfurl_links", .bool(false)), JSONMember("unfurl_media", .bool(false)),
            ])
        case .mattermost: return json([JSONMember("text", .string(ChatText.mattermost(notice)))])
        case .teams:
            return json([
                JSONMember("@context", .string("https://schema.org/extensions")),
                JSONMember("@type", .string("MessageCard")), JSONMember("summary", .string(notice.type)),
                JSONMember("text", .string(ChatText.teams(notice))),
            ])
        case .mail: return Message(body: mail(notice, sink), headers: [])
        case .alertmanager: return alertmanager(notice, source)
        case .pagerduty: return pagerDuty(notice, secret, source)
        case .opsgenie: return opsgenie(notice, secret)
        }
    }

    /// PagerDuty refuses a longer summary for good, and with it the page.
    private static let summaryMax = 1024
    /// Opsgenie cuts what is longer.
    private static let titleMax = 130

    private static func json(_ members: [JSONMember], headers: [HTTPField] = []) -> Message {
        Message(
            body: JSONValue.object(members).wireBytes,
            headers: [HTTPField("Content-Type", "application/json")] + headers)
    }

    /// CloudEvents 1.0.2 in structured mode.
    private static func cloudEvent(
        _ notice: Notice, _ secret: String?, _ source: String, _ items: JSONValue?, _ now: UTCInstant
    ) -> Message {
        var data: [JSONMember] = [JSONMember("text", .string(notice.text))]
        func add(_ name: String, _ value: String?) {
            if let value { data.append(JSONMember(name, .string(value))) }
        }
        add("release", notice.release?.description)
        add("rollout", notice.rollout?.text)
        add("environment", notice.environment?.text)
        add("page", notice.page?.rawValue)
        add("baseline", notice.baseline?.moment.rawValue)
        add("digest", notice.baseline?.digest.hex)
        if !notice.failures.isEmpty { data.append(JSONMember("failures", .array(notice.failures.map(\.json)))) }
        if let items { data.append(JSONMember("items", items)) }
        data.append(JSONMember("audience", .array(notice.audience.map { .string($0) })))
        let body = JSONValue.object([
            JSONMember("specversion", .string("1.0")), JSONMember("id", .string(notice.id)),
            JSONMember("source", .string(source)), JSONMember("type", .string(notice.type)),
            JSONMember("subject", .string(notice.release?.description ?? "controller")),
            JSONMember("time", .string(notice.at.description)),
            JSONMember("datacontenttype", .string("application/json")), JSONMember("data", .object(data)),
        ]).wireBytes
        var headers = [HTTPField("Content-Type", "application/cloudevents+json")]
        if let secret {
            headers += MessageAuthentication.headers(secret: secret, body: body, at: now)
        }
        return Message(body: body, headers: headers)
    }

    /// RFC 5322; the host's sendmail adds what else is needed.
    private static func mail(_ notice: Notice, _ sink: NotificationSink) -> [UInt8] {
        let lines = [
            sink.from.map { "From: \(header($0))" }, "To: \((sink.to ?? []).map(header).joined(separator: ", "))",
            "Subject: [slipway] \(header(notice.text))", "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
            "Auto-Submitted: auto-generated",
            "Message-ID: <\(notice.id).\(sink.name)@slipway>", "", notice.text,
            notice.failures.isEmpty
                ? nil : notice.failures.map { "\n\($0.heading)\n\($0.log)\n" }.joined(),
            notice.rollout.map { "Look at it: slipway rollout show \($0)" },
            notice.release.map { "The record: slipway release checklist \($0)" },
        ].compactMap { $0 }
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    /// No line feed that would begin another header.
    private static func header(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }.prefix(300))
    }

    /// Alertmanager's `POST /api/v2/alerts`.
    private static func alertmanager(_ notice: Notice, _ source: String) -> Message {
        let labels: [(String, String?)] = [
            ("alertname", "Slipway_\(notice.page?.rawValue ?? "other")"), ("severity", "critical"),
            ("rollout", notice.rollout?.text), ("release", notice.release?.description),
            ("environment", notice.environment?.text), ("owner", notice.owner),
        ]
        let alert = JSONValue.object([
            JSONMember(
                "labels", .object(labels.compactMap { label in label.1.map { JSONMember(label.0, .string($0)) } })),
            JSONMember("annotations", .object([JSONMember("summary", .string(notice.text))])),
            JSONMember("startsAt", .string(notice.at.description)),
            JSONMember("generatorURL", .string(source)),
        ])
        return Message(
            body: JSONValue.array([alert]).wireBytes, headers: [HTTPField("Content-Type", "application/json")])
    }

    /// PagerDuty's Events API v2.
    private static func pagerDuty(_ notice: Notice, _ secret: String?, _ source: String) -> Message {
        json([
            JSONMember("routing_key", .string(secret ?? "")), JSONMember("event_action", .string("trigger")),
            JSONMember("dedup_key", .string(notice.troubleKey)),
            JSONMember(
                "payload",
                .object([
                    JSONMember("summary", .string(notice.text.bounded(summaryMax))),
                    JSONMember("source", .string(source)),
                    JSONMember("severity", .string("critical")),
                    JSONMember("timestamp", .string(notice.at.description)),
                ])),
        ])
    }

    /// Opsgenie's Alert API.
    private static func opsgenie(_ notice: Notice, _ secret: String?) -> Message {
        let team = notice.owner.map { owner in
            [
                JSONMember(
                    "responders",
                    .array([.object([JSONMember("name", .string(owner)), JSONMember("type", .string("team"))])]))
            ]
        }
        return json(
            [
                JSONMember("message", .string(notice.text.bounded(titleMax))),
                JSONMember("alias", .string(notice.troubleKey)), JSONMember("description", .string(notice.text)),
                JSONMember("priority", .string("P1")),
            ] + (team ?? []), headers: [HTTPField("Authorization", "GenieKey \(secret ?? "")")])
    }
}

/// HMAC-SHA256 (RFC 2104).
enum MessageAuthentication {
    /// Over `timestamp.body`, so that an old message cannot be sent again as a new one.
    static func headers(secret: String, body: [UInt8], at now: UTCInstant) -> [HTTPField] {
        let timestamp = String(now.millisecondsSince1970 / 1000)
        let mac = SHA256Digest(authenticating: Array("\(timestamp).".utf8) + body, key: Array(secret.utf8))
        return [
            HTTPField("Slipway-Timestamp", timestamp), HTTPField("Slipway-Signature", "sha256=\(mac.hex)"),
        ]
    }
}
