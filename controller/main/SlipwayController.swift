import ControllerLibrary
import Glibc

@main
struct SlipwayController {
    static func main() async {
        exit(await ControllerCommand.execute(Array(CommandLine.arguments.dropFirst())))
    }
}
