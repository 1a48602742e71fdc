import Foundation

/// The codes that the sources can throw or report, read from the places where errors are made. docs/errors.md (which a
/// test of the command holds against the catalogue) must have exactly these.
enum ErrorCodes {
    /// Whatever conforms to ReportableError, and the word that its initialiser puts before the code.
    static let families = [
        "AgentError": "agent.", "CommandError": "command.", "ControllerAPIError": "api.",
        "ControllerError": "controller.", "DefinitionError": "definition.", "DistributionError": "distribution.",
        "EffectsError": "effects.", "ForeignArchiveError": "foreignArchives.", "LifecycleError": "lifecycle.",
        "PackagingError": "packaging.", "ReportedError": "", "RolloutError": "rollout.", "TrustError": "trust.",
        // Its one code is below, among `makers`.
        "DefinitionProblems": "",
    ]

    /// Functions that make errors from the end of a code: in which files, the call up to the code's quote, what stands
    /// before the code. The code is the last group.
    struct Maker {
        var folder: String
        var call: String
        var prefix: String
        var suffix = ""
    }

    private static let packaging = "Sources/ReleasePackaging/"
    private static let trust = "Sources/ReleaseTrust/"
    /// One argument may stand before the code.
    private static let argument = #"\( ?(?:[^"()]{1,40}?, )?(?:code: )?"#
    private static let bare = #"(?<![\w.])"#

