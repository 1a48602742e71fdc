extension ErrorCatalogue {
    static let definitionFilesErrors = #"""
        definitionFiles.alias
          The file uses YAML aliases (words that begin with `*`) beyond what is read; they can make a small file
          huge.
        > Write each value out where it is used.
        definitionFiles.documents
          The file holds a second YAML document after `---`.
        > Put it into a file of its own.
        definitionFiles.empty
          The file has no content.
        > See docs/definition-files.md and docs/policy.md for complete examples.
        definitionFiles.encoding
          The file is not plain UTF-8, or begins with a byte order mark.
        > Save it as UTF-8 without a byte order mark.
        definitionFiles.invalid
          A definition file has problems. Each stands in its own line, with the place, what was found and what is
          expected.
        > Correct the lines named and run the command again.
        definitionFiles.key.duplicate
          A key stands twice in one mapping.
        > Keep one of the two.
        definitionFiles.key.form
          A key is not of the form that keys have there.
        > Use letters, digits, '.', '_' and '-'.
        definitionFiles.key.missing
          A key that must be there is missing.
        > Add it as the message shows.
        definitionFiles.key.unknown
          A key is none of the format. Unknown keys are refused, so that a slip of the pen cannot be taken for a
          setting.
        > Write the key that the message names, or remove it.
        definitionFiles.kind
          The file is a definition of another kind than the command takes, as a release.yaml where a rollout is meant.
        > Run the command that the message names, or name the right file.
        definitionFiles.reserved
          A word is reserved and cannot be used there; the message says for what.
        > Choose another word.
        definitionFiles.rule.approvers
          A stage of approval wants more people than it names.
        > Name more people or lower its count.
        definitionFiles.rule.attribute
          An entry under `attributes` sets neither mode nor owner nor group.
        > Add what it is to set, or remove the entry.
        definitionFiles.rule.backupOfParallel
          A backup is asked for data that both running releases write, so no copy would be one state.
        > Put the backup into a unit that stands before this one.
        definitionFiles.rule.drainOfParallel
          A hook that stops the old release stands beside slots, where the old release serves until the new one
          takes over.
        > Remove it: the switch hook does that.
        definitionFiles.rule.environmentCycle
          Environments come after each other in a ring, so that none is first.
        > Remove one `after`.
        definitionFiles.rule.evidenceKind
          A key belongs to another kind of evidence.
        > Remove the key, or change the kind.
        definitionFiles.rule.freezeOrder
          A freeze ends before it begins.
        > Exchange or correct the two moments.
        definitionFiles.rule.gateHosts
          A gate compares hosts with others, and its query does not name $hosts, so both sides would be the same.
        > Write $hosts in the query where the hosts are chosen.
        definitionFiles.rule.gateKey
          A key belongs to another kind of gate.
        > Remove the key.
        definitionFiles.rule.gateLimit
          A gate says not what a good answer is, or says it twice.
        > Give one of below, above and worseThanOthersBy.
        definitionFiles.rule.gateSource
          A gate has no source of its answer, or several.
        > Name exactly one: a metric, a command or a webhook.
        definitionFiles.rule.healthyDeadline
          The time in which a unit must be healthy is not longer than the time that it must stay so.
        > Raise healthyDeadline or lower minimumHealthy.
        definitionFiles.rule.installTo
          Two units of the release would be installed at one place, or one within the other.
        > Give each unit a folder of its own.
        definitionFiles.rule.keyOfType
          A key does not belong to units of this type.
        > Remove it, or change the type.
        definitionFiles.rule.metricLimit
          A metric check says not what a good number is, or says it twice.
        > Give one of below, above and equals.
        definitionFiles.rule.metricQuestion
          A metric check names neither a series of a page nor a query, or both.
        > Give series with the address of a page of metrics, or query with that of a Prometheus.
        definitionFiles.rule.numbering
          The version and the category (major, minor, emergency) do not agree by the numbering.
        > Change the number or the category.
        definitionFiles.rule.oneProbe
          A health check holds more than one probe.
        > Write a check for each.
        definitionFiles.rule.oneService
          A unit has more than one kind of service.
        > Leave one of them.
        definitionFiles.rule.persistentOverlap
          One persistent path of a unit holds another.
        > Keep the outer path alone.
        definitionFiles.rule.phaseMembers
          A phase has both a query and a list of hosts.
        > Write it as one query: id in (web-1,web-2) and …
        definitionFiles.rule.phaseSize
          A phase has both a number of hosts and a percentage, or neither.
        > Write hosts: 1 or percent: 50.
        definitionFiles.rule.phasesAscending
          Phases do not grow. Sizes are cumulative: 1 host, 50 %, 100 % reaches all hosts in three steps.
        > Order them by size, counts before percentages.
        definitionFiles.rule.placeOfType
          A unit of this type has no place of its own: it is kept in the agent's folder.
        > Remove installTo.
        definitionFiles.rule.probeStatus
          A key belongs to another kind of health probe.
        > Remove the key.
        definitionFiles.rule.rebootOfParallel
          A restart of the host stands beside slots, of which one always serves.
        > Remove reboot, or put it into a unit of its own.
        definitionFiles.rule.requiresItself
          A release requires its own product.
        > Remove the requirement.
        definitionFiles.rule.runOn
          A migration says on which hosts it runs; other units do not.
        > Add or remove runOn as the message says.
        definitionFiles.rule.scheduleEnds
          A span of the schedule ends before it begins.
        > Exchange the two moments, or correct the date.
        definitionFiles.rule.serviceOfParallel
          Two slots stand there, and nothing that runs in them.
        > Add a service, or remove parallel.
        definitionFiles.rule.sides
          The strategy has two sides and the rollout names none, or the other way round.
        > Add or remove sides, as the message says.
        definitionFiles.rule.stageTwice
          A stage of approval stands twice.
        > Name each stage once.
        definitionFiles.rule.startAndStop
          A service that hooks start needs hooks for both: one that starts it and one that stops it.
        > Add the hook that is missing, or write the service as a command.
        definitionFiles.rule.startTwice
          A unit has two ways to be started and stopped: a service and hooks that do the same.
        > Remove one; preStart and preStop may stand beside a command.
        definitionFiles.rule.switchAlone
          A hook that switches traffic stands without slots between which it could.
        > Add parallel with its slots, or remove the hook.
        definitionFiles.rule.takeOver
          Slots stand there without a way in which the new release takes over.
        > Add parallel.link, or a hook switch.
        definitionFiles.rule.templateOfParallel
          A unit with two slots names a systemd unit that is no template, so it could run once only.
        > Write it as payments@.service, restarted; the slot is its instance.
        definitionFiles.rule.unitCycle
          Units require each other in a ring, so no order is possible.
        > Remove one of the requirements.
        definitionFiles.rule.unitName
          Two units have one name.
        > Rename one of them.
        definitionFiles.rule.unitRequires
          A unit requires one that the release does not have.
        > Add the unit, or remove the requirement; another product stands in the release's own `requires`.
        definitionFiles.rule.unknownName
          A name is used that is not defined in the file.
        > Define it in the same file, or name another.
        definitionFiles.rule.updateOfSystemd
          `update` stands without a systemd unit; a supervised command is always restarted.
        > Remove update.
        definitionFiles.rule.variants
          A unit has `source` as well as `variants`.
        > Remove source: each variant names its own files.
        definitionFiles.size
          The file is larger than a definition may be.
        > Check that it is the right file; data belong into the unit's source folder.
        definitionFiles.syntax
          The file is no YAML.
        > Correct the line named; a YAML tool shows the place.
        definitionFiles.tag
          The file uses a YAML tag (a word that begins with `!`); the key decides how a value is read.
        > Remove the tag.
        definitionFiles.unreadable
          The file could not be read, and no reason was found. This is a defect of Slipway.
        > Report it with the file.
        definitionFiles.value.account
          A value is no name of an account on the host.
        > Write a name, as owner: app.
        definitionFiles.value.address
          A value is no address with a port.
        > Write it as 127.0.0.1:8080.
        definitionFiles.value.bandwidth
          A value is no number of bytes a second.
        > Write 2097152, 512K or 2M.
        definitionFiles.value.bool
          A value is neither true nor false.
        > Write true or false, without quotes.
        definitionFiles.value.choice
          A value is none of the words that are allowed there.
        > Write one of the words that the message lists.
        definitionFiles.value.command
          A value is no command.
        > Write a list of words, the program first.
        definitionFiles.value.depth
          Values are nested too deep.
        > Write them flatter.
        definitionFiles.value.environment
          A value is no environment; "emergency" names signatures, not hosts.
        > Name the hosts' environment; for an emergency run slipway emergency push.
        definitionFiles.value.form
          A value does not have the form that is expected there.
        > Write it as the message shows.
        definitionFiles.value.health
          A unit's health is neither a list of checks nor `none`.
        > Write at least one check, or health: none where nothing can be asked.
        definitionFiles.value.integer
          A value is no whole number in the range that is allowed.
        > Write it in digits without quotes.
        definitionFiles.value.list
          A list is expected, with at least one element and no more than are allowed.
        > Write it as a list, each element after a dash.
        definitionFiles.value.mapping
          A mapping of keys to values is expected.
        > Write KEY: VALUE pairs.
        definitionFiles.value.mode
          A value is no mode of a file in quotes; without quotes YAML reads it as a number.
        > Write mode: "0755".
        definitionFiles.value.path
          A value is no clean path.
        > Write it as the message shows, without `.`, `..` and double slashes.
        definitionFiles.value.percent
          A value is no whole percentage in the range that is allowed.
        > Write it as 50%.
        definitionFiles.value.program
          A gate names a program outside of the controller's folder `gates`.
        > Put the program there and write its name alone.
        definitionFiles.value.secret
          A secret is not written as one.
        > Write { secret: NAME } and nothing else; the secret itself lies on the host.
        definitionFiles.value.size
          The size of a phase is neither a number of hosts nor a percentage.
        > Write 4 or 25%.
        definitionFiles.value.slot
          A slot is neither a port nor the absolute path of a socket.
        > Write it as the message shows.
        definitionFiles.value.slots
          Slots are not two different addresses.
        > Write two, as [8080, 8081].
        definitionFiles.value.span
          A length of time is outside of its range.
        > Choose one in the range that the message gives.
        definitionFiles.value.systemd
          A value is no name of a systemd unit.
        > Write it with its ending, as payments-api.service.
        definitionFiles.value.text
          A value is no text of one line, or is too long.
        > Write it on one line; an empty text as "".
        definitionFiles.value.tolerance
          A tolerance is neither a number of hosts nor a percentage.
        > Write 2, 5% or { count: 2, percent: 5 }.
        definitionFiles.value.url
          A value is no address of the kind that is expected.
        > Write it as https://host/path.
        definitionFiles.value.user
          A value is no name of a user.
        > Write a name, as payments: no number.
        definitionFiles.value.values
          A file of values holds something that values cannot be.
        > Correct it as the message says.
        definitionFiles.value.variable
          A variable is not written whole.
        > Write ${NAME}, with A-Z, 0-9 and _ in its name.
        definitionFiles.value.zone
          A value is no time zone of this machine.
        > Write an IANA name as Europe/Berlin or UTC; install tzdata if it is right.
        """#
}
