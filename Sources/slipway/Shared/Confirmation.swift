import ArgumentParser

/// How a dangerous act is confirmed: by one short answer, or beforehand with `--yes`.
struct Confirmation: Sendable {
    var yes: Bool
    var noInput = false

    /// - Parameter question: what will be done, to what; it ends with a question mark.
    /// - Throws: `command.confirm` for another answer; `command.confirm.absent` where nobody can be asked.
    func require(_ question: String) throws {
        if yes { return }
        guard !noInput, StandardInput.isTerminal else {
            let why = noInput ? "--no-input says that nobody is to be asked" : "There is no terminal to confirm it on"
            throw CommandError(
                code: "confirm.absent", summary: "\(question) \(why): nothing was done.",
                remedy: "If it is meant, run the same command with --yes.")
        }
        Talk.say("\(question) Type yes:")
        guard readLine(strippingNewline: true)?.trimmed == "yes" else {
            throw CommandError(
                code: "confirm", summary: "It was not confirmed: nothing was done.",
                remedy: "Run the command again and type yes.")
        }
    }
}

struct ConfirmationOptions: ParsableArguments {
    @Flag(help: "Do it without asking, once you have read what it does.")
    var yes = false

    @Flag(help: "Never ask: without --yes nothing is done.")
    var noInput = false

    var confirmation: Confirmation { Confirmation(yes: yes, noInput: noInput) }

    func require(_ question: String) throws { try confirmation.require(question) }
}
