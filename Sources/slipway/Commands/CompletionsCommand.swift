import ArgumentParser

struct CompletionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print what a shell needs to complete commands, options and names.",
        discussion: """
            For bash it belongs into ~/.local/share/bash-completion/completions/slipway, for zsh into a folder of $fpath as \
            _slipway, for fish into ~/.config/fish/completions/slipway.fish. Names of hosts, releases and rollouts are \
            asked of the controller of the last login while you type.
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument { case bash, zsh, fish }

    @Argument(help: "The shell.")
    var shell: Shell

    func run() async throws {
        let known: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        try StandardOutput.write(SlipwayCommand.completionScript(for: known) + "\n")
    }
}

/// Names as they are at the moment; nothing where nobody is logged in, or the controller does not answer at once.
extension CompletionKind {
    static let hosts = live("hosts list")
    static let releases = live("release list")
    static let rollouts = live("rollout list")
    static let tokens = live("tokens list")
    static let freezes = live("freeze list")

    /// bash evaluates the words it is given: a name that is more than a name, whoever told it, must not reach it.
    private static func live(_ list: String) -> CompletionKind {
        .shellCommand(
            "timeout 2 slipway \(list) --output name 2>/dev/null </dev/null | grep -xE \"[A-Za-z0-9@._+~-]+\" | "
                + "head -n 10000")
    }
}
