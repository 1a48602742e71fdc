import Effects
import ReleaseDefinition
import Testing
import TestSupport

@testable import ReleasePackaging

@Suite("A unit has other files for other hosts, and a host takes its own")
struct VariantTests {
    let fixture: PackagingFixture

    init() throws {
        fixture = try PackagingFixture()
        for architecture in ["amd64", "arm64", "old"] {
            try fixture.write("\(architecture)/bin/server", Array("for \(architecture)\n".utf8), mode: 0o755)
            try fixture.write("\(architecture)/share/same", PackagingFixture.text(seed: 9, size: 200_000))
        }
    }

    private func definition() throws -> ReleaseDefinition {
        var definition = try PackagingFixture.definition()
        definition.units[0].source = nil
        definition.units[0].variants = try [("amd64", "amd64"), ("arm64", "arm64"), ("debian11-amd64", "old")].map {
            UnitVariant(name: try VariantName($0), source: $1)
        }
        return definition
    }

    private func platform(_ architecture: String, _ system: String = "debian", _ version: String? = "12")
        -> HostPlatform
    {
        HostPlatform(architecture: architecture, system: system, version: version)
    }

    @Test("Every variant stands in the manifest and in the package file")
    func built() async throws {
        let package = try await fixture.build(definition())
        #expect(package.manifest.units.map(\.fileName) == ["web.amd64", "web.arm64", "web.debian11-amd64"])
        #expect(package.manifest.build.inputs.map(\.path) == ["amd64", "arm64", "old"])
        let file = try fixture.folder.directory.createFile("web.slip")
        try PackageFile.write(package.manifestBytes, blobs: fixture.blobs, to: file)
        let listed = try await run("/bin/tar", "tf", file.path, in: "/").output
        #expect(
            listed == """
                manifest.json
                units/web.amd64.index.gz
                units/web.amd64.tar.gz
                units/web.arm64.index.gz
                units/web.arm64.tar.gz
                units/web.debian11-amd64.index.gz
                units/web.debian11-amd64.tar.gz

                """)
        let blobs = BlobStore(try fixture.staging("read"))
        #expect(
            try PackageFile.read(try fixture.folder.directory.openFile("web.slip"), into: blobs).manifest
                == package.manifest)
    }

    @Test("The most exact variant is chosen, and only its files are needed")
    func chosen() async throws {
        let manifest = try await fixture.build(definition()).manifest
        for (host, expected) in [
            (platform("amd64"), "amd64"), (platform("arm64"), "arm64"),
            (platform("amd64", "debian", "11"), "debian11-amd64"),
            (platform("amd64", "ubuntu", "24.04"), "amd64"), (platform("arm64", "debian", "11"), "arm64"),
        ] {
            let chosen = try manifest.chosen(for: host)
            #expect(chosen.units.map { $0.variant?.description } == [expected])
            #expect(chosen.blobs == chosen.units[0].blobs)
            let staging = try fixture.staging(host.description)
            try PayloadInstaller.unpack(chosen.units[0], blobs: fixture.blobs, into: staging)
            let content = try staging.read("bin/server", sizeMax: ByteCount(100))
            #expect(content == Array("for \(expected == "debian11-amd64" ? "old" : expected)\n".utf8))
        }
    }

    @Test("A host for which there is none is told what it is and what there is")
    func none() async throws {
        let manifest = try await fixture.build(definition()).manifest
        let error = try #require(throws: PackagingError.self) { try manifest.chosen(for: platform("riscv64")) }
        #expect(error.code == "packaging.manifest.variant")
        #expect(error.summary.contains("debian12-riscv64") && error.summary.contains("amd64, arm64, debian11-amd64"))
    }

    @Test("A variant is built upon the same variant of the base")
    func warm() async throws {
        let first = try await fixture.build(definition()).manifest
        try fixture.write("arm64/new", [1])
        var next = try definition()
        next.version = try ReleaseVersion("1.1")
        let second = try await fixture.build(
            next, sourceDate: UTCInstant(secondsSince1970: 1_800_000_000), base: first
        ).manifest
        #expect(first.units[0].payload == second.units[0].payload)
        #expect(first.units[1].payload != second.units[1].payload)
    }

    @Test("A manifest whose variants contradict its definition is refused")
    func contradictions() async throws {
        let manifest = try await fixture.build(definition()).manifest
        let changes: [(String, (inout Manifest) -> Void)] = [
            ("one is missing", { $0.units.removeLast() }),
            ("another order", { $0.units.swapAt(0, 1) }),
            ("one twice", { $0.units[1].variant = $0.units[0].variant }),
            ("one without", { $0.units[1].variant = nil }),
            ("another definition", { $0.units[1].definition.installTo = "/opt/other" }),
            (
                "no variants in the definition",
                { for index in $0.units.indices { $0.units[index].definition.variants = nil } }
            ),
            (
                "values twice",
                {
                    $0.values = Array(
                        repeating: ManifestValues(
                            environment: EnvironmentName(unchecked: "a"), blob: BlobReference(of: [1, 2])), count: 2)
                }
            ),
            (
                "values too long",
                {
                    $0.values = [
                        ManifestValues(
                            environment: EnvironmentName(unchecked: "a"),
                            blob: BlobReference(sha256: SHA256Digest(of: []), length: ByteCount(1 << 20)))
                    ]
                }
            ),
        ]
        for (name, change) in changes {
            var changed = manifest
            change(&changed)
            #expect(code { _ = try Manifest(parsing: try changed.bytes) } == "packaging.manifest.bounds", "\(name)")
        }
    }

    @Test(
        "os-release and uname become a platform",
        arguments: [
            ("x86_64", "ID=debian\nVERSION_ID=\"12\"\n", "debian12-amd64"),
            ("aarch64", "NAME=x\nID='ubuntu'\nVERSION_ID=\"24.04\"", "ubuntu24.04-arm64"),
            ("armv7l", "ID=raspbian\n", "raspbian-armhf"), ("loongarch64", "", "linux-loongarch64"),
            ("ppc64le", "ID=\"rocky\"\nVERSION_ID=9.4\nID_LIKE=\"rhel\"", "rocky9.4-ppc64el"),
        ])
    func platforms(_ machine: String, _ osRelease: String, _ expected: String) {
        #expect(HostPlatform(machine: machine, osRelease: Array(osRelease.utf8)).description == expected)
    }

    @Test("This host knows what it is")
    func current() throws { try #expect(VariantName.architectures.contains(HostPlatform.current().architecture)) }

    @Test(
        "What is no variant is refused",
        arguments: [
            "", "x86_64", "-amd64", "debian12", "Debian-amd64", "debian 12-amd64", "amd64-", "../x-amd64", "ü-amd64",
        ])
    func refused(_ text: String) { #expect(throws: DefinitionError.self) { try VariantName(text) } }
}

@Suite("Signed values ride in the package, and a host takes those of its environment")
struct SignedValuesTests {
    @Test("They are bound by the manifest, written as JSON, and chosen by environment")
    func ride() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        var definition = try PackagingFixture.definition()
        let staging = try EnvironmentName("staging")
        let production = try EnvironmentName("production")
        definition.values = [
            .init(environment: staging, path: "s.yaml"), .init(environment: production, path: "p.yaml"),
        ]
        var inputs = BuildInputs()
        inputs.values = [
            (staging, try SignedValues(.object([.init("port", .integer(1))]))),
            (production, try SignedValues(.object([.init("port", .integer(2)), .init("motd", .string("a\nb"))]))),
        ]
        let package = try await PackageBuilder.build(
            definition, from: fixture.source, inputs: inputs, into: fixture.blobs,
            sourceDate: PackagingFixture.sourceDate)
        let chosen = try package.manifest.chosen(for: .current(), in: production)
        #expect(chosen.values.map(\.environment) == [production])
        let bytes = try fixture.blobs.read(chosen.values[0].blob)
        #expect(bytes == Array("{\"motd\":\"a\\nb\",\"port\":2}".utf8))
        #expect(try SignedValues(parsing: bytes).bytes == bytes)
        #expect(chosen.blobs.contains(chosen.values[0].blob) && !chosen.blobs.contains(package.manifest.values[0].blob))
        let file = try fixture.folder.directory.createFile("web.slip")
        try PackageFile.write(package.manifestBytes, blobs: fixture.blobs, to: file)
        #expect(try await run("/bin/tar", "xOf", file.path, "values/staging.json", in: "/").output == "{\"port\":1}")
    }

    @Test("Values that were not read are an error, not a release without them")
    func unread() async throws {
        let fixture = try PackagingFixture()
        try fixture.writeTree()
        var definition = try PackagingFixture.definition()
        definition.values = [.init(environment: try EnvironmentName("staging"), path: "s.yaml")]
        let found = await code { _ = try await fixture.build(definition) }
        #expect(found == "packaging.source.values")
    }

    @Test(
        "Bytes that are no signed values are refused",
        arguments: [
            "", "[]", "{\"a\":null}", "{\"a\": 1}", "{\"b\":1,\"a\":1}", "{\"a b\":1}", "{\"a\":{\"secret\":\"../x\"}}",
            "{\"a\":{\"beside\":1,\"secret\":\"x\"}}", "{\"secret\":\"x\",\"secret\":\"y\"}", "{\"a\":\"\u{7}\"}",
            "{\"a\":[[[[[[[[1]]]]]]]]}",
        ])
    func refused(_ text: String) {
        #expect(throws: DefinitionError.self) { try SignedValues(parsing: Array(text.utf8)) }
    }

    @Test("The secrets are listed by name")
    func secrets() throws {
        let values = try SignedValues(
            parsing: Array("{\"a\":[{\"secret\":\"z/1\"},{\"secret\":\"b\"}],\"c\":{\"d\":{\"secret\":\"z/1\"}}}".utf8))
        #expect(values.secrets == ["b", "z/1"])
    }
}
