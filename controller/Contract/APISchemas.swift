import ControllerAPI
import ReleaseDefinition

/// The schemas of what requests and answers hold, found by their types; each stands once in the document.
final class APISchemas {
    private let maker = SchemaMaker(place: "#/components/schemas/", takesNull: true)
    /// Types that could not be asked; they are described as any object.
    private(set) var unknown: [String] = []

    var json: JSONValue {
        .object(maker.definitions.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) })
    }

    func schema<Value: Decodable>(of type: Value.Type) -> JSONValue {
        do { return try maker.read(type).schema } catch {
            unknown.append("\(type): \(error)")
            return SchemaMaker.type("object", JSONMember("title", .string("\(type)")))
        }
    }

    /// `ListView`
    func list<Item: Decodable>(of type: Item.Type) -> JSONValue {
        SchemaMaker.type(
            "object",
            JSONMember(
                "properties",
                .object([
                    JSONMember("items", SchemaMaker.type("array", JSONMember("items", schema(of: type)))),
                    JSONMember("next", SchemaMaker.type("string")),
                ])), JSONMember("required", .array([.string("items")])))
    }
}
