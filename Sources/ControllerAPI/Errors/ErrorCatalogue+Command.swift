extension ErrorCatalogue {
    static let commandErrors = #"""
        command.argument.empty
          An argument or the value of an option has nothing in it.
        > Look whether a variable of the shell is not set, and give the value.
        command.authorise.absent
          The release has no plan or no package yet, so there is nothing to say yes to.
        > Put the plan on record (slipway release plan FILE) and submit the package (slipway release submit DIR).
        command.change.digest
          The controller says one digest of a change and sent another change. Nothing was signed.
        > Find out why the controller says two things; do not sign until you know.
        command.change.key
          The key that was given signs for none of the roles that the change needs.
        > See whose keys do: slipway keys status
        command.change.manifest
          The manifest that approvers are asked to sign is not the one that the controller has. Nothing was signed.
        > Have the release submitted again, and find out who changed it.
        command.change.oneVote
          The same person signed already with another key.
        > Another person must sign.
        command.change.queued
          Nobody can sign this change yet: another change of the same role comes first.
        > Sign or give up that one first; slipway keys status lists both.
        command.client.absent
          The folder is no controller's folder: it has no client.json.
        > Make one with slipway init --dir DIR, or name the right folder.
        command.client.option
          An option of the TUF client is missing.
        > See what each act needs with: slipway repository client --help
        command.confirm
          The question was not answered with yes, so nothing was done.
        > Run the command again and type yes.
        command.confirm.absent
          A dangerous act must be confirmed, and nobody can be asked: no terminal, or --no-input. Nothing was done.
        > Read what is shown, then run the same command with --yes.
        command.draft.command
          There are several programs in bin/, and only one can be the service.
        > Say which one: --command bin/NAME
        command.draft.product
          The name of the folder makes no name of a product.
        > Name it: --product NAME
        command.explain.unknown
          No error has this code.
        > Copy the whole of what stands after "error:"; slipway explain lists all codes.
        command.freeze.none
          No freeze that a person declared stands.
        > See what stands: slipway freeze list
        command.freeze.policy
          The freeze is one of the policy, which nobody lifts.
        > Take it out of the policy and put that in force: slipway policy apply FILE --reason REASON
        command.freeze.several
          Several freezes stand, and it was not said which one to lift.
        > Name it: slipway freeze lift ID --reason REASON
        command.freeze.unknown
          There is no such freeze.
        > See what stands: slipway freeze list
        command.import.files
          The appspec names no folder that could be installed.
        > Put its files into folders, name these as sources, and import it again.
        command.init.program
          slipway-controller, which does this, could not be started.
        > Install it into the folder that holds slipway.
        command.init.self
          The path of this program cannot be read from /proc.
        > Run slipway-controller init --dir DIR instead.
        command.input.encoding
          A file is no UTF-8 text.
        > Check that it is the right file.
        command.key.exists
          A key is never written over: one that is lost cannot be made again.
        > Name another file.
        command.key.mode
          Others can read the file of the private key.
        > Make it yours alone: chmod 600 FILE. If others may have read it, have the key rotated.
        command.key.passphrase
          The key is encrypted, and there is no terminal to ask for the passphrase.
        > Give it with --passphrase-file FILE, or on stdin with --passphrase-file -.
        command.login.expired
          The kept token came from an identity provider, has ended, and could not be renewed there.
        > Sign in again: slipway login --oidc
        command.login.home
          There is neither HOME nor XDG_CONFIG_HOME, so a login has no place to be kept.
        > Set one of them, or name the controller in each command: --dir DIR
        command.login.issuer
          There is no identity provider to sign in with, or several and none was chosen.
        > Choose one: slipway login --oidc --issuer NAME; or log in with a token: slipway login --dir DIR
        command.login.refused
          The sign-in with an identity provider was refused there, or not finished in time.
        > Begin again: slipway login --oidc
        command.output.exists
          The file to write is there already and holds something else.
        > Name another file, or replace it with --force.
        command.output.folder
          The file cannot be written, because its folder is none.
        > Make the folder first.
        command.output.kind
          What is at the path to write is no regular file.
        > Name a file to make, or one to replace.
        command.output.packed
          The file to write lies in the folder that is packed: the next build would pack it too.
        > Name a file outside of the unit's source.
        command.output.write
          The output could not be written completely; a full disk or a closed pipe does that. It is never taken for
          success.
        > Make room where stdout leads, and run the command again.
        command.package.base
          A patch needs to know what is in the old tree, and its record is missing.
        > Make the tree with slipway package unpack FILE.slip DIR.
        command.package.damaged
          The package has faults; each stands in the output. No host would install it.
        > Copy it again; if that does not help, build it again.
        command.package.directory
          The folder to unpack into is there and not empty.
        > Name another folder, or move that one away.
        command.package.patch
          The patch cannot be used, and the file has no payload to take instead.
        > Unpack the whole package of the release. A patch leads from an unchanged tree only.
        command.package.product
          The two packages are of different products.
        > Name two packages of one product.
        command.package.record
          Something is where the record of an unpacked tree would be written.
        > Move it away.
        command.package.sourceDate
          SOURCE_DATE_EPOCH is no number of seconds.
        > Set it to seconds since 1970, or unset it.
        command.package.unit
          The old package has no such unit, so no patch leads from it.
        > A new unit is fetched whole: leave it out.
        command.plan.digest
          The controller says one digest of a plan and sent another plan. Nothing was signed.
        > Find out why the controller says two things; do not sign until you know.
        command.plan.notApproved
          The plan would install something that approvers did not sign for this environment. Nothing was signed.
        > Find out who planned it.
        command.plan.window
          No window of the plan is left, so it can never start.
        > Have it planned again with windows that open: slipway rollout plan FILE
        command.preflight.noHosts
          No host matches the rollout's query.
        > Look with slipway hosts list, and correct the query.
        command.publish.rclone
          rclone is not there, or could not write to its remote. Nothing that is there names what is missing.
        > Install it, see what it said, and publish again.
        command.publish.remote
          The place names no remote of rclone.
        > Write rclone:REMOTE:PATH, as rclone listremotes shows them.
        command.receipt.form
          The file is no receipt of a host.
        > Give the file that slipway-agent install wrote with --receipt.
        command.release.definition
          The folder or archive holds no release.yaml at its top; the message says where one was found.
        > Name the inner folder, or pack what is in it and not the folder itself.
        command.release.source
          The file is of no kind that a release is made from.
        > Name a release folder, or a .tar, .tar.gz, .tar.zst or .deb of one.
        command.release.values
          A file of values that release.yaml names is not in the release folder.
        > Write the file, correct the path, or remove the environment.
        command.review.absent
          The rollout was no emergency, so no review is owed for it.
        > See which are: slipway release review --all
        command.simulate.invariant
          The simulator found the engine breaking one of its own rules. This is a defect of Slipway.
        > Report it with the line that begins with replay.
        command.trust.root
          There is no root to begin with, and the controller's own word is not taken for it.
        > Give the root.json that you were handed, once: --root FILE
        command.window.environment
          The policy has no such environment.
        > Name one that the message lists.
        command.window.never
          The calendar expression never comes after that moment.
        > Correct the date.
        command.window.none
          No window leaves enough time free within the span that was looked at.
        > Look further with --within, shorten --takes, or see windows and freezes of the policy.
        """#
}
