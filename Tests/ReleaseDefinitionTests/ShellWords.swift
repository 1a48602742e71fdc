import ReleaseDefinition
import Testing

@Suite struct ShellWords {
    @Test("What a person is told to type is one word of a shell, whatever the folder is called")
    func words() {
        let cases = [
            ("fleet", "fleet"), ("/srv/slip_way-1.0", "/srv/slip_way-1.0"), ("Büro Müller", "'Büro Müller'"),
            ("", "''"),
            ("it's", #"'it'\''s'"#), ("$HOME", "'$HOME'"), ("a;b", "'a;b'"),
        ]
        for (text, word) in cases { #expect(text.shellWord == word) }
    }
}
