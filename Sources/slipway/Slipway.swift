import ArgumentParser
import Effects
import ReleaseDefinition

/// The operator's command. Everything it can end with is in `ProgramExit`.
@main
struct Slipway {
    static func main() async {
        let exit: ProgramExit
        do {
            let words = Array(CommandLine.arguments.dropFirst())
            var command = try SlipwayCommand.parseAsRoot(SlipwayVersion.isAsked(by: words) ? ["version"] : words)
            ProgramPages.giveBack()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            exit = .done
        } catch {
            exit = RepositoryClientCommand.limited(ProgramExit.report(error))
        }
        exit.leave()
    }
}