    static let makers: [Maker] =
        [
            (packaging, #"TarRefusal\.error"#, "packaging.archive."),
            (packaging, #"PackageFile\.refuse"#, "packaging.package."),
            (packaging, #"PatchFormat\.refuse"#, "packaging.patch."),
            (packaging, #"PayloadIndex\.refuse"#, "packaging.index."),
            (packaging, #"It\.refuse"#, "packaging.manifest."),
            (packaging + "Tar/TarReader", bare + "refuse", "packaging.archive."),
            (packaging + "PackageFile", bare + "refuse", "packaging.package."),
            (packaging + "Patch/PatchFormat", bare + "refuse", "packaging.patch."),
            (packaging + "Index/", #"(?:\bSelf\.|"# + bare + ")refuse", "packaging.index."),
            (packaging + "Install/MemberUnpacker", #"Self\.refuse"#, "packaging.payload."),
            (packaging + "Manifest/", #"(?:\bSelf\.|"# + bare + ")refuse", "packaging.manifest."),
            ("Sources/ReleaseDefinition/JSON/JSONParser", "refuse", "definition.json."),
            ("Sources/ForeignArchives/", "(?:refuse|damaged|ForeignArchiveError)", "foreignArchives."),
            (trust, #"\.writer"#, "trust.writer."), (trust, #"\.assignment"#, "trust.assignment."),
            (trust, #"\.export"#, "trust.export."), (trust, #"\.release"#, "trust.release."),
            (trust, #"\.labels"#, "trust.labels."),
            ("Sources/ReleaseLifecycle/", "over", "lifecycle."),
            ("Sources/Effects/HTTP/HTTPFailure", "make", "effects.http."),
            ("Sources/Effects/Keys/", #"LibcryptoFailure\.error"#, "effects.key."),
            ("Sources/DefinitionFiles/", #"(?:\brefuse|\badd)"#, "definitionFiles."),
            ("agent/SelfUpdate/", "refusal", "agent.selfUpdate."), ("agent/", #"Refusal\.error"#, "agent."),
            ("agent/Installation/", #"\bfailure\([^"]{0,60}code: "#, "agent.installation."),
            ("controller/", #"(?:ControllerError|Self|)\.setup"#, "controller.setup."),
            ("controller/", #"(?:ControllerError|Self|)\.store"#, "controller.store."),
            ("controller/", #"(?:ControllerError|Self|)\.badRequest"#, "controller.request."),
            ("controller/", #"(?:ControllerError|Self|)\.conflict"#, "controller.conflict."),
            ("controller/", #"(?:ControllerError|Self|)\.unauthorized"#, "controller.access."),
            ("controller/", #"(?:ControllerError|Self|)\.forbidden"#, "controller.access."),
        ].map { Maker(folder: $0.0, call: $0.1.hasSuffix("code: ") ? $0.1 : $0.1 + argument, prefix: $0.2) }
        + [
            // The code is the second word.
            Maker(folder: trust, call: #"\.refused\( ?"?[\w.]+"?, "#, prefix: "trust.ROLE."),
            Maker(
                folder: "Sources/DefinitionFiles/", call: #"refuseRule\( ?(?:at: [^,]{1,60}, )?"#,
                prefix: "definitionFiles.rule."),
            Maker(
                folder: "Sources/ReleaseLifecycle/", call: #"\.refused\( ?"#, prefix: "lifecycle.", suffix: ".refused"),
            Maker(folder: "Sources/ReleaseLifecycle/", call: "verb: ", prefix: "lifecycle.", suffix: ".refused"),
            Maker(folder: "Sources/ReleaseLifecycle/", call: "verb: ", prefix: "lifecycle.", suffix: ".stage"),
            // Initialisers of their own, and codes that are chosen before the error is made.
            Maker(
                folder: "Sources/ReleaseDefinition/JSON/JSONCoding", call: "self.init.{1,3}code: ",
                prefix: "definition."),
            Maker(
                folder: "Sources/ControllerAPI/Client/", call: #"self\.init\( family: [^"]{1,60}code: "#, prefix: "api."
            ),
            Maker(folder: "Sources/ReleaseDefinition/ReportableError", call: "self.init.{1,3}code: ", prefix: ""),
            Maker(folder: "Sources/DefinitionFiles/", call: "public var code: String . ", prefix: ""),
            Maker(folder: "agent/", call: " code = ", prefix: "agent."),
            Maker(folder: "controller/ControllerError", call: #"\.notFound, code: "#, prefix: "controller."),
            Maker(folder: "Sources/Effects/Files/SystemCall", call: #"(?:: |default: )\( ?"#, prefix: "effects.file."),
        ]

    /// Enumerations whose cases end a code.
    private static let enumerations = [
        (file: "Sources/ReleasePackaging/Tree/EntryPath.swift", name: "PathFlaw", prefix: "packaging.path."),
        (
            file: "Sources/ReleaseDefinition/Policy/ReleasePolicy.swift", name: "PolicyRule",
            prefix: "controller.policy."
        ),
    ]

    /// Where a code is no literal, because one of the above makes it: the file, and what stands for the code.
    static let notLiteral: Set<String> = [
        "Sources/AgentProtocol/BoundedWords.swift", "Sources/Effects/Files/SystemCall.swift",
        "Sources/Effects/Files/ZoneFolder.swift", "Sources/Effects/HTTP/HTTPFailure.swift",
        "Sources/Effects/Keys/EllipticKey.swift", "Sources/ForeignArchives/Making/TreeMaker.swift",
        "Sources/ForeignArchives/Reading/GzipStream.swift", "Sources/ForeignArchives/Reading/TarGuard.swift",
        "Sources/ReleaseDefinition/JSON/JSONParser.swift", "Sources/ReleaseLifecycle/Lifecycle+Answers.swift",
        "Sources/ReleaseLifecycle/LifecycleError.swift", "Sources/ReleasePackaging/Index/PayloadIndex+Lines.swift",
        "Sources/ReleasePackaging/Install/MemberUnpacker.swift", "Sources/ReleasePackaging/PackageFile.swift",
        "Sources/ReleasePackaging/Manifest/Manifest+Parsing.swift", "Sources/ReleasePackaging/Patch/PatchFormat.swift",
        "Sources/ReleasePackaging/Tar/TarReader.swift", "Sources/ReleasePackaging/Tree/EntryPath.swift",
        "Sources/ReleasePackaging/Tree/TreeScan.swift", "Sources/ReleaseTrust/Director/AssignmentVerification.swift",
        "Sources/ReleaseTrust/Director/ExportedTrust.swift", "Sources/ReleaseTrust/Director/LabelWord.swift",
        "Sources/ReleaseTrust/Director/ReleaseAuthorisation.swift",
        "Sources/ReleaseTrust/Metadata/SignedMetadata.swift", "Sources/ReleaseTrust/Repository/RepositoryDraft.swift",
        "agent/Commands/InstallCommand.swift", "agent/Identity/Renewal.swift",
        "agent/Installation/Installation+Decide.swift", "agent/Halves/NetworkLink.swift",
        "agent/Runtime/Convergence.swift", "agent/SelfUpdate/SelfUpdate.swift",
        "controller/Policy/PolicyEnforcement.swift",
    ]

    /// A file's text with its comments gone and every run of white space one space.
    static func flat(_ text: String) -> String {
        replacing(#"\s+"#, in: replacing("(?m)^ *//.*$", in: text, by: ""), by: " ")
    }

    private static func replacing(_ pattern: String, in text: String, by replacement: String) -> String {
        text.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
    }

    /// - Returns: the codes of one file, and the places whose code cannot be read.
    static func found(_ path: String, _ text: String) -> (codes: Set<String>, unread: [String]) {
        let text = flat(text)
        var codes: Set<String> = []
        var unread: [String] = []
        let site = #"\b(\w+Error)\( ?(?:[^"]{0,60}?, )?code: (.{1,160}?), (?:summary|in):"#
        for match in matches(site, in: text) {
            guard let family = families[match[1]] else { continue }
            let literals = matches(#""([A-Za-z0-9.-]+)""#, in: match[2]).map { $0[1] }.filter { !$0.hasSuffix(".") }
            let isLiteral = !literals.isEmpty && !match[2].contains("\\(") && !match[2].contains(" + ")
            if isLiteral { codes.formUnion(literals.map { family + $0 }) }
            if !isLiteral, !notLiteral.contains(path) { unread.append("\(path): \(match[2])") }
        }
        for maker in makers where path.hasPrefix(maker.folder) {
            for match in matches(maker.call + #""([A-Za-z][A-Za-z0-9.]*)""#, in: text) {
                codes.insert(maker.prefix + (match.last ?? "") + maker.suffix)
            }
        }
        for one in enumerations where path == one.file {
            for cases in matches(
                "enum \(one.name): String[^{]*\\{ ((?:case [A-Za-z0-9, ]+? )+)(?=[^A-Za-z0-9, ]|/|func|static)",
                in: text)
            {
                let names = cases[1].split { $0 == " " || $0 == "," }.filter { $0 != "case" }
                codes.formUnion(names.map { one.prefix + $0 })
            }
        }
        return (codes.filter { !$0.hasSuffix(".") }, unread)
    }

    /// The names of the types that conform to ReportableError.
    static func types(in text: String) -> [String] {
        text.contains("ReportableError") ? matches(#"struct (\w+): ReportableError"#, in: text).map { $0[1] } : []
    }

    /// The headings of docs/errors.md.
    static func documented(_ text: String) -> [String] { matches(#"\n### `([^`]+)`"#, in: text).map { $0[1] } }

    /// Each match with its groups, the whole first.
    private static func matches(_ pattern: String, in text: String) -> [[String]] {
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [["no pattern: " + pattern]] }
        let whole = text as NSString
        return expression.matches(in: text, range: NSRange(location: 0, length: whole.length)).map { match in
            (0..<match.numberOfRanges).map { number in
                let range = match.range(at: number)
                return range.location == NSNotFound ? "" : whole.substring(with: range)
            }
        }
    }
}
