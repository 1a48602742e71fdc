// swift-tools-version: 6.2
import PackageDescription

// Who may import whom is the table in Tests/Tidy/ImportTable.swift; a dependency added here without a row there
// fails the tests.

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6)]

/// How the programs that are shipped are linked: docs/decisions/0015-shipped-programs-export-no-names.md and
/// docs/decisions/0022-shipped-programs-have-no-unwind-tables.md.
let shipped: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--no-export-dynamic",
            "-Xlinker", "--script=\(Context.packageDirectory)/packaging/link/no-unwind-tables.ld",
        ], .when(configuration: .release))
]

/// A module of ours: `Sources/NAME` and `Tests/NAMETests`.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], folder: String? = nil, resources: [Resource] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(folder ?? name)", resources: resources,
        swiftSettings: strict)
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")

let package = Package(
    name: "slipway",
    products: [
        .executable(name: "slipway", targets: ["slipway"]),
        .executable(name: "slipway-agent", targets: ["slipway-agent"]),
        .executable(name: "slipway-controller", targets: ["slipway-controller"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // `traits: []` drops swift-configuration and with it full Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.9.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CSystemShims"),

        module("ReleaseDefinition", ["COpenSSL"]),
        module(
            "Effects",
            [
                "CSystemShims", "COpenSSL", "ReleaseDefinition", nioCore, nioPosix, nioSSL, systemPackage, logging,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]),
        module("DefinitionFiles", ["ReleaseDefinition", "Yams"]),
        module("AgentProtocol", ["ReleaseDefinition"]),
        module("ControllerAPI", ["ReleaseDefinition", "AgentProtocol", "Effects"]),
        module(
            "ReleasePackaging",
            ["ReleaseDefinition", "Effects", "COpenSSL", "CDeflate", "CZstd", systemPackage]),
        module(
            "ForeignArchives",
            ["ReleaseDefinition", "Effects", "ReleasePackaging", "CArchive", "COpenSSL", "CZlib"]),
        module("ReleaseTrust", ["ReleaseDefinition", "COpenSSL"]),
        module(
            "ReleaseDistribution",
            ["ReleaseDefinition", "ReleasePackaging", "ReleaseTrust", "Effects", systemPackage]),
        module("ReleaseRollout", ["ReleaseDefinition", "AgentProtocol"]),
        module("ReleaseLifecycle", ["ReleaseDefinition"]),
        module(
            "ReleaseReporting", ["ReleaseDefinition", "AgentProtocol", "ReleaseRollout", "ReleaseLifecycle"]),
        module("ReleaseSimulation", ["ReleaseDefinition", "AgentProtocol", "ReleaseRollout"]),

        .target(
            name: "AgentLibrary",
            dependencies: [
                "ReleaseDefinition", "AgentProtocol", "ReleasePackaging", "ReleaseTrust", "ReleaseDistribution",
                "Effects", argumentParser, logging, systemPackage,
            ],
            path: "agent", exclude: ["main"], swiftSettings: strict),
        .executableTarget(
            name: "slipway-agent", dependencies: ["AgentLibrary"], path: "agent/main", swiftSettings: strict,
            linkerSettings: shipped),

        .target(
            name: "ControllerLibrary",
            dependencies: [
                "ReleaseDefinition", "DefinitionFiles", "AgentProtocol", "ControllerAPI", "ReleasePackaging",
                "ForeignArchives", "ReleaseTrust", "ReleaseDistribution", "ReleaseRollout", "ReleaseLifecycle",
                "ReleaseReporting", "Effects", "CPostgres", x509, argumentParser, logging,
                systemPackage, nioCore, nioHTTPTypes, nioPosix, nioSSL,
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "controller", exclude: ["main"], resources: [.embedInCode("assets")], swiftSettings: strict),
        .executableTarget(
            name: "slipway-controller", dependencies: ["ControllerLibrary"], path: "controller/main",
            swiftSettings: strict, linkerSettings: shipped),

        .executableTarget(
            name: "slipway",
            dependencies: [
                "ReleaseDefinition", "DefinitionFiles", "AgentProtocol", "ControllerAPI", "ReleasePackaging",
                "ForeignArchives", "ReleaseTrust", "ReleaseDistribution", "ReleaseRollout", "ReleaseSimulation",
                "ReleaseLifecycle", "ReleaseReporting", "Effects",
                argumentParser, logging,
                systemPackage,
            ],
            swiftSettings: strict, linkerSettings: shipped),

        // The clients of bench/load.py; not shipped.
        .executableTarget(
            name: "slipway-load",
            dependencies: [
                "ReleaseDefinition", "AgentProtocol", "Effects", argumentParser, nioCore, nioPosix, nioSSL,
            ],
            path: "bench/load", swiftSettings: strict),

        tests("ReleaseDefinitionTests", ["ReleaseDefinition"]),
        tests("DefinitionFilesTests", ["DefinitionFiles", "ReleaseDefinition"], resources: [.copy("Cases")]),
        // What several test targets need; no program links it.
        .target(
            name: "TestSupport", dependencies: ["ReleaseDefinition", "Effects"], path: "Tests/Support",
            swiftSettings: strict),
        tests("EffectsTests", ["Effects", "ReleaseDefinition", "TestSupport", nioCore, nioPosix, nioSSL]),
        tests("ReleasePackagingTests", ["ReleasePackaging", "ReleaseDefinition", "Effects", "TestSupport"]),
        tests(
            "ForeignArchivesTests",
            ["ForeignArchives", "ReleasePackaging", "ReleaseDefinition", "Effects", "TestSupport"]),
        tests("ReleaseTrustTests", ["ReleaseTrust", "ReleaseDefinition", "COpenSSL"]),
        tests(
            "ReleaseDistributionTests",
            ["ReleaseDistribution", "ReleasePackaging", "ReleaseTrust", "ReleaseDefinition", "Effects", "TestSupport"]),
        tests("ReleaseRolloutTests", ["ReleaseRollout", "ReleaseDefinition", "AgentProtocol"]),
        tests("ReleaseLifecycleTests", ["ReleaseLifecycle", "ReleaseDefinition", "TestSupport"]),
        tests(
            "ReleaseReportingTests",
            ["ReleaseReporting", "ReleaseLifecycle", "ReleaseRollout", "AgentProtocol", "ReleaseDefinition"]),
        tests(
            "ReleaseSimulationTests", ["ReleaseSimulation", "ReleaseRollout", "ReleaseDefinition", "AgentProtocol"],
            folder: "ReleaseSimulation", resources: [.copy("Seeds")]),
        tests(
            "AgentTests",
            [
                "AgentLibrary", "ReleaseDefinition", "DefinitionFiles", "AgentProtocol", "ReleasePackaging",
                "ReleaseTrust", "ReleaseDistribution", "Effects", "TestSupport",
            ], resources: [.copy("Previous")]),
        tests(
            "ControllerTests",
            [
                "ControllerLibrary", "AgentLibrary", "ControllerAPI", "ReleaseDefinition", "AgentProtocol",
                "ReleasePackaging",
                "ReleaseTrust", "ReleaseDistribution", "ReleaseRollout", "Effects", "TestSupport", x509, nioCore,
                nioEmbedded, nioPosix,
            ], resources: [.copy("Previous")]),
        tests(
            "CommandTests",
            [
                "slipway", "AgentLibrary", "ControllerLibrary", "AgentProtocol", "ControllerAPI", "DefinitionFiles",
                "ReleaseDefinition", "ReleasePackaging", "Effects", "TestSupport",
            ]),
        // Real processes of all three programs: no module of ours but the vocabulary and the doors.
        tests(
            "EndToEnd", ["ReleaseDefinition", "AgentProtocol", "ControllerAPI", "Effects", "TestSupport"],
            resources: [.copy("Traps")]),
        tests("Tidy", []),
    ]
)
