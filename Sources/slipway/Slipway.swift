import ArgumentParser
import Effects

/// The operator's command. Everything it can end with is in `ProgramExit`.
@main
struct Slipway {
    static func main() async {
        let exit: ProgramExit
        do {
            var command = try SlipwayCommand.parseAsRoot()
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
