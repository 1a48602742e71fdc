/// A step from one shape of the tables to the next. The name is kept in the database for ever.
struct StoreMigration: Sendable {
    var name: String
    var sql: String
}

extension ControllerError {
    /// A program of before a migration would not understand what it reads.
    static func storeIsNewer(_ place: String, migration: String) -> ControllerError {
        .store(
            "newer", "The store in \(place) was written by a newer controller: it has the migration “\(migration)”.",
            remedy: "Install that version again, or restore a backup from before the upgrade.")
    }
}
