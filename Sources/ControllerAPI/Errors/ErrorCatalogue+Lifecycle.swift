extension ErrorCatalogue {
    static let lifecycleErrors = #"""
        api.answer
          The controller's answer cannot be read: the two are of versions too far apart, or something else answers.
        > Use a slipway of the controller's version, and check the address.
        api.audit.chain
          The log is damaged: an entry does not follow the one before. An intact log is never rewritten.
        > Compare with other exports and backups, and find out who or what changed it.
        api.audit.checkpoint
          A text is no checkpoint of the log.
        > Write SEQUENCE:DIGEST, as slipway audit verify and slipway-agent status print it.
        api.audit.witness
          An entry that somebody saw before is not in the log, or is another: a backup was restored, or the log was
          rewritten.
        > Look at the entry controller.restored for who restored it and when; if there is none, treat the controller
          as taken over.
        api.status
          The address answered as no controller of Slipway does.
        > Check that the address is a Slipway controller's and see its log.
        api.unreachable
          The controller cannot be reached. The cause says on which level: no connection, TLS, no answer.
        > Check that slipway-controller runs there, that name and port are right, and that --authority is its
          certificate authority.
        lifecycle.approve.author
          Who planned the release cannot approve it in this chain.
        > Another person must approve it: slipway release authorise NAME@VERSION
        lifecycle.approve.digest
          The approval is of another plan or package than the release has now: one of them was changed.
        > Look at it again, then approve it anew: slipway release authorise NAME@VERSION
        lifecycle.approve.expired
          The approval's time is over.
        > Approve it again: slipway release authorise NAME@VERSION
        lifecycle.approve.over
          The release is closed, declined or withdrawn: nothing is approved any more.
        > Plan another release: slipway release plan FILE
        lifecycle.approve.person
          The stage is approved by others.
        > Ask one of those that the message names.
        lifecycle.approve.refused
          The release lacks what an approval rests on, or stages before this one have not approved.
        > See what is missing: slipway release checklist NAME@VERSION
        lifecycle.approve.stage
          The release's plan has no such stage.
        > See its stages: slipway release checklist NAME@VERSION
        lifecycle.close.closed
          The release was closed before.
        > Nothing is left to do for it.
        lifecycle.close.over
          The release was declined or withdrawn: there is nothing to close.
        > Nothing is left to do for it.
        lifecycle.close.refused
          The file of the release is not complete. Everything that is missing stands in the message.
        > Do what is named, then close it again: slipway release close NAME@VERSION
        lifecycle.decline.late
          The release is over or on hosts already: a no comes too late.
        > Back it out instead, or record a deviation.
        lifecycle.decline.person
          The stage is of others.
        > Tell one of those that the message names.
        lifecycle.decline.refused
          The release has no plan yet, so there is nothing to decline.
        > See where it stands: slipway release status NAME@VERSION
        lifecycle.decline.stage
          The release's plan has no such stage.
        > See its stages: slipway release checklist NAME@VERSION
        lifecycle.deploy.closed
          The release was closed: it goes to no host any more.
        > Plan another release: slipway release plan FILE
        lifecycle.deploy.declined
          The release was declined in a stage of its approval.
        > Plan another release: slipway release plan FILE
        lifecycle.deploy.refused
          The release cannot go live yet: questions of its checklist are not answered.
        > See which: slipway release checklist NAME@VERSION
        lifecycle.deploy.withdrawn
          The release was withdrawn.
        > Plan another release: slipway release plan FILE
        lifecycle.deviation.absent
          The release has no such deviation.
        > See those that it has: slipway deviation list NAME@VERSION
        lifecycle.deviation.closed
          The release is over: no deviation is added any more.
        > Record it for the next release.
        lifecycle.deviation.resolved
          The deviation was resolved before.
        > Nothing is left to do for it.
        lifecycle.evidence.altered
          The document that came is not the one that the statement was signed about.
        > Nothing was taken. Send the file that was signed.
        lifecycle.evidence.document
          Evidence of this kind says nothing without its document.
        > Name it with --file FILE.
        lifecycle.evidence.json
          The file is no JSON of the tool that the kind of evidence expects.
        > Give the file that the tool wrote.
        lifecycle.evidence.junit
          The file is no JUnit XML.
        > Give the JUnit XML file that the test runner wrote.
        lifecycle.evidence.over
          The release is over: no evidence is added any more.
        > State it about the next release.
        lifecycle.evidence.package
          The statement is about another package than the release has.
        > State it about this package: slipway release evidence add NAME@VERSION --kind KIND --file FILE
        lifecycle.evidence.pilot
          Nobody states a pilot: the log says whether one has passed.
        > Start a phased rollout of it: slipway rollout start FILE
        lifecycle.evidence.predicate
          Signed statements of this type are not read.
        > Give the tool's file itself: slipway release evidence add NAME@VERSION --kind KIND --file FILE
        lifecycle.evidence.refused
          The release has no package yet that evidence could be about.
        > Submit it first: slipway release submit DIR
        lifecycle.evidence.sarif
          The file is no SARIF of version 2, or has no run in it.
        > Have the scanner write SARIF 2.1.0.
        lifecycle.evidence.slsa
          The provenance is none of SLSA: it names no builder.
        > Have the build write https://slsa.dev/provenance/v1.
        lifecycle.evidence.spdx
          The file is no SPDX 2 in JSON.
        > Have the tool write SPDX 2.3 as JSON.
        lifecycle.evidence.statement
          What was signed is no in-toto statement.
        > Nothing was taken. See who wrote it.
        lifecycle.evidence.summary
          The statement says something of its document that the document does not say.
        > Make the statement again: slipway release evidence add NAME@VERSION --kind KIND --file FILE
        lifecycle.evidence.xml
          The report is no XML that is read here.
        > Give the JUnit XML file that the test runner wrote.
        lifecycle.plan.late
          The plan is fixed, because the release is on hosts already.
        > Record what is otherwise: slipway deviation add NAME@VERSION --text TEXT --owner OWNER
        lifecycle.plan.release
          The plan is of another release.
        > Send it as the plan of the release that it names.
        lifecycle.review.held
          The review was held before.
        > Close the release: slipway release close NAME@VERSION
        lifecycle.review.over
          The release is over: it is not reviewed any more.
        > Nothing is left to do for it.
        lifecycle.review.refused
          A release is reviewed once it is operational or backed out.
        > See where it stands: slipway release status NAME@VERSION
        lifecycle.withdraw.live
          The release has been on hosts, so its plan cannot be withdrawn.
        > Back it out instead: slipway rollout back-out ID --reason REASON
        lifecycle.withdraw.over
          The release is over already.
        > Plan another release: slipway release plan FILE
        rollout.host.unhealthy
          A host became unhealthy after it had taken the release. Its log is in the evidence.
        > Nothing has to be done for the host: it is backed out. Read its log before the release is tried again.
        rollout.plan.conflict
          The rollout would take hosts from another one that ranks the same.
        > Wait for its end, or pause it first: slipway rollout pause ID
        rollout.plan.invalid
          The rollout cannot be planned as it is defined; all problems stand in the message.
        > Correct the definition. Nothing was started.
        rollout.plan.noHosts
          A phase of the rollout has no hosts.
        > Correct the host query or the phases.
        rollout.plan.precedence
          The rollout would take hosts from one that goes before it, as an emergency or a back-out.
        > Wait for its end, or stop it first: slipway rollout stop ID --reason REASON
        rollout.verb.alreadyStarted
          A rollout that runs cannot be started again with another plan.
        > Start a rollout of its own for the new plan.
        rollout.verb.host
          A host is not in a state in which this can be done with it, or is not one of the rollout's.
        > See the states with slipway rollout show ID, and name hosts that fit.
        rollout.verb.notPossible
          The rollout is in a state in which this cannot be done.
        > See its state with slipway rollout show ID.
        rollout.verb.nothingToBackOut
          Hosts cannot be backed out of the rollout: it did not bring them the release, or is still busy with them.
        > Name hosts to which this rollout brought the release.
        rollout.verb.superseded
          Another rollout has the hosts by now.
        > Back that one out instead.
        lifecycle.evidence.future
          A statement is dated later than now, by more than clocks may differ.
        > Set the clock of who stated it, and state it again.
        lifecycle.feedback.full
          One person, or one link, or all together have said as much about the release as is kept.
        > Record what is still to be said: slipway deviation add NAME@VERSION --text … --owner NAME
        """#
}
