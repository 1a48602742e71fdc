import ReleaseDefinition

/// What an `appspec.yml` of AWS CodeDeploy says, of a deployment to servers (version 0.0).
public struct AppSpec: Sendable, Equatable {
    public struct Files: Sendable, Equatable {
        /// In the bundle; `.` is all of it.
        public var source: String
        /// A folder of the host, which keeps what else is in it.
        public var destination: String
    }

    public struct Script: Sendable, Equatable {
        public var event: Event
        /// In the bundle.
        public var location: String
        public var timeout: TimeSpan
        public var runAs: String?
    }

    /// The moments of a deployment that run scripts, in order.
    public enum Event: String, Sendable, CaseIterable {
        case beforeBlockTraffic = "BeforeBlockTraffic"
        case afterBlockTraffic = "AfterBlockTraffic"
        case applicationStop = "ApplicationStop"
        case beforeInstall = "BeforeInstall"
        case afterInstall = "AfterInstall"
        case applicationStart = "ApplicationStart"
        case validateService = "ValidateService"
        case beforeAllowTraffic = "BeforeAllowTraffic"
        case afterAllowTraffic = "AfterAllowTraffic"
    }

    public var files: [Files]
    /// In the order in which they run.
    public var scripts: [Script]
    /// The objects that `permissions` names.
    public var permissions: [String]
}

/// Reads `appspec.yml`, as strictly as our own files: what is not understood is refused, never passed over.
public enum AppSpecFile {
    /// CodeDeploy's own bound of a script that names none.
    private static let timeoutMax = TimeSpan.hours(1)

    /// - Throws: every problem at once.
    public static func parse(_ text: [UInt8], file: String) throws(DefinitionProblems) -> AppSpec {
        let root = try YAMLDocument.read(text, file: file)
        let list = ProblemList(file: file)
        return try list.finish(read(Field(node: root, path: "", list: list)))
    }

    private static let keys = KeyTable(
        known: ["version", "os", "files", "permissions", "hooks", "file_exists_behavior"],
        reserved: ["Resources": "It deploys to Lambda or ECS, and Slipway deploys to servers: write a release.yaml."])

    private enum System: String, CaseIterable { case linux }

    private static func read(_ field: Field) -> AppSpec? {
        guard let mapping = MappingReader(field, keys, what: "an appspec") else { return nil }
        let version = mapping.required("version", example: "version: 0.0") { $0.text() }
        let system = mapping.required("os", example: "os: linux") {
            $0.choice(System.self, reserved: ["windows": "Slipway deploys to Linux only."])
        }
        let files = mapping.required("files", example: "files: with one source at least") {
            $0.elements(countMax: 100, what: "sources", readFiles)
        }
        let permissions = mapping.optional("permissions", default: []) {
            $0.elements(countMax: 1000, what: "permissions", readPermission)
        }
        let scripts = mapping.optional("hooks", default: [], readHooks)
        _ = mapping.optional("file_exists_behavior", default: "") { $0.text() }
        guard version != nil, system != nil, let files, let permissions, let scripts else { return nil }
        return AppSpec(files: files, scripts: scripts, permissions: permissions)
    }

    private static func readFiles(_ field: Field) -> AppSpec.Files? {
        guard
            let mapping = MappingReader(
                field, KeyTable(known: ["source", "destination", "file_exists_behavior"]), what: "a source")
        else { return nil }
        let source = mapping.required("source", example: "source: /") { readPath($0) }
        let destination = mapping.required("destination", example: "destination: /opt/NAME") {
            withoutSlash($0).absolutePath("where the files go")
        }
        guard let source, let destination else { return nil }
        return AppSpec.Files(source: source, destination: destination)
    }

    /// `/` is the bundle, and what begins with it is in the bundle all the same.
    private static func readPath(_ field: Field) -> String? {
        guard case .text(let text, let isQuoted) = field.node.content else {
            return field.relativePath("a path of the bundle")
        }
        let inside = String(text.drop { $0 == "/" })
        var field = withoutSlash(field)
        field.node.content = .text(inside.isEmpty ? "." : inside, isQuoted: isQuoted)
        return field.relativePath("a path of the bundle", allowsWhole: true)
    }

    private static func withoutSlash(_ field: Field) -> Field {
        guard case .text(let text, let isQuoted) = field.node.content, text.count > 1, text.hasSuffix("/") else {
            return field
        }
        var field = field
        field.node.content = .text(String(text.dropLast()), isQuoted: isQuoted)
        return field
    }

    private static func readPermission(_ field: Field) -> String? {
        let keys = KeyTable(known: ["object", "pattern", "except", "owner", "group", "mode", "acls", "context", "type"])
        guard let mapping = MappingReader(field, keys, what: "a permission") else { return nil }
        return mapping.required("object", example: "object: /opt/NAME") { $0.text(lengthMax: 1024) }
    }

    private static func readHooks(_ field: Field) -> [AppSpec.Script]? {
        guard
            let mapping = MappingReader(
                field, KeyTable(known: AppSpec.Event.allCases.map(\.rawValue)), what: "scripts by event")
        else { return nil }
        return AppSpec.Event.allCases.flatMap { event -> [AppSpec.Script] in
            mapping[event.rawValue]?.elements(countMax: 100, what: "scripts") { readScript($0, event) } ?? []
        }
    }

    private static func readScript(_ field: Field, _ event: AppSpec.Event) -> AppSpec.Script? {
        guard
            let mapping = MappingReader(field, KeyTable(known: ["location", "timeout", "runas"]), what: "a script")
        else { return nil }
        let location = mapping.required("location", example: "location: scripts/start", readPath)
        let timeout = mapping.optional("timeout", default: timeoutMax) { field in
            field.integer(1...3600).map { TimeSpan.seconds(Int64($0)) }
        }
        let runAs = mapping.optional("runas", default: String?.none) { $0.text(lengthMax: 32).map(Optional.some) }
        guard let location, let timeout, let runAs else { return nil }
        return AppSpec.Script(event: event, location: location, timeout: timeout, runAs: runAs)
    }
}
