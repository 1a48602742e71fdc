import ForeignArchives
import Testing

@Suite("Archives are known by their names")
struct ArchiveKindTests {
    @Test(
        "A known ending makes an archive, whatever its case; nothing else does",
        arguments: [
            ("build.tar", ArchiveKind.tar), ("a/b.tar.gz", .tarGzip), ("B.TGZ", .tarGzip), ("x.tar.zst", .tarZstd),
            ("p_1.0_amd64.deb", .deb), ("build", nil), (".tar", nil), ("x.zip", nil), ("tar.gz.d", nil),
        ])
    func kind(_ name: String, _ kind: ArchiveKind?) { #expect(ArchiveKind(name: name) == kind) }
}
