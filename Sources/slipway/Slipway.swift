import ArgumentParser
import Effects
import ReleaseDefinition

/// An argument with nothing in it names nothing, whichever it is: mostly a variable of a script that is not set.
enum EmptyWord {
    /// - Throws: `command.argument.empty`.
    static func refuse(in words: [String]) throws {
        // The shell asks to complete the word that is not there yet.
        guard words.first?.hasPrefix("---") != true, let place = words.firstIndex(where: isEmpty) else { return }
        let before = words[place].isEmpty ? (place == 0 ? "slipway" : words[place - 1]) : words[place]
        throw CommandError(
            code: "argument.empty", summary: "What follows \(before) is empty; nothing was done.",
            remedy: "Is a variable of the shell not set? What belongs there: \(Self.path(words)) --help")
    }

    /// Nothing at all, or `--name=` with nothing behind it.
    private static func isEmpty(_ word: String) -> Bool {
        word.isEmpty || word.hasPrefix("--") && word.firstIndex(of: "=").map { word.index(after: $0) } == word.endIndex
    }

    /// The command that the words name.
    private static func path(_ words: [String]) -> String {
        var (names, command) = ([String](), SlipwayCommand.self as any ParsableCommand.Type)
        while names.count < words.count,
            let below = command.configuration.subcommands.first(where: {
                $0.configuration.commandName == words[names.count]
            })
        {
            names.append(words[names.count])
            command = below
        }
        return (["slipway"] + names).joined(separator: " ")
    }
}

/// The operator's command. Everything it can end with is in `ProgramExit`.
@main
struct Slipway {
    static func main() async {
        let exit: ProgramExit
        do {
            let words = Array(CommandLine.arguments.dropFirst())
            try EmptyWord.refuse(in: words)
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
