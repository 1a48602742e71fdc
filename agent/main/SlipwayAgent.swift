import AgentLibrary
@main struct M { static func main() async {} }
