import Testing

@testable import ForeignArchives

@Test func libarchiveIsThere() { #expect(ArchiveLibrary.version > 3_000_000) }
