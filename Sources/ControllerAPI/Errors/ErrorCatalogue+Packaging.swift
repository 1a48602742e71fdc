extension ErrorCatalogue {
    static let packagingErrors = #"""
        packaging.archive.attributes
          The tar has an entry with extended attributes. Packages carry none, because they would give a file rights
          that nobody sees in the release.
        > Make the archive without them: no --xattrs, --acls or --selinux.
        packaging.archive.checksum
          A header of the tar does not have the checksum that it states: bytes changed on the way, or the file is no
          tar.
        > Copy or make the archive again.
        packaging.archive.device
          The tar holds a device. A package holds files, folders and relative links alone.
        > Remove it from the source and make the archive again.
        packaging.archive.duplicate
          One path stands twice in the tar, so two tools could unpack different files from it.
        > Make the archive again, with each path once.
        packaging.archive.entries
          The tar has more entries than are allowed.
        > Split the content into several release units.
        packaging.archive.format
          A header is not in the form ustar that packages use; GNU's own form and data behind a field are read
          differently by different tools.
        > Make the archive with slipway, or with `tar --format=ustar`.
        packaging.archive.global
          The tar has a pax header that changes all entries after it, which hides what they are.
        > Make the archive without global headers.
        packaging.archive.hardLink
          The tar holds a hard link. Packages store such a file once for each name.
        > Make the archive with --hard-dereference.
        packaging.archive.link
          An entry that is no link has the target of one.
        > Make the archive again; a sound tool does not write this.
        packaging.archive.longName
          The tar stores a long name in GNU's form, which packages do not use.
        > Make the archive with slipway, or with `tar --format=pax`.
        packaging.archive.mode
          An entry has a set-user or set-group bit, which would give its rights to whoever runs it.
        > Run chmod u-s,g-s on the file before the archive is made.
        packaging.archive.number
          A number in a header is not written in octal digits: the header is damaged or of a form that is not read.
        > Copy or make the archive again.
        packaging.archive.padding
          There are data where only zeros may stand between entries. Nobody would see them, so nothing is accepted
          that has them.
        > Make the archive again with slipway.
        packaging.archive.parent
          An entry comes before its folder, or below something that is no folder.
        > Make the archive again from the folder itself.
        packaging.archive.pax
          A pax header is damaged, doubled, needless or says something that is not read here.
        > Make the archive with slipway, which writes pax headers for long names alone.
        packaging.archive.pipe
          The tar holds a named pipe. A package holds files, folders and relative links alone.
        > Remove it from the source and make the archive again.
        packaging.archive.size
          An entry or the whole archive is larger than allowed, or a folder or link claims to have content.
        > Split the content into several release units; if the sizes look wrong, make the archive again.
        packaging.archive.sparse
          The tar holds a sparse file in GNU's form.
        > Make the archive without --sparse; packages compress holes anyway.
        packaging.archive.trailing
          Data follow the end of the tar. Other tools would not show them.
        > Make it again as one archive.
        packaging.archive.truncated
          The tar ends in the middle of an entry: it was not copied to its end.
        > Send or copy it again.
        packaging.archive.type
          An entry is of a type that is neither file, folder nor link.
        > Make the archive again from files, folders and relative links.
        packaging.blob.absent
          A blob that a manifest names is not in the store: it was removed, or never fetched.
        > Fetch or publish the release again.
        packaging.blob.digest
          A stored blob has other bytes than its name says. The disk, the way or somebody changed it.
        > Remove it and fetch it again; if that repeats, look at the disk and at who may write there.
        packaging.blob.leftovers
          The store's folder is full of files that were begun and never finished.
        > Restart the program: it removes them at its start.
        packaging.blob.length
          A stored blob is longer or shorter than the signed length.
        > Remove it and fetch it again.
        packaging.compressor
          The compression library refused to work, nearly always for lack of memory.
        > Free memory and try again.
        packaging.compressor.level
          The compression level that was asked for is outside of what the format allows.
        > Name a level in the range that the message gives, or none.
        packaging.index.bounds
          The index of a payload describes more, or larger parts, than a package may have.
        > Build the package again; split very large content into several units.
        packaging.index.digest
          The index is not the one that the signed manifest binds. Nothing of the package is used.
        > Copy or fetch the package again; if that does not help, build and publish it again.
        packaging.index.memory
          There was no memory to read the index of a payload.
        > Free memory on this machine and try again.
        packaging.index.order
          Entries of the index are not in the order of their paths, which every builder of Slipway keeps.
        > Build the package again with slipway package build.
        packaging.index.parent
          The index has an entry whose folder it lacks.
        > Build the package again with slipway package build.
        packaging.index.syntax
          The index of a payload cannot be read at the line named.
        > Build the package again; if it is sound, upgrade the program that refused it.
        packaging.manifest.bounds
          A value in the manifest is outside of its bounds, or two parts of it do not fit each other. Nothing is
          installed.
        > Build and publish the release again.
        packaging.manifest.form
          The manifest is not in canonical form, or has members that this program does not know: it was changed by
          hand or made by a newer program.
        > Build it again, or upgrade the program that refused it.
        packaging.manifest.format
          The manifest is of another format number than this program reads.
        > Upgrade the program that refused it, or build the release with a slipway of its version.
        packaging.manifest.size
          The manifest is longer than a manifest may be.
        > Split the release, or move long texts into documents.
        packaging.manifest.syntax
          The manifest is no strict JSON of the expected shape.
        > Build and publish the release again; if it is sound, upgrade the program that refused it.
        packaging.manifest.variant
          The release has no variant for this host's system and processor, so nothing of it is installed there.
        > Build a release with a variant for it, or leave the host out of the rollout.
        packaging.package.digest
          A file in the package has other bytes than its manifest binds: it was damaged or changed.
        > Copy the package again; if that does not help, build it again.
        packaging.package.entry
          The package holds a file that its manifest does not name, or lacks one that it names.
        > Copy the package again; if that does not help, build it again.
        packaging.package.manifest
          The file does not begin with a manifest: it is no package of Slipway, or its beginning is lost.
        > Check that it is a .slip file, and copy it again.
        packaging.package.member
          A compressed part of the payload does not become the bytes that its index demands.
        > Copy the package again; if that does not help, build it again.
        packaging.package.trust
          The files of trust in the package are too many, too large or of a wrong kind.
        > Export it again with slipway release export.
        packaging.patch.digest
          The patch makes other bytes than the new release demands. They are thrown away, and the payload is
          fetched.
        > Nothing has to be done on a host; by hand, leave the patch out or make it again.
        packaging.patch.frame
          A compressed part of the patch is damaged.
        > Copy or make the patch again, or leave it out: the payload is taken then.
        packaging.patch.head
          The head of the patch is damaged, beyond the format's bounds, or not of this format.
        > Make the patch again with slipway package patch.
        packaging.patch.incomplete
          The patch does not make all parts that the old tree lacks.
        > Make it again from the two packages: slipway package patch OLD.slip NEW.slip --output FILE
        packaging.patch.length
          The patch file is longer or shorter than its head says: it was cut, or became shorter while it was read.
        > Copy it again.
        packaging.patch.memory
          There was no memory to apply or make the patch.
        > Free memory and try again; hosts fetch the payload meanwhile.
        packaging.patch.other
          The patch leads from another release, or to another one, than is asked for.
        > Name the patch that was made from exactly these two packages.
        packaging.patch.size
          The patch would be larger, or have more parts, than a patch may.
        > Nothing has to be done: hosts fetch changed members instead.
        packaging.patch.source
          Files of the installed tree are not as they were installed, so a patch cannot start from them. The payload
          is taken instead.
        > Find out who writes into the installed tree; a service keeps its data in persistent paths.
        packaging.patch.stopped
          Making the patch was given up, because it took too long or the program ended.
        > Nothing has to be done: hosts fetch changed members instead.
        packaging.path.absolute
          A path in the tree, or the target of a link, is absolute. Packages are placed where the definition says,
          so only relative ones are carried.
        > Rename it, or make the link relative with `ln -sr`; then build again.
        packaging.path.backslash
          A path holds a backslash, which some tools read as a separator.
        > Rename it in the source and build again.
        packaging.path.control
          A path holds a control character, which would hide in every list that is printed.
        > Rename it: `ls -b` on the folder shows it.
        packaging.path.depth
          A path lies deeper than packages go.
        > Make the tree flatter, or pack the deep part as one file.
        packaging.path.direction
          A path holds a character that changes the direction of text, so that it would look like another name.
        > Rename it in the source and build again.
        packaging.path.dots
          A path has a component `.`; only plain paths are carried.
        > Rename it in the source, or make the archive from the folder itself.
        packaging.path.empty
          A path is empty or has an empty component, as in `a//b`.
        > Correct the path in the source and build again.
        packaging.path.escape
          A path or link leads out of its tree by `..`, and could touch what is not the release's.
        > Make the link point into the tree, or let a hook make it on the host.
        packaging.path.length
          A path or one of its names is longer than file systems take.
        > Choose shorter names.
        packaging.path.utf8
          A name is not valid UTF-8, so no two programs would write it alike.
        > Rename it: `ls -b` on the folder shows the bytes.
        packaging.payload.absent
          A part of the payload is needed that was not fetched, mostly because a file of the earlier release changed
          meanwhile.
        > Nothing has to be done: the whole payload is fetched. If it repeats, find out who changes those files.
        packaging.payload.digest
          A part of the payload does not have the signed digest. Nothing of it is installed.
        > Fetch it again; if that repeats, the server, a cache on the way or the disk is damaged.
        packaging.payload.file
          A file made from the payload is not the one that the index demands.
        > Build and publish the release again: the publisher's package is wrong.
        packaging.payload.header
          The payload has another header for an entry than its index demands.
        > Build and publish the release again: the publisher's package is wrong.
        packaging.payload.member
          A compressed part of the payload does not become as many bytes as were signed.
        > Build and publish the release again: the publisher's package is wrong.
        packaging.payload.padding
          The payload has data where there must be zeros.
        > Build and publish the release again: the publisher's package is wrong.
        packaging.source.attribute
          The definition sets mode or owner of a path that the unit's files lack.
        > Correct the path under `attributes`, or remove it.
        packaging.source.capability
          A file of the source has the attribute security.capability, which gives rights to whoever runs it.
          Packages carry no attributes.
        > Run setcap -r on it, and give the rights to the service: AmbientCapabilities= of its unit.
        packaging.source.changed
          A file changed while the tree was read, so the package would hold a state that never was.
        > Build from a tree that nobody writes to.
        packaging.source.empty
          A unit's source has no files at all, most often because the build did not run.
        > Build the files first, or correct `source`.
        packaging.source.entries
          The tree has more entries than a package may have.
        > Split it into several release units.
        packaging.source.file
          A hook, template or document that the definition names cannot be taken from the release folder.
        > Name a regular file in the release folder, of at most the size that the message gives.
        packaging.source.manifest
          The manifest that was built does not read back as it was written.
        > Look for unusual characters in the definition's texts; if there are none, report it as a defect.
        packaging.source.program
          The definition names a program that is not in the unit's source or is not executable there, so no host
          could start it.
        > Correct the path, or make the file executable: chmod +x it or list it under `attributes`.
        packaging.source.setuid
          A file of the source has a set-user or set-group bit, which packages do not carry.
        > Run chmod u-s,g-s on it, or run it as a service of that user.
        packaging.source.size
          The release folder is larger than what a controller takes.
        > Remove what does not belong to the release, or build it here
          (slipway package build TREE --output FILE.slip) and submit that.
        packaging.source.special
          The tree holds a device, pipe or socket.
        > Remove it: packages hold files, folders and relative links.
        packaging.source.unit
          The folder or archive that a unit's `source` names is not there. Links are not followed.
        > Build the files first, or correct `source`.
        packaging.source.values
          The values that the definition names were not read before the build. This is a defect of Slipway.
        > Report it with the definition.
        packaging.staging.files
          The file system has not enough free file entries (inodes) for the release.
        > Remove files that nobody needs on that file system, and try again; the installed release is kept.
        packaging.staging.space
          The file system has not enough room to unpack the release beside the installed one.
        > Free space and try again; the installed release is kept.
        packaging.tree.account
          The release has files of a user or group that the host does not know.
        > Make the account on the host, or remove the attribute from the definition.
        packaging.tree.changed
          Files of the installed release are not as they were installed: somebody or something wrote there.
        > Install the release again, and find out who wrote there; a service keeps its data in persistent paths.
        packaging.zstd
          The library for patches refused to work.
        > Check free memory and the installed libzstd.
        """#
}
