import AgentLibrary
import Glibc

@main
struct SlipwayAgent {
    static func main() async {
        exit(await AgentCommand.runToExitCode())
    }
}
