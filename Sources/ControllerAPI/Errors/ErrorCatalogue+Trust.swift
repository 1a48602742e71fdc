extension ErrorCatalogue {
    static let trustErrors = #"""
        trust.ROLE.directorKey
          The director's key is also the key of a metadata role. Whoever has it could be two authorities at once.
        > Give the director a key of its own.
        trust.ROLE.expired
          Signed metadata are older than they may be: the repository is not renewed, somebody holds it back, or this
          clock is wrong. What is installed is kept, and backing out works.
        > See that the controller or publisher renews its metadata, and that this machine's clock is right.
        trust.ROLE.form
          A metadata file is no strict JSON of the expected shape.
        > Nothing was accepted. Publish it again.
        trust.ROLE.hash
          A metadata file has another hash than the file that names it says: states of the repository are mixed, or
          somebody changed one.
        > Publish the repository again as a whole; look at caches on the way.
        trust.ROLE.length
          A metadata file has another length than the file that names it says.
        > Publish the repository again as a whole; look at caches on the way.
        trust.ROLE.missing
          A metadata file, or the first root that everything is checked against, is not there.
        > Publish it; where the root is missing on a host, join the host again.
        trust.ROLE.rollback
          A file is older than the one that was trusted before. It is refused, because an old state can bring weak
          releases back. What is installed is kept.
        > If the repository was restored from a backup, raise its versions:
          slipway-controller restore BACKUP --dir DIR --advance
        trust.ROLE.signatures
          A file does not have as many valid signatures as its role needs.
        > Nothing was accepted. Have it signed by enough keys of the role and publish it again.
        trust.ROLE.size
          A metadata file is larger than is read.
        > Check that the address is the right repository.
        trust.ROLE.specVersion
          The metadata follow another major version of TUF than is read here.
        > Update the program that refused it.
        trust.ROLE.type
          A metadata file is of another type than its place says: the server mixed files up, or somebody did.
        > Publish the repository again as a whole.
        trust.ROLE.vanished
          The list of metadata lost a file that it once had. It never may, because that hides a role's newer words.
        > Publish a snapshot that lists it again.
        trust.ROLE.version
          A file has another version than the one that must come next, or than the file that names it says.
        > Publish every version of root, each under its own number, and the repository as a whole.
        trust.assignment.action
          The director's order is no installation, where only one is taken.
        > Export a release to install.
        trust.assignment.early
          The order is not valid yet. It is heard again later.
        > See that this host's clock is right.
        trust.assignment.environment
          The order is for another environment than the host's, which is fixed when it joins.
        > Nothing was done. Order it in the host's environment, or join the machine again in the other.
        trust.assignment.expired
          The order is over: the controller renews what is still wanted, so this one was held back, or clocks
          disagree.
        > See that the clocks of controller and host agree, and that the host reaches the controller.
        trust.assignment.form
          The director's order cannot be read.
        > Nothing was done. See that controller and agent are of versions that follow each other.
        trust.assignment.noDirector
          The approvers' metadata name no director, so nobody may order anything.
        > Publish targets metadata with the director's key.
        trust.assignment.notAddressed
          The order is not meant for this host. On a channel this is normal: its turn may come.
        > Nothing has to be done.
        trust.assignment.replayed
          The order has a lower counter than one that was accepted before: somebody repeats an old word, or the
          controller was restored from a backup.
        > After a restore, raise its counters: slipway-controller restore BACKUP --dir DIR --advance
        trust.assignment.targetPath
          The order names another file than the one that approvers signed for this release and environment.
        > Nothing was done. See who runs the controller.
        trust.envelope.form
          A signed envelope cannot be read.
        > Nothing was accepted. See who wrote it.
        trust.envelope.signatures
          A signed envelope does not have enough valid signatures of the keys that count.
        > Nothing was accepted. If the director's keys were changed, publish the new targets metadata first.
        trust.envelope.type
          A signed envelope holds another kind of document than is expected.
        > Nothing was accepted: the sender mixed up two documents.
        trust.export.form
          The order in an exported package, or its metadata, cannot be read.
        > Export the package again.
        trust.export.missing
          A package that was carried by hand holds no proof that it was approved and ordered.
        > Export it: slipway release export NAME@VERSION --host HOST --output FILE.slip
        trust.export.otherController
          The package was exported by another controller than the one this host joined.
        > Export it with the controller that this host belongs to.
        trust.export.role
          Another role than the product's own speaks for the release in the exported package.
        > Nothing was installed. Only the product's own role may approve it.
        trust.key.form
          A text is no public or private key in the form that is expected.
        > Give the .pub file that slipway keys generate wrote, or for signing its .pem file.
        trust.key.id
          Metadata name a key by an id that is not its hash.
        > Nothing was accepted. Publish the metadata with ids that are the keys' SHA-256.
        trust.key.passphrase
          A private key is encrypted, and the passphrase is missing or wrong.
        > Give it with --passphrase-file, or on stdin with --passphrase-file -.
        trust.key.unusable
          The system's libcrypto refused to use a key.
        > See that OpenSSL is 3.0 or later and offers the key's algorithm.
        trust.key.weak
          A key of the repository is too weak to be believed.
        > Nothing was accepted. The repository's owner has to replace the key.
        trust.labels.form
          The director's word on what this host is called by is no such word, or names labels that no host can have.
        > Nothing has to be done: the host keeps those that it had. See who runs the controller.
        trust.labels.notAddressed
          The director's word on labels is of another host, or of another environment.
        > Nothing has to be done: the host keeps those that it had. See who runs the controller.
        trust.order
          Metadata were read in another order than root, timestamp, snapshot, targets. This is a defect of Slipway.
        > Report it with the log.
        trust.release.belowFloor
          Approvers signed that nothing below a certain version may be installed any more, and this release is
          below.
        > Choose a newer release, or have the floor lowered by approvers.
        trust.release.expired
          A hot fix was approved for a time only, and that is over.
        > Approve it again, or release the fix in the normal way.
        trust.release.mismatch
          The director and the approvers name different bytes for one release. One of the two is wrong or was taken
          over.
        > Nothing was installed. Compare what approvers signed with what the controller orders.
        trust.release.notApproved
          Nobody approved the release for this environment.
        > Promote it: slipway release promote NAME@VERSION --to ENVIRONMENT
        trust.release.revoked
          The director revoked the release: no host installs it any more.
        > Submit a corrected release under a new version.
        trust.release.role
          Another role than the product's own lists the release.
        > Nothing was installed. Only the product's own role may approve it.
        trust.release.withdrawn
          Approvers withdrew the release, for good.
        > Submit a corrected release under a new version.
        trust.target.hash
          The bytes of a file are not the ones that its role signed, or its hash could not be computed.
        > Nothing was accepted. Fetch it again; if that does not help, publish the release again.
        trust.target.length
          A file has another length than its role signed.
        > Fetch it again; if that does not help, publish the release again.
        trust.target.name
          A file in the repository has a name that is no plain relative path.
        > Nothing was accepted. Ask the repository's owner: no honest tool publishes this.
        trust.writer.conflict
          The version was approved before with other bytes. A version names the same bytes for ever.
        > Submit the new content under a new version.
        trust.writer.environment
          The word "emergency" is reserved for hot fixes and names no environment.
        > Choose another name.
        trust.writer.keyShared
          One key is given for two people or for two roles that must be apart.
        > Make a key of its own for each.
        trust.writer.keyTwice
          A key or a person stands twice in one role. One person has one vote.
        > Name each once.
        trust.writer.keys
          Not enough keys of the role have signed the change.
        > Have it signed with the private keys that slipway keys status names.
        trust.writer.noRole
          There is no role for this product and environment yet.
        > Add the product, with this environment, first: slipway keys delegate
        trust.writer.refused
          The change was not published, because every new host would refuse the repository afterwards.
        > Give it up with slipway keys drop CHANGE --reason REASON, and propose it again.
        trust.writer.signers
          Nobody is named who approves releases of the product.
        > Restore the repository's state from a backup.
        trust.writer.stale
          A change of metadata was proposed against a version that is no longer the newest.
        > Propose it again: signatures on the old proposal count for nothing.
        trust.writer.state
          The stored state of the repository has no version that could rise.
        > Use another backup.
        trust.writer.threshold
          A role asks for more signatures than it has keys, or for none.
        > Ask for at least one and at most as many as there are keys.
        trust.writer.version
          A version number cannot rise any further.
        > Use another backup.
        trust.writer.withdrawn
          The release was withdrawn by approvers, so it cannot be approved again.
        > Submit a corrected release under a new version.
        """#
}
