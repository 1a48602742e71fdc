import CSystemShims

/// This process becomes another program: same number, same start time, nothing else of it left.
public enum ProgramChange {
    /// Never returns where it succeeds.
    /// - Parameter output: gets both outputs.
    /// - Throws: `effects.process.start`.
    public static func become(_ command: ProcessCommand, output: OpenFile) throws {
        try SpawnedProcess.check(command)
        let number = withExtendedLifetime(output) {
            SpawnedProcess.withCStrings([command.executable] + command.arguments) { arguments in
                SpawnedProcess.withCStrings(command.variables) { environment in
                    slipway_become(
                        command.executable, arguments, environment, command.workingDirectory, output.descriptor)
                }
            }
        }
        throw SpawnedProcess.failure(command, number)
    }
}
