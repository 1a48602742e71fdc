import ControllerLibrary
@main struct M { static func main() async {} }
