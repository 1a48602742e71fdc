import ReleaseDefinition
import ReleaseLifecycle
import TestSupport
import Testing

@Suite("What evidence says")
struct EvidenceTests {
    private func summary(_ text: String, _ kind: EvidenceKind) throws -> EvidenceSummary {
        try EvidenceStatement.summary(of: Array(text.utf8), kind: kind, result: .passed)
    }

    static let junit = """
        <?xml version="1.0" encoding="UTF-8"?>
        <!-- made by a runner -->
        <testsuites tests="999" failures="0">
          <testsuite name="a &amp; b">
            <testcase classname="Cart" name="adds" time="0.1"/>
            <testcase classname="Cart" name="removes"><failure message="x &lt; y"><![CDATA[</testcase>]]></failure></testcase>
            <testcase name='waits'><skipped/></testcase>
            <testcase name="breaks"><error type="E"/><system-out>text</system-out></testcase>
          </testsuite>
        </testsuites>
        """

    @Test("JUnit XML is counted, its own sums are not believed")
    func tests() throws {
        let found = try summary(Self.junit, .tests)
        #expect(found.counts == ["passed": 1, "failed": 2, "skipped": 1])
        #expect(found.result == .failed)
        #expect(found.notes == ["Cart.removes", "breaks"])
    }

    @Test(
        "XML that is not what it should be is refused, never half read",
        arguments: [
            "", "x", "<testsuite", "<testsuite>", "<testsuite></testcase>", "<testsuite/><testsuite/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><testsuite/>", "<testsuite a=1/>", "<testsuite a=\"1\" a=\"2\"/>",
            "<testsuite a=\"<\"/>", "<a/>", "<testsuite><!-- </testsuite>", "<testsuite/>tail",
            String(repeating: "<testsuite>", count: 100),
            "<testsuite><" + String(repeating: "n", count: 257) + "/></testsuite>",
        ])
    func brokenXML(_ text: String) {
        #expect(code { _ = try summary(text, .tests) }?.hasPrefix("lifecycle.evidence.") == true)
    }

    static let sarif = """
        {"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner","rules":[
          {"id":"R1","properties":{"security-severity":"9.8"}},
          {"id":"R2","defaultConfiguration":{"level":"note"}},
          {"id":"R3","defaultConfiguration":{"level":"error"}}]}},
         "results":[
          {"ruleId":"R1","level":"error","message":{"text":"bad"},"rank":99.5},
          {"ruleId":"R2","message":{"text":"meh"}},
          {"ruleIndex":2,"message":{"text":"by place"}},
          {"ruleId":"R9","message":{"text":"no rule"}},
          {"ruleId":"R3","kind":"pass","message":{"text":"fine"}},
          {"ruleId":"R3","suppressions":[{"kind":"external","status":"accepted"}],"message":{"text":"known"}},
          {"ruleId":"R3","suppressions":[{"kind":"external","status":"underReview"}],"message":{"text":"asked"}}]}]}
        """

    @Test(
        "SARIF findings are counted by level; a security severity of 9 is critical; what was suppressed does not count")
    func scan() throws {
        let found = try summary(Self.sarif, .scan)
        #expect(found.counts == ["note": 1, "warning": 1, "error": 2, "critical": 1])
        #expect(found.notes.first == "R1 (critical)")
    }

