import Mustache
import ReleaseDefinition

/// The templates in `assets/`, compiled once.
struct ConsoleTemplates: Sendable {
    private let library: MustacheLibrary

    /// - Throws: `controller.setup.template`: a template of ours that cannot be read.
    init() throws {
        MustacheContentTypes.register(ScalarHTML(), named: ScalarHTML.name)
        let sources: [(String, [UInt8])] = [
            ("page", PackageResources.page_mustache), ("live", PackageResources.live_mustache),
            ("rollout", PackageResources.rollout_mustache), ("signin", PackageResources.signin_mustache),
            ("signedin", PackageResources.signedin_mustache), ("feedback", PackageResources.feedback_mustache),
            ("record", PackageResources.record_mustache), ("acts", PackageResources.acts_mustache),
            ("told", PackageResources.told_mustache), ("top", PackageResources.top_mustache),
        ]
        var templates: [String: MustacheTemplate] = [:]
        for (name, bytes) in sources {
            // In each, because a partial begins with the library's own escaping again.
            let text = "{{% CONTENT_TYPE:\(ScalarHTML.name)}}" + String(decoding: bytes, as: UTF8.self)
            do {
                templates[name] = try MustacheTemplate(string: text)
            } catch {
                throw ControllerError.setup(
                    "template", "The console's template \(name) cannot be read: \(error).",
                    remedy: "This is a defect of Slipway: please report it.")
            }
        }
        library = MustacheLibrary(templates: templates)
    }

    func render(_ name: String, _ model: [String: Any]) -> String { library.render(model, withTemplate: name) ?? "" }
}

/// HTML escaping by scalars. The library escapes by `Character`, and a quote that is followed by a combining mark is
/// another `Character` than a quote: such text would end an attribute.
struct ScalarHTML: MustacheContentType {
    static let name = "SCALAR_HTML"

    func escapeText(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "`": escaped += "&#96;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            default: escaped.unicodeScalars.append(isShown(scalar) ? scalar : "\u{FFFD}")
            }
        }
        return escaped
    }

    /// No control characters, and none that turn the direction of what follows.
    private func isShown(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: false
        default: true
        }
    }
}

/// Style and script, named by their digest so that a browser may keep them for ever.
enum ConsoleAssets {
    static let style = PackageResources.console_css
    static let script = PackageResources.console_js
    static let stylePath = "/console/assets/\(SHA256Digest(of: style).short).css"
    static let scriptPath = "/console/assets/\(SHA256Digest(of: script).short).js"
}
