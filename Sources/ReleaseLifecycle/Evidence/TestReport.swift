import ReleaseDefinition

/// Results of tests, from JUnit XML as every runner writes it: `testcase` elements, with `failure`, `error` or `skipped` in
/// them. The sums that stand in the file are not believed.
enum TestReport {
    static func summary(_ bytes: [UInt8]) throws(LifecycleError) -> EvidenceSummary {
        var reader = try MarkupReader(bytes)
        var (passed, failed, skipped) = (0, 0, 0)
        var failures: [String] = []
        var current: (name: String, hasFailed: Bool, isSkipped: Bool)?
        var isReport = false
        while let token = try reader.next() {
            switch token {
            case .start("testsuites", _), .start("testsuite", _): isReport = true
            case .start("testcase", let attributes):
                let name = attributes["name"] ?? "?"
                current = (attributes["classname"].map { "\($0).\(name)" } ?? name, false, false)
            case .start("failure", _), .start("error", _):
                // One outside a test is of the suite itself, as when its set-up failed.
                if current == nil {
                    failed += 1
                    failures.append("a suite")
                } else {
                    current?.hasFailed = true
                }
            case .start("skipped", _): current?.isSkipped = true
            case .end("testcase"):
                guard let test = current else { continue }
                if test.hasFailed {
                    failed += 1
                    failures.append(String(test.name.prefix(200)))
                } else if test.isSkipped {
                    skipped += 1
                } else {
                    passed += 1
                }
                current = nil
            default: continue
            }
        }
        guard isReport else {
            throw LifecycleError(
                code: "evidence.junit", summary: "The file has no testsuite: it is no JUnit XML.",
                remedy: "Give the JUnit XML file that the test runner wrote.")
        }
        return EvidenceSummary(
            result: failed == 0 ? .passed : .failed,
            counts: ["passed": passed, "failed": failed, "skipped": skipped], notes: failures)
    }
}