    @Test("SPDX packages and SLSA builders are read; fractions in numbers do no harm")
    func materials() throws {
        let spdx = """
            {"spdxVersion":"SPDX-2.3","x":1.5e3,"packages":[{"name":"openssl","versionInfo":"3.0.11"},{"name":"zlib"}]}
            """
        #expect(try summary(spdx, .billOfMaterials).counts == ["packages": 2])
        #expect(
            try MaterialsReport.packages(Array(spdx.utf8)).first == MaterialVersion(name: "openssl", version: "3.0.11"))
        let slsa = """
            {"buildDefinition":{"buildType":"https://t"},"runDetails":{"builder":{"id":"https://ci"}}}
            """
        #expect(try summary(slsa, .provenance).notes == ["https://ci", "https://t"])
        #expect(code { _ = try summary("{}", .provenance) } == "lifecycle.evidence.slsa")
        #expect(code { _ = try summary("{}", .billOfMaterials) } == "lifecycle.evidence.spdx")
        #expect(code { _ = try summary("{\"runs\":1}", .scan) } == "lifecycle.evidence.sarif")
        let nothing = #"{"version":"2.1.0","runs":[]}"#
        #expect(code { _ = try summary(nothing, .scan) } == "lifecycle.evidence.sarif", "nothing was scanned")
        #expect(
            code { _ = try EvidenceStatement.summary(of: nil, kind: .tests, result: .passed) }
                == "lifecycle.evidence.document")
    }

    private func statement(_ document: [UInt8]) throws -> EvidenceStatement {
        EvidenceStatement(
            kind: .tests, package: PlannedRelease.package,
            summary: try EvidenceStatement.summary(of: document, kind: .tests, result: .passed), about: nil,
            statedAt: PlannedRelease.start,
            document: EvidenceDocument(
                name: "junit.xml", sha256: SHA256Digest(of: document), length: ByteCount(document.count)))
    }

    private func verify(
        _ statement: EvidenceStatement, _ document: [UInt8]?, package: SHA256Digest = PlannedRelease.package
    ) throws -> EvidenceRecord {
        try statement.check(document: document)
        return try statement.verified(
            envelope: SHA256Digest(of: [3]), statement: SHA256Digest(of: [4]), about: package, by: "ann", keyID: "k",
            at: PlannedRelease.start)
    }

    @Test("A statement comes back as it was made, about its package and its document")
    func roundTrip() throws {
        let document = Array(Self.junit.utf8)
        let made = try statement(document)
        let read = try EvidenceStatement(parsing: made.bytes(of: PlannedRelease.name))
        #expect(read == made)
        #expect(try verify(read, document).summary.counts["failed"] == 2)
    }

    @Test("Every single byte of the document counts")
    func oneByte() throws {
        let document = Array(Self.junit.utf8)
        var made = try statement(document)
        for place in document.indices {
            var edited = document
            edited[place] ^= 1
            #expect(code { _ = try verify(made, edited) } == "lifecycle.evidence.altered")
        }
        #expect(code { _ = try verify(made, nil) } == "lifecycle.evidence.altered")
        made.document = nil
        #expect(code { _ = try verify(made, document) } == "lifecycle.evidence.altered")
    }

    @Test("What was stated tomorrow is refused; the same words under the same key are the same, whatever the signature")
    func tomorrow() throws {
        let document = Array(Self.junit.utf8)
        var made = try statement(document)
        var one = try verify(made, document)
        var two = one
        two.id = SHA256Digest(of: [9])
        #expect(two.repeats(one))
        two.keyID = "other"
        #expect(!two.repeats(one))
        (one.statement, two.statement, two.keyID) = (nil, nil, one.keyID)
        #expect(!two.repeats(one))
        made.statedAt = PlannedRelease.start + .minutes(6)
        #expect(code { _ = try verify(made, document) } == "lifecycle.evidence.future")
    }

    @Test("A statement that says of its document what it does not say, or of another package, is refused")
    func lies() throws {
        let document = Array(Self.junit.utf8)
        var made = try statement(document)
        #expect(code { _ = try verify(made, document, package: SHA256Digest(of: [8])) } == "lifecycle.evidence.package")
        made.summary = EvidenceSummary(counts: ["passed": 4, "failed": 0, "skipped": 0])
        #expect(code { _ = try verify(made, document) } == "lifecycle.evidence.summary")
        made.document = nil
        #expect(code { _ = try verify(made, nil) } == "lifecycle.evidence.document")
    }

    @Test("A pilot that has passed is what the log says: nobody can state one, and the newest word counts")
    func pilot() throws {
        var release = PlannedRelease()
        let rule = EvidenceRule(kind: .pilot, within: .days(7), about: "staging")
        func gate(_ evidence: [EvidenceRecord]) -> LifecycleGate {
            rule.judge(evidence, release: PlannedRelease.name, at: release.now)
        }
        let missing = gate([])
        #expect(!missing.isMet && missing.remedy?.hasPrefix("slipway rollout start FILE") == true)
        let passed = release.evidence(.pilot, about: "staging")
        #expect(gate([passed]).isMet)
        #expect(!gate([release.evidence(.pilot, about: "test")]).isMet, "in another environment")
        #expect(!gate([passed, release.evidence(.pilot, .init(result: .failed), about: "staging")]).isMet)
        release.now = release.now + .days(8)
        #expect(!gate([passed]).isMet)
        let statement = EvidenceStatement(
            kind: .pilot, package: PlannedRelease.package, summary: .init(), about: "staging",
            statedAt: PlannedRelease.start, document: nil)
        let code = code { _ = try EvidenceStatement(parsing: statement.bytes(of: PlannedRelease.name)) }
        #expect(code == "lifecycle.evidence.pilot")
    }

    @Test("Other tools' provenances are taken as they are; unknown predicates are refused")
    func foreign() throws {
        let hex = PlannedRelease.package.hex
        func statement(_ type: String, _ predicate: String) throws -> EvidenceStatement {
            try EvidenceStatement(
                parsing: Array(
                    """
                    {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"p","digest":{"sha256":"\(hex)"}}],
                    "predicateType":"\(type)","predicate":\(predicate)}
                    """.utf8))
        }
        let found = try statement(
            "https://slsa.dev/provenance/v1", "{\"runDetails\":{\"builder\":{\"id\":\"b\"}},\"t\":0.5}")
        #expect(found.kind == .provenance)
        #expect(try verify(found, nil).statedAt == PlannedRelease.start)
        #expect(code { _ = try statement("https://example.com/x", "{}") } == "lifecycle.evidence.predicate")
        #expect(code { _ = try EvidenceStatement(parsing: Array("{}".utf8)) } == "lifecycle.evidence.statement")
    }
}

