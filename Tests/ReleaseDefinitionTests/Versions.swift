import ReleaseDefinition
import Testing

@Suite("Release versions")
struct Versions {
    @Test("The order is SemVer's")
    func order() throws {
        let ascending = [
            "0.0.1-0", "0.0.1", "0.1", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
            "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-beta.99999999999999999999", "1.0.0-beta.100000000000000000000",
            "1.0.0-beta.a", "1.0.0-rc.1", "1.0.0-rc.1.0", "1", "1.0.1-A", "1.0.1-a", "1.0.1", "1.2", "1.10", "2.0.0",
            "10", "18446744073709551615",
        ]
        let versions = try ascending.map { try ReleaseVersion($0) }
        for (index, one) in versions.enumerated() {
            for (other, version) in versions.enumerated() {
                #expect((one < version) == (index < other), "\(one) and \(version)")
                #expect((one == version) == (index == other), "\(one) and \(version)")
            }
        }
    }

    @Test("Missing parts read as zero, build metadata does not count, the text is kept")
    func equality() throws {
        let versions = try ["1.3", "1.3.0", "1.3.0+build.7", "1.3+exp.sha.5114f85"].map { try ReleaseVersion($0) }
        #expect(Set(versions).count == 1)
        #expect(versions.map(\.text) == ["1.3", "1.3.0", "1.3.0+build.7", "1.3+exp.sha.5114f85"])
        #expect((versions[0].major, versions[0].minor, versions[0].patch) == (1, 3, 0))
    }

    @Test(
        "What is no version is refused",
        arguments: [
            "", "v1", "1.", ".1", "1..2", "1.2.3.4", "01", "1.02", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2.3+",
            "1.2.3+a..b",
            "1.2.3-ä", "1 ", " 1", "1.x", "-1", "+1", "18446744073709551616", "1.2.3-a_b", "1/2", "1.0\n", "١",
            "1.2.3-" + String(repeating: "a", count: 60),
        ])
    func refused(text: String) {
        #expect(throws: DefinitionError.self) { try ReleaseVersion(text) }
    }

    @Test(
        "A range holds exactly where each comparison does",
        arguments: [
            (">=2.1 <3", "2.1", true), (">=2.1 <3", "2.9.9", true), (">=2.1 <3", "3.0", false),
            (">=2.1 <3", "2.0.9", false), ("=1.3", "1.3.0", true), (">1", "1.0.1", true), ("<=1", "1.0", true),
            (">1 <1", "1", false), ("<3", "3.0.0-rc.1", true),
        ])
    func range(text: String, version: String, expected: Bool) throws {
        #expect(try VersionRange(text).contains(ReleaseVersion(version)) == expected)
    }

    @Test(
        "What is no range is refused",
        arguments: [
            "", " ", "2.1", ">=", ">= 2.1", "=>1", "^1", "~1", "1 - 2", "==1", ">1,<2", ">1 <2 >1 <2 >1 <2 >1 <2 >1",
        ])
    func badRange(text: String) {
        #expect(throws: DefinitionError.self) { try VersionRange(text) }
    }

    @Test("A release name is product and version")
    func releaseName() throws {
        let name = try ReleaseName("web-service@1.2-rc.1")
        #expect(name.product.text == "web-service")
        #expect(name.description == "web-service@1.2-rc.1")
        for text in ["web", "web@", "@1", "web@1@2", "Web@1", "web @1"] {
            #expect(throws: DefinitionError.self) { try ReleaseName(text) }
        }
    }
}
