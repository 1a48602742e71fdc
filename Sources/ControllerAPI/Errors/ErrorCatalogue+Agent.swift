extension ErrorCatalogue {
    static let agentErrors = #"""
        agent.adopt.account
          A file that is to be adopted belongs to a user or group without a name on this host, so no release could
          say whose it is.
        > Make the account, or change the owner, then adopt again.
        agent.adopt.there
          The host has a release of the product already. What is adopted comes before the first one.
        > See it with slipway-agent status --dir DIR.
        agent.backOut.failed
          The way back did not succeed on this host; the evidence says in which step.
        > Look at it: slipway-agent why PRODUCT --dir DIR
        agent.backOut.irreversible
          The release had applied a unit that is declared irreversible, so the host cannot go back.
        > Correct it on the host, or with another release.
        agent.backOut.noneGood
          None of the older releases on this host was ever proved good, so none is gone back to.
        > Install a sound release instead.
        agent.backOut.unfinished
          The back-out was cut short.
        > Run the command again: it goes on where it stood.
        agent.backedOut
          The release failed on the host, and the host went back to what it ran before.
        > Look at why: slipway-agent why PRODUCT --dir DIR
        agent.backup.differs
          Data changed while they were copied before the switch, so the copy would not be one state.
        > What writes there must stop first: name it as the unit's service, or stop it in the preStop hook.
        agent.bounds
          The host's own administrator forbids what the release wants to do here.
        > Add it to `bounds` in agent.json and start the agent again, or leave the host out.
        agent.busy
          An agent runs with this folder, and two must not.
        > Stop it first (systemctl stop slipway-agent), or use another folder.
        agent.command.empty
          A command of the release has no words.
        > Write the program in release.yaml.
        agent.configuration
          agent.json is wrong at the place named.
        > Correct it and start the agent again.
        agent.converge.failed
          The host did not come to run what it should; the last order failed.
        > Look at why: slipway-agent why PRODUCT --dir DIR
        agent.converge.timeout
          The host runs what it should and was not healthy in time.
        > See slipway-agent status --dir DIR, and the service's log.
        agent.converge.unreached
          The controller or repository was not reached in time.
        > Check this host's network; the agent's log says what went wrong.
        agent.deb.archive
          The unit's folder holds no sound .deb, or one that names neither package nor version.
        > Build the release again with sound packages.
        agent.deb.dpkg
          dpkg ended with an error; its output is in the evidence.
        > Read it; `dpkg --configure -a` may be needed on the host.
        agent.deb.irreversible
          The .deb that is installed now is not at hand, so there would be no way back to it.
        > Fetch it with apt-get install --reinstall --download-only, or declare the unit reversible: false.
        agent.docs.absent
          The document is too large to be kept on hosts, or came before documents were kept.
        > Read it at the controller: slipway release docs NAME@VERSION PATH
        agent.downgrade
          The order is to install something older than what runs.
        > Back out instead: slipway rollout back-out ID --reason REASON
        agent.folderMode
          Others may write into the agent's folder, and could change what it believes.
        > Look at what is in it, then run chmod go-w on it.
        agent.half.busy
          The network half is asked too much at once; it is asked again.
        > Nothing has to be done; if it lasts, restart both halves.
        agent.half.form
          One half of the agent said something that the other does not understand.
        > Restart both: systemctl restart slipway-agent slipway-agent-network.
        agent.half.user
          Somebody else than the agent's user listens at the agent's socket.
        > Find out who made that socket: only root may.
        agent.half.version
          The two halves of the agent are of different versions.
        > Restart the older one: systemctl restart slipway-agent.
        agent.health.failed
          A health check of the unit did not pass in time. The failing answer and the end of the service's log are
          in the evidence.
        > Read them; check port and path of the probe, and that the service listens where the probe asks.
        agent.hook.failed
          A hook of the release failed; its output is in the evidence.
        > Correct the hook, or what it met on the host.
        agent.hook.user
          The hooks name something that is no user.
        > Correct `user` of the hooks in release.yaml.
        agent.identity
          The host has no certificate, or none that can be read.
        > Join it with a string from slipway hosts invite: slipway-agent join STRING --dir DIR
        agent.image.baked
          The image holds a release already that its first boot finishes.
        > Begin with a fresh image, or boot this one first.
        agent.image.failed
          The release could not be put into the image; the cause says why.
        > Correct that and bake again.
        agent.inhibited
          A file in the agent's folder says that nothing is to be installed on this host now.
        > Whoever put it there takes it away.
        agent.install.failed
          The package was not installed. Where the way back failed too, the host may run neither release.
        > Look at what runs, slipway-agent status --dir DIR, and at what failed, slipway-agent why --dir DIR.
        agent.install.orders
          An order came while a package is installed by hand. This is a defect of Slipway.
        > Report it with the log.
        agent.install.unfinished
          The installation was cut short.
        > Run the command again: it goes on where it stood.
        agent.installation.deadline
          A step took longer than its deadline, and the host went on to the safe side.
        > See the evidence and the agent's log, then order the release again.
        agent.installation.lost
          The agent ended again and again in the same step of one order, so the order was given up.
        > See the evidence and the agent's log on the host, then order the release again.
        agent.installation.order
          A step came in a state in which it cannot. This is a defect of Slipway.
        > Report it with the agent's journal.
        agent.join.authority
          What answers is not the controller that the join string names: the certificate authority is another.
        > Check that the string is of this controller; else somebody is between.
        agent.join.environment
          The invitation is for another environment than the one this host has for ever.
        > Invite it into its own environment, or use another folder.
        agent.join.refused
          The controller refused the join string: it is used up, expired or revoked, or the name is taken.
        > Make a new one with `slipway hosts invite`.
        agent.join.root
          The controller's first root is not the one that the join string names.
        > Somebody is between this host and its controller, or the string is of another controller: ask for a new
          one over another way.
        agent.join.start
          The host has joined, and the unit of the Debian package does not start.
        > Do not join again: see journalctl -u slipway-agent -u slipway-agent-network, then systemctl start slipway-agent.
        agent.joined
          The folder belongs to a host already.
        > Use another folder.
        agent.journal.damaged
          The agent's journal is damaged.
        > Start the agent: it keeps the file and rebuilds its state from the disk.
        agent.journal.lost
          The agent's journal is empty or gone, and releases are kept beside it: nothing can be said of what runs.
        > Start the agent: it finds out from the links what runs, and says it.
        agent.layout.drift
          A unit's link shows the release, but its files were changed.
        > Order a newer release, or point the link at another one.
        agent.layout.foreign
          Something is at the unit's place that Slipway did not make, and nothing is ever replaced that is not ours.
        > Move it away, or take it over: slipway-agent adopt PATH --product PRODUCT --dir DIR
        agent.layout.path
          installTo is no folder that a unit can be installed to.
        > Write an absolute path without `.`, `..` and double slashes, as /opt/payments.
        agent.locked
          The product is locked on this host since a back-out failed: nothing is tried until a person looked.
        > Look at the host, then: slipway-agent unlock PRODUCT --dir DIR
        agent.notFound
          The host runs nothing of that name.
        > See what it runs with slipway-agent status --dir DIR.
        agent.order.empty
          An order names nothing to install. This is a defect of Slipway.
        > Report it with the agent's journal.
        agent.output
          The result could not be written.
        > Check where stdout, or the file named, leads.
        agent.package.damaged
          The package changed on the disk while it was installed.
        > Check the disk, and copy the package again.
        agent.parallel.link
          What shows the current slot is no link, and nothing is replaced that is not ours.
        > Move it away, or let parallel.link of the unit name another path.
        agent.place.taken
          The release puts a file where something else is on this host.
        > Move it away, or correct the release.
        agent.plugin.failed
          The plugin of a unit said that it failed; its words are in the message.
        > Do what it says.
        agent.plugin.program
          The unit of type plugin has no program of its own in its source.
        > Add an executable file of the name that the message gives, or name a plugin of the host.
        agent.plugin.unknown
          The host does not have the plugin that the unit needs.
        > Install it, add it to `plugins` in agent.json and start the agent again, or leave the host out.
        agent.preflight.device
          The file system of a path cannot be told.
        > Check the path.
        agent.preflight.place
          Two units of the release bring the same path.
        > Leave it in one of them.
        agent.preflight.requires
          The release requires another product that the host does not run in a fitting version.
        > Install that first, or leave the host out of the rollout.
        agent.preflight.space
          The file system has not enough room for the release. Nothing was fetched or changed.
        > Free space on the host, and order it again.
        agent.reboot
          The command that restarts the host failed.
        > See what it said; `reboot.command` of agent.json names another program.
        agent.reboot.boot
          The agent cannot tell one boot of the kernel from the next, so it cannot know that a restart happened.
        > Mount /proc, or let the release say reboot: never.
        agent.rehearsal.failed
          The rehearsal did not prove the way back; it says in which step it went wrong.
        > Look at it: slipway-agent why PRODUCT --dir DIR
        agent.rehearsal.identity
          The host has no key, so nobody could tell whose evidence a rehearsal is.
        > Rehearse on a host that has joined a controller.
        agent.rehearsal.runs
          The release runs on this host already, so there is nothing to rehearse.
        > Back it out first: slipway-agent back-out PRODUCT --dir DIR
        agent.release.absent
          The release is not on the host any more.
        > Order it again: it is fetched anew.
        agent.release.damaged
          What is stored of the release changed on the disk.
        > Check the disk, then bring the release anew by hand: slipway release export, slipway-agent install FILE.
        agent.release.incomplete
          A file of the release is gone since it was verified, most likely removed by a hook before the switch.
        > See the hook's output in the evidence.
        agent.renewal.answer
          The controller answered a renewal with something that is no certificate for this host. The present one
          stays in use.
        > It is tried again; see the controller's log.
        agent.renewal.refused
          The controller refused to renew the host's certificate; the message has its words.
        > Do what it says; mostly the host has to be joined again.
        agent.reports.refused
          The controller refused reports. They are kept and sent again.
        > See the controller's log.
        agent.reports.sequence
          The controller acknowledges reports that this host never sent.
        > Retire the host and join it again: slipway hosts retire HOST --reason REASON
        agent.restore.unconfirmed
          The backup is older than data that would be lost, and nobody confirmed it.
        > Stop the service and the agent, then say it again with --yes.
        agent.revoked
          The release was revoked in the host's environment.
        > Order another release.
        agent.script.program
          A unit of type script has no program of the name that is needed.
        > Add the executable file, or declare the unit reversible: false.
        agent.secret
          A secret that the release uses is not on this host.
        > Put it into the folder that `secrets` of agent.json names, or give it to the agent as a credential of
          systemd.
        agent.selfUpdate.base
          The agent was started from the place of its own releases, so nothing could bring the old one back.
        > Start the agent from its package's path; see docs/agent.md, Updates of the agent itself.
        agent.selfUpdate.form
          The release of the agent is not one tree of the form that the agent takes.
        > Make it as docs/agent.md says, Updates of the agent itself.
        agent.selfUpdate.late
          The new agent did not check in with its controller in time, and the old one came back.
        > Look at why nobody that it follows answers, then order it again.
        agent.selfUpdate.off
          The host's agent.json says that it takes no releases of the agent.
        > Leave the host out, or have its administrator change that.
        agent.selfUpdate.reverted
          The new agent did not prove itself, and the old one goes on.
        > Look at logs/guard.log and the agent's log, then publish another release.
        agent.selfUpdate.status
          The new agent's program cannot read this host's state, so it is not started.
        > Publish a release of the agent for this system and version.
        agent.service.systemd
          systemctl failed; what it said and the end of the journal are in the evidence.
        > Read them, and try the same systemctl command on the host.
        agent.source.none
          An order that is not finished needs the repository, which is not asked now.
        > Start the agent: it goes on where it stood.
        agent.step.form
          A step said nothing that the agent understands; both must be of one version.
        > Restart the agent.
        agent.template
          A template of the release needs a value that there is not, or is wrong.
        > Add the value to the release's values of this environment, or correct the template.
        agent.unit.moved
          A unit has another place than in the release before, which would leave the old files behind.
        > Give the unit another name: the old one is then removed and the new one added.
        agent.unit.renamed
          The place of the unit belongs to a unit of another name on this host.
        > Keep the unit's name; what was adopted under another name is adopted with --unit NAME.
        agent.unit.type
          A unit is of another type than in the release before.
        > Give the unit another name: the old one is then removed and the new one added.
        agent.variable
          A text of the release uses a variable that this host does not have.
        > Add it to `variables` in agent.json and restart the agent (at a join: --variable NAME=VALUE), or correct the release.
        agent.verify.changed
          Installed files are not as they were signed.
        > Find out who changed them; a back-out or a newer release puts signed files there.
        agent.verify.name
          The manifest calls itself another release than the one that was ordered.
        > Whoever approved it must look at what they signed; nothing was installed.
        agent.rehearsal.unfinished
          A rehearsal did not come to its end: a step of it could not be carried out.
        > See the cause and the agent's log; order the rehearsal again when it is mended.
        """#
}
