extension ErrorCatalogue {
    static let controllerErrors = #"""
        controller.conflict.packageRemoved
          The package of the release was removed from the repository: nobody needed it any more. Its manifest and documents are kept.
        > Take a newer release, or submit its package (a .slip) again.
        controller.plan.required
          In this profile a rollout starts from a plan that somebody looked at, and none is named.
        > Plan it (slipway rollout plan FILE), look at it, and start it with --plan DIGEST.
        controller.policy.after
          The policy wants the release to have been rolled out in another environment first.
        > Roll it out there first, or have somebody set the rule aside who may:
          slipway policy override RELEASE --environment ENVIRONMENT --rule after --reason REASON
        controller.policy.authorisations
          The policy wants more people to authorise the rollout.
        > Have the plan authorised: slipway rollout authorise DIGEST --key-file FILE
        controller.policy.backOut
          The policy wants another back-out than the rollout has.
        > Change the rollout's back-out as the message says.
        controller.policy.cadence
          The policy lets rollouts of the product begin only so often.
        > Wait until the moment that the message names.
        controller.policy.earlyLife
          The policy wants early life support that the rollout does not have.
        > Add earlyLife to the rollout as the message says.
        controller.policy.environment
          The policy does not know the environment.
        > Name one of the policy's, or add it to the policy.
        controller.policy.evidence
          The policy asks for evidence that there is not yet about this package.
        > State it, or start a phased rollout where a pilot is asked for, as the message says.
        controller.policy.freeze
          A freeze stands over this.
        > Wait for its end; slipway freeze list shows who declared it and why.
        controller.policy.gates
          The policy wants gates that the rollout does not have.
        > Add them to the rollout as the message says.
        controller.policy.numbering
          The version does not fit the policy's numbering.
        > Choose a version as the message says.
        controller.policy.overlap
          Another rollout would change the same hosts at the same time, which the policy refuses.
        > Wait for its end; slipway rollout list shows it.
        controller.policy.strategy
          The policy allows other strategies in this environment.
        > Change the rollout's strategy to one that the message names.
        controller.policy.unfit
          The policy does not fit this controller; every line stands in the cause.
        > Correct the lines named and apply it again.
        controller.policy.window
          No window of the policy is open now.
        > Wait for the next one: slipway window propose --environment ENVIRONMENT --dir DIR
        controller.request.archive
          An upload does not hold one archive where it must.
        > Submit it with slipway release submit.
        controller.request.audience
          A package is exported for one host or one channel.
        > Give exactly one of --host and --channel.
        controller.request.body
          The body of the request cannot be read as what the route takes.
        > Send what /openapi.yaml describes; use a slipway of the controller's version.
        controller.request.bodyBroken
          The body broke off.
        > Send it again.
        controller.request.bodyTooLarge
          The body is longer than the route takes.
        > Send a smaller one; of a release, leave out what hosts do not need.
        controller.request.channel
          The channel is none of this product.
        > Name one as ENVIRONMENT.PRODUCT.
        controller.request.conclusion
          A review says nothing.
        > Say what was found, with --conclusion.
        controller.request.definitionMissing
          The release folder holds no release.yaml.
        > Write one beside the files; docs/definition-files.md has every key and an example.
        controller.request.document
          A document is no base 64, or too long.
        > Send it with slipway release evidence add.
        controller.request.edits
          A change of metadata cannot be read.
        > Use a slipway of the controller's version.
        controller.request.envelope
          A signed envelope cannot be read.
        > Send it as the tool wrote it.
        controller.request.environment
          The request names no environment, or one that there is not.
        > Name one that the message lists.
        controller.request.evidence
          The request holds no statement.
        > Send it with slipway release evidence add.
        controller.request.hook
          The program that switches traffic is not in the controller's folder as it must be.
        > An administrator puts it there, executable, and writable by its owner alone.
        controller.request.hosts
          The act needs hosts, and none is named.
        > Name them after the rollout's id.
        controller.request.idempotencyKey
          The key was used for another request, or is no key.
        > A key belongs to one request: make another.
        controller.request.ifMatch
          If-Match holds something that is no entity tag, or asks of what no GET shows with one.
        > Send the ETag of the GET as it came, in its quotes; or leave the header out.
        controller.request.invitation
          An invitation for so many uses, or for so long, is not made.
        > Ask for what the message allows.
        controller.request.labels
          Labels cannot be given or changed as it is written. What slipway hosts label sets is not name either, nor a mark;
          it means hosts by their names or by a query.
        > Use at most 64, of letters, digits and . _ - + : / @ %; not id.
        controller.request.lifetime
          A token that is valid for so long is not made.
        > Ask for a shorter time.
        controller.request.link
          A feedback link for so long or so many answers is not made.
        > Ask for what the message allows.
        controller.request.machineID
          A machine id is too long.
        > Send the content of /etc/machine-id.
        controller.request.material
          No material is named.
        > Name one, as openssl.
        controller.request.mediaType
          The body is of a type that is not taken.
        > Send JSON as application/json; submit a folder or a package with slipway release submit.
        controller.request.method
          The route does not take this method.
        > Use one of those that the message names.
        controller.request.moment
          A moment in the request cannot be read.
        > Write it as 2026-11-20T09:12:00Z.
        controller.request.names
          A pattern for ids of hosts is none.
        > Write one *, which stands for the part that differs, as web-*.
        controller.request.notFound
          There is no such thing, or you may not see it.
        > List what exists, then ask again.
        controller.request.number
          A number after the question mark is none, or too small or too large.
        > Give a number that the message allows, or leave it out.
        controller.request.override
          An override names no rules, or is asked for too long.
        > Name rules, and a span that the message allows.
        controller.request.page
          A list is asked for after something that is no cursor of it, or for more at once than is given.
        > Ask for at most 1000, and take `next` of the page before as `after`, or the address in its header `Link`.
        controller.request.permissionSet
          There is no such permission set.
        > Name one that the message lists.
        controller.request.person
          The text is no name for a person.
        > Use letters, digits, - and ., as alice or alice.smith.
        controller.request.planSize
          The plan is too long.
        > Put long texts into documents of the package.
        controller.request.policy
          Names are made for the hosts of a join policy only, or the policy's name is none.
        > Add --policy NAME, of letters, digits, - and dots.
        controller.request.policySize
          The policy is too long.
        > Remove freezes that are over.
        controller.request.product
          No release and no host has this product, so a freeze of it would hold nothing.
        > Name a product that the message lists, or leave --product out and freeze everything.
        controller.request.rate
          Too many requests came in a short time.
        > Wait as long as Retry-After says. An operator sets limits in controller.json.
        controller.request.reason
          The act needs a reason, and none is given: it stands in the log.
        > Say why, with --reason.
        controller.request.receipt
          The receipt cannot be read.
        > Use an agent of this controller's version.
        controller.request.rehearsalPlan
          The plan switches traffic between two sides, which no host can rehearse by itself.
        > Leave --plan out, or name a plan with phases.
        controller.request.release
          The consent is to another release.
        > Sign it for this release.
        controller.request.reports
          Too many reports came at once.
        > Send them in several batches; the agent does by itself.
        controller.request.role
          The controller makes no keys for this role.
        > People make their own keys: slipway keys generate --output FILE.pem
        controller.request.scope
          An administrator of a place could make himself one of everything; or a back-out's scope is none.
        > Grant admin without a scope, or another set; back-outs reach over phase, rollout or hosts.
        controller.request.score
          The score is not from 1 to 5.
        > Give 1 (bad) to 5 (good) with --score.
        controller.request.signature
          No signature was sent.
        > Sign with a key of the role: slipway keys sign CHANGE --key-file FILE
        controller.request.signingRequest
          The certificate signing request is refused.
        > Join again with slipway-agent join, which makes a proper one.
        controller.request.space
          The disk of the controller has no room for the release while it is received, unpacked and built; nothing of it is left.
        > Free space on the controller, as by retention in controller.json, and submit it again.
        controller.request.span
          The span of time is empty.
        > Give a start before the end.
        controller.request.text
          A text that must be said is missing.
        > Say it, with the option that the message names.
        controller.request.tooSlow
          The body came too slowly, so that it would have held a place for too long.
        > Send it again over a faster line.
        controller.request.uploads
          As many releases as are taken at once are being received and built.
        > Submit it again when Retry-After is over; `limits.uploads` in controller.json is the number.
        controller.request.valid
          A package is not made valid for so long.
        > Ask for at most what the message allows.
        controller.setup.address
          The address to listen on is none.
        > Write HOST:PORT, as 0.0.0.0:8443 or [::1]:8443.
        controller.setup.approvers
          One person alone would approve, or the same people approve and rescue, which the profile does not allow.
        > Name more people, or choose --profile solo.
        controller.setup.authority
          The certificate authority in the folder is not the one of the log, or cannot be read.
        > Restore ca/ from the backup that the log is of.
        controller.setup.backup
          The folder is no whole backup.
        > Name a folder that slipway-controller backup wrote to its end.
        controller.setup.backupInside
          What backup or restore writes would lie in the folder that it copies, and be copied on and on; nothing was written.
        > Choose a folder outside of the one that is copied, best on another disk.
        controller.setup.databaseEmpty
          The database onto which a backup is to be restored holds no record of a controller.
        > Put the dump that was made right after the backup into it first.
        controller.setup.databaseNewer
          The database onto which a backup is restored has entries that are newer than the backup.
        > Make sure that it is the dump of that backup and that nobody works on it; then say it again with --yes.
        controller.setup.databaseUsed
          A controller runs on the database onto which a backup is to be restored.
        > Put the dump into a database of its own, and name that in controller.json of the backup.
        controller.setup.emergency
          In the profile regulated the people who approve hot fixes are others than those who approve releases.
        > Name others with --emergency-person.
        controller.setup.environments
          The list of environments is none.
        > Write each name once, as staging,production; emergency is reserved.
        controller.setup.file
          A file of the controller's folder is not text.
        > Restore it from a backup.
        controller.setup.folderMode
          Others may write into the controller's folder.
        > Look at what is in it, then run chmod 700 on it.
        controller.setup.kit
          The recovery kit cannot be made or used here; the summary says why.
        > Keep it off the controller, and name the folder that holds the keys of root with --keys.
        controller.setup.listen
          The controller cannot listen: the port is taken, or may not be used.
        > Look what else listens there (ss -ltnp), or change listen in controller.json.
        controller.setup.notInitialised
          There is no controller in the folder.
        > Make one with: slipway-controller init --dir DIR
        controller.setup.offlineKeys
          The profile has keys that people hold, and it was not said where to write them; or solo was given such a
          folder.
        > Give --offline-keys with team and regulated, and not with solo.
        controller.setup.oidc
          oidc.json, or a file that it names, cannot be used; until then no identity token is believed.
        > Correct the file as the message says; local tokens work.
        controller.setup.output
          A command of the controller could not write what it had to say: stdout is full or closed.
        > Make room where stdout leads. What was asked for is done, but a recovery kit, which is taken away again.
        controller.setup.profile
          There is no such profile.
        > Use solo, team or regulated.
        controller.setup.proxies
          An entry of proxies in controller.json is neither an address nor a network.
        > Write an address or a network of proxies, as 10.0.0.9, 10.0.0.0/28 or fd00::/64.
        controller.setup.retention
          The retention of controller.json, or of the command, would keep less than is safe.
        > Keep at least 2 releases and those of 7 days, or leave it out.
        controller.setup.root
          The first metadata hold no root. This is a defect of Slipway.
        > Report it with the controller's log.
        controller.setup.routeTwice
          A route stands twice in the table. This is a defect of Slipway.
        > Report it with the controller's log.
        controller.setup.routeWithoutPermission
          A route names no permission. This is a defect of Slipway.
        > Report it with the controller's log.
        controller.setup.running
          Another process runs the controller in this folder.
        > Stop it first, or use another folder.
        controller.setup.template
          A page of the console cannot be read. This is a defect of Slipway.
        > Report it with the controller's log.
        controller.stopping
          This controller was asked to end.
        > Ask again in a moment: it starts anew, or another one answers.
        controller.store.away
          The database cannot be reached. Nothing is lost: what was not confirmed is tried again.
        > See that PostgreSQL runs and answers.
        controller.store.behind
          The database ends before what was confirmed: its write-ahead log was removed, or an old copy was put in its place. Nothing was started.
        > Put the missing file back, if it was moved; else set the controller up from a backup with --advance (docs/operations.md, “A damaged record”).
        controller.store.chain
          The event log is damaged: an entry does not follow the one before. Nothing was started.
        > Restore it from a backup, and find out who or what changed it: an intact log is never rewritten.
        controller.store.closed
          The database was closed because the controller ends.
        > Ask again when it runs again.
        controller.store.conflict
          Something else was decided between looking and deciding.
        > Do it again.
        controller.store.corrupt
          The database is damaged. Nothing was changed.
        > Keep the folder, and set the controller up from a backup with --advance (docs/operations.md, “A damaged record”).
        controller.store.database
          The database refused an operation; the cause says why.
        > Check that nothing else has it open and that the disk is sound.
        controller.store.disk
          The database cannot be written: the disk is full or broken.
        > Free some space or repair the disk; what was not confirmed will be sent again.
        controller.store.document
          A stored document that must be there is missing.
        > Restore the database from a backup.
        controller.store.empty
          The event log is empty.
        > Restore it from a backup, or make a new controller in another folder.
        controller.store.fenced
          Another controller has taken over; this one wrote nothing and goes on as a standby.
        > Nothing has to be done.
        controller.store.file
          A file of the repository became shorter while it was sent.
        > Nothing but the controller may write into repository/.
        controller.store.newer
          The store was written by a newer controller.
        > Install that version again, or restore a backup from before the upgrade.
        controller.conflict.changed
          What is to be changed is not what you looked at any more.
        > Look at it again, then decide.
        controller.conflict.rehearsalBusy
          A rollout or another rehearsal of the product is under way on the host.
        > Wait for its end, or name another host.
        controller.conflict.rehearsalLive
          The release goes into service in that environment: nothing is taken back there to see whether it can be.
        > Name hosts of another environment.
        controller.conflict.rehearsalRuns
          The release runs on the host already: there is nothing to install.
        > Rehearse it where it does not run, or a newer release.
        controller.rehearsal.window
          No window is open in which the release may be installed there.
        > See when one opens: slipway window propose --environment ENVIRONMENT
        controller.request.rehearsalSize
          What a host says it saw when it rehearsed is longer than any such statement.
        > Look at what runs on that host as slipway-agent.
        """#
}
