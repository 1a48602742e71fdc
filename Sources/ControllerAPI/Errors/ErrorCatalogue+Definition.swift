extension ErrorCatalogue {
    static let definitionErrors = #"""
        definition.byteCount
          A number of bytes is negative or no number.
        > Write zero or more.
        definition.calendar
          A calendar expression cannot be read; it is written as systemd's OnCalendar, of which a part is known.
        > Write it as Mon..Fri 22:00, Sat *-*-1..7 02:30 or *-*-* 0/6:00.
        definition.decimal
          A number with a fraction is not written as digits with one point.
        > Write it as 0.01.
        definition.digest
          A text is no SHA-256 digest.
        > A digest is 64 lower-case hexadecimal digits: copy the whole of it.
        definition.hostQuery
          A host query cannot be read.
        > Write it as: role=web and zone in (a,b) and not pinned.
        definition.instant
          A text is no moment in UTC.
        > Write it as 2026-11-20T09:12:00Z.
        definition.joinString
          The text is no join string of this version: a part is missing, or it is of another version.
        > Copy the whole line that `slipway hosts invite` printed.
        definition.json.choice
          A value that must be one of several kinds has none of them, or more than one. Mostly two programs are of
          versions too far apart.
        > Bring both programs to versions of which one follows the other.
        definition.json.control
          A string in a JSON text holds an unescaped control character.
        > Write the document again with a tool that writes strict JSON.
        definition.json.depth
          A JSON text is nested deeper than is read.
        > Write it flatter; no document of Slipway is nested that deep.
        definition.json.duplicate
          One member stands twice in an object, so that two programs would read different values.
        > Write each member once.
        definition.json.number
          A number in a JSON text is not written as JSON demands, or is too large to be exact.
        > Write the document again with a tool that writes strict JSON.
        definition.json.shape
          A JSON document has not the members that are expected. Mostly two programs are of versions too far apart.
        > Bring both programs to versions of which one follows the other.
        definition.json.size
          A JSON text is longer than is read.
        > Check that it is the right document.
        definition.json.surrogate
          An escape in a string is half of a character.
        > Write the document again with a tool that writes strict JSON.
        definition.json.syntax
          The text is no JSON.
        > Write the document again with a tool that writes strict JSON.
        definition.json.trailing
          Data follow the end of a JSON value.
        > Send one document alone.
        definition.json.truncated
          A JSON text ends in the middle.
        > Send or copy it again.
        definition.json.utf8
          A string in a JSON text is not UTF-8.
        > Save the document as UTF-8.
        definition.metricSeries
          A metric of a health check is not written as its name, with its labels in braces.
        > Write it as errors_total or errors_total{code="500"}.
        definition.mode
          A text is no mode of a file.
        > Write four octal digits from "0000" to "0777".
        definition.name
          A text is not a name of the kind that is expected (product, unit, host, environment and so on).
        > Use lower-case letters, digits and the marks that the message names; begin with a letter or digit.
        definition.numberPattern
          A text is no pattern of version numbers.
        > Write one to three of N, + and digits, as N.N.+.
        definition.order.count
          More rollouts are given than are ordered at once.
        > Order fewer at once.
        definition.order.ring
          The releases named require each other in a ring, so none can be first.
        > Release one of them once in a way that takes the older version of the other.
        definition.order.twice
          Two of the rollouts are of one product in one environment; the newer would supersede the older.
        > Leave one of them out.
        definition.order.unfit
          A release requires a version of another product that the other rollout does not bring.
        > Take another release of one of the two.
        definition.releaseName
          A text is no release name.
        > Write PRODUCT@VERSION, as payments@1.4.
        definition.service
          A unit's service is neither a command, a systemd unit nor hooks.
        > Write a command, a systemd unit or "hooks".
        definition.strategy
          A rollout's strategy is none that exists.
        > Write "bigBang" or phases.
        definition.timeSpan
          A text is no length of time.
        > Write a whole number and ms, s, m, h or d, as 30s or 5m; ten years at most.
        definition.values
          A file of values holds something that values cannot be.
        > Write texts, numbers, true, false, lists and mappings; a secret as { secret: NAME }.
        definition.variant
          A text is no variant of a release.
        > Write an architecture, with the system before it where it matters: amd64, debian12-amd64.
        definition.version
          A text is no release version.
        > Write one to three numbers and an optional suffix, as 2.0, 1.3.1 or 1.4.0-rc.1.
        definition.versionRange
          A text is no range of versions.
        > Write comparisons separated by spaces, as ">=2.1 <3".
        definition.zone
          The system's file of a time zone cannot be read.
        > Install the package tzdata again.
        foreignArchives.attributes
          An archive has an entry with extended attributes (ACLs, capabilities, SELinux labels), which packages do
          not carry.
        > Make it without --xattrs, --acls and --selinux; capabilities belong into the service's unit.
        foreignArchives.damaged
          The archive is damaged, or is not what its name says.
        > Copy or make it again.
        foreignArchives.deb
          The .deb is not built as Debian packages are.
        > Check it with `dpkg-deb --info`, and build it again with dpkg-deb.
        foreignArchives.document
          A document that is made for the release would take the name of one that the release has, or the SBOM in
          the archive is no SPDX 2 in JSON.
        > Give the document another name, or have the tool write SPDX 2.3 as JSON.
        foreignArchives.duplicate
          One path stands twice in the archive, so that two tools unpack different files.
        > Make it again, with each path once.
        foreignArchives.empty
          The archive has no entries.
        > Check that it is the right one.
        foreignArchives.entries
          The archive has more entries than a package may have.
        > Split it into several release units.
        foreignArchives.hardLink
          A hard link in the archive points to no file before it.
        > Make it again with --hard-dereference.
        foreignArchives.header
          A header of the tar changes all entries, is doubled or too long.
        > Make it again with `tar --format=gnu` or --format=ustar.
        foreignArchives.kind
          The file is of a kind that is not read.
        > Name a folder, or a .tar, .tar.gz, .tar.zst or .deb file.
        foreignArchives.library
          This machine's libarchive cannot read the compression that the archive uses.
        > Install the distribution's own libarchive, or pack the archive again as .tar.gz.
        foreignArchives.link
          The target of a link in the archive is absolute, leads out of the tree or is not UTF-8.
        > Make the link relative and within the tree, or make the archive without it.
        foreignArchives.name
          A name in the archive holds a zero byte. No file system has such a name.
        > Make the archive again.
        foreignArchives.parent
          The archive has an entry below something that is no folder.
        > Make it again from the folder itself.
        foreignArchives.root
          The archive's own top (`.`) is not a folder.
        > Make it again from a folder: tar -C FOLDER -czf FILE .
        foreignArchives.setuid
          A file in the archive has a set-user or set-group bit, which packages do not carry.
        > Run chmod u-s,g-s on it before the archive is made.
        foreignArchives.size
          The archive unpacks to more than a package may hold.
        > Check that it is the right one; if it is, split it into several release units.
        foreignArchives.sparse
          The archive holds a sparse file.
        > Make it without --sparse.
        foreignArchives.special
          The archive holds a device, pipe or socket.
        > Make it without: packages hold files, folders and relative links.
        foreignArchives.trailing
          Data follow the end of the archive, which other tools would not show.
        > Make it again as one archive.
        foreignArchives.truncated
          The archive has lost its end.
        > Copy or make it again.
        foreignArchives.type
          The archive has an entry that is neither file, folder nor link.
        > Make it again with `tar --format=gnu` or --format=ustar.
        unexpected
          Something failed in a way that Slipway has no words for. This is a defect.
        > Report it with the program's log.
        """#
}
