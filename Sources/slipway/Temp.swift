import Effects

enum SourceArchive { static func bytes(of: Directory) throws -> [UInt8] { [] } }
