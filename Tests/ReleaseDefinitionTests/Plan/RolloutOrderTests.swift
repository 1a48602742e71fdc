import ReleaseDefinition
import Testing

@Suite("The order of several rollouts")
struct RolloutOrderTests {
    private func member(_ release: String, _ requires: [(String, String)] = []) throws -> RolloutOrder.Member {
        RolloutOrder.Member(
            release: try ReleaseName(release), environment: try EnvironmentName("staging"),
            requires: try requires.map {
                ProductRequirement(product: try ProductName($0.0), version: try VersionRange($0.1))
            })
    }

    @Test("What is required goes first, what nothing ties goes together, and each step says after what")
    func order() throws {
        let steps = try RolloutOrder.steps([
            member("web@2.0", [("api", ">=2.0"), ("cache", ">=1.0")]), member("api@2.0", [("store", ">=3.0")]),
            member("store@3.1"), member("mail@1.0"), member("cache@1.0"),
        ])
        #expect(
            steps.map { "\($0.step) \($0.release)" } == [
                "1 store@3.1", "1 mail@1.0", "1 cache@1.0", "2 api@2.0", "3 web@2.0",
            ])
        #expect(steps.last?.after.map(\.description) == ["api@2.0", "cache@1.0"])
    }

    @Test("A ring, a release that another cannot have, and a product twice are refused with both values")
    func refused() throws {
        let ring = try [member("a@1.0", [("b", ">=1.0")]), member("b@1.0", [("a", ">=1.0")]), member("c@1.0")]
        #expect { try RolloutOrder.steps(ring) } throws: { error in
            (error as? DefinitionError)?.summary == "Each of these requires another: a@1.0, b@1.0."
        }
        let unfit = try [member("a@1.0", [("b", ">=2.0")]), member("b@1.5")]
        #expect { try RolloutOrder.steps(unfit) } throws: { error in
            (error as? DefinitionError)?.summary == "a@1.0 requires b >=2.0, and b@1.5 is to be rolled out."
        }
        #expect { try RolloutOrder.steps([member("a@1.0"), member("a@1.1")]) } throws: { error in
            (error as? DefinitionError)?.code == "definition.order.twice"
        }
    }
}
