import ReleaseDefinition
import Testing

@Suite struct AskedUnits {
    @Test("A unit is asked where it has a check or a process; files alone are not")
    func asked() throws {
        let check = HealthCheck(probe: .systemd("web.service"), timeout: .seconds(1))
        let cases: [(ServiceDefinition?, [HealthCheck], Bool)] = [
            (nil, [], false), (.hooks, [], false), (nil, [check], true), (.hooks, [check], true),
            (.command(["bin/serve"]), [], true), (.systemd(SystemdService(unit: "web.service")), [], true),
        ]
        for (service, health, isAsked) in cases {
            let unit = UnitDefinition(
                name: try UnitName("web"), installTo: "/opt/web", service: service, health: health)
            #expect(unit.isAsked == isAsked, "\(String(describing: service)), \(health.count) checks")
        }
    }
}
