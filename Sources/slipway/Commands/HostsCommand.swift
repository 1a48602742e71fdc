import ArgumentParser
import ControllerAPI
import ReleaseDefinition

struct HostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hosts", abstract: "The machines that releases go to.",
        subcommands: [
            HostsInviteCommand.self, HostsInvitationCommand.self, HostsListCommand.self, HostsShowCommand.self,
            HostsWhyCommand.self,
            HostsRevokeCommand.self, HostsRetireCommand.self, HostsUnlockCommand.self, HostsAuthorityCommand.self,
            HostsReceiptCommand.self, HostsDoctorCommand.self,
            HostsPinCommand.self, HostsMaintenanceCommand.self, HostsDriftCommand.self, HostsLabelCommand.self,
        ])
}

/// One row for each product of each host, so that a table answers "who runs what".
struct HostRow: Presentable {
    var host: HostView
    var product: HostProductView?

    static func rows(_ hosts: [HostView]) -> [HostRow] {
        hosts.flatMap { host in
            host.products.isEmpty
                ? [HostRow(host: host, product: nil)] : host.products.map { HostRow(host: host, product: $0) }
        }
    }

    static let columns = [
        "HOST", "ENVIRONMENT", "DELIVERY", "CONTACT", "STANDING", "PRODUCT", "WANTED", "RUNNING", "HEALTHY",
    ]
    var cells: [String] {
        [
            host.id.text, host.environment.text, host.delivery?.rawValue ?? "-", host.contact.rawValue,
            (host.standing ?? .active).rawValue, product?.product.text ?? "-", product?.wanted?.text ?? "-",
            product?.runningWords ?? "-",
            product?.healthWords(on: host) ?? "-",
        ]
    }
    var name: String { host.id.text }
    func encode(to encoder: any Encoder) throws { try host.encode(to: encoder) }
}