@Suite("Rules over evidence")
struct EvidenceRuleTests {
    private func judge(_ rule: EvidenceRule, _ evidence: [EvidenceRecord], after span: TimeSpan = .zero)
        -> LifecycleGate
    {
        rule.judge(evidence, release: PlannedRelease.name, at: PlannedRelease.start + span)
    }

    private let release = PlannedRelease()

    private func results(_ failed: Int, passed: Int = 5, by person: String = "ci") -> EvidenceRecord {
        release.evidence(
            .tests, EvidenceSummary(counts: ["passed": passed, "failed": failed], notes: ["t"]), by: person)
    }

    @Test("Failing tests fail, up to what may; the newest result counts; no test is no result")
    func tests() {
        let rule = EvidenceRule(kind: .tests)
        #expect(!judge(rule, []).isMet)
        #expect(judge(rule, [results(0)]).isMet)
        #expect(!judge(rule, [results(1)]).isMet)
        #expect(!judge(rule, [results(0), results(1)]).isMet)
        #expect(judge(rule, [results(1), results(0)]).isMet)
        #expect(!judge(rule, [results(0, passed: 0)]).isMet)
        #expect(judge(EvidenceRule(kind: .tests, failuresMax: 1), [results(1)]).isMet)
    }

    @Test("The newest result is the one that was stated last, in whatever order they came in")
    func replayed() {
        let rule = EvidenceRule(kind: .tests)
        var old = results(0)
        old.statedAt = PlannedRelease.start + .seconds(-1)
        #expect(!judge(rule, [results(1), old]).isMet)
        #expect(
            judge(
                rule,
                [
                    results(0),
                    {
                        var it = results(1); it.statedAt = old.statedAt; return it
                    }(),
                ]
            ).isMet)
        let two = EvidenceRule(kind: .signOff, count: 1)
        var yes = release.evidence(.signOff, by: "ann")
        yes.statedAt = old.statedAt
        #expect(!judge(two, [release.evidence(.signOff, EvidenceSummary(result: .failed), by: "ann"), yes]).isMet)
    }

    @Test("No critical findings: what is worse than may be is named")
    func scans() {
        let scan = release.evidence(
            .scan,
            EvidenceSummary(counts: ["note": 3, "warning": 1, "error": 0, "critical": 1], notes: ["CVE (critical)"]))
        #expect(
            judge(EvidenceRule(kind: .scan, worst: .error), [scan]).found.contains(
                "1 critical found, error is the worst"))
        #expect(judge(EvidenceRule(kind: .scan, worst: .critical), [scan]).isMet)
        #expect(!judge(EvidenceRule(kind: .scan), [scan]).isMet)
    }

    @Test("Rehearsed within seven days, and not a moment longer")
    func age() {
        let rule = EvidenceRule(kind: .rehearsal, within: .days(7))
        let rehearsal = release.evidence(.rehearsal)
        #expect(judge(rule, [rehearsal], after: .days(7)).isMet)
        #expect(!judge(rule, [rehearsal], after: .days(7) + .milliseconds(1)).isMet)
        #expect(!judge(rule, [release.evidence(.rehearsal, EvidenceSummary(result: .failed))]).isMet)
    }

    @Test("Two sign-offs are of two people, about what was asked")
    func signOffs() {
        let rule = EvidenceRule(kind: .signOff, count: 2, about: "owner")
        let ann = release.evidence(.signOff, by: "ann", about: "owner")
        #expect(!judge(rule, [ann, ann]).isMet)
        #expect(!judge(rule, [ann, release.evidence(.signOff, by: "bob", about: "other")]).isMet)
        #expect(judge(rule, [ann, release.evidence(.signOff, by: "bob", about: "owner")]).isMet)
    }
}
