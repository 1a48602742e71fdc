extension ErrorCatalogue {
    static let accessErrors = #"""
        controller.access.author
          Who made a thing cannot be the one who judges it: in the profile regulated another person signs or
          reviews.
        > Ask another person.
        controller.access.authorisation
          The authorisation is not signed with an approver's key, or is for another plan.
        > Sign it with an approver's key: slipway rollout authorise DIGEST --key-file FILE
        controller.access.bothHands
          In the profile regulated the claims and grants of somebody who came with an identity token would make
          the same person approver and release manager of one thing.
        > Correct the grants in oidc.json, or remove one: slipway grants list
        controller.access.certificateExpired
          The host's certificate is over. A running agent renews it by a proof of its key.
        > Leave the agent running, or start it.
        controller.access.certificateSuperseded
          A certificate was used that has a successor in use: the machine was restored from a backup or copied.
        > Find out which; retire the host and join it anew: slipway hosts retire HOST --reason REASON
        controller.access.consent
          The name is of an outside system, not of a person; the controller asks it by itself.
        > Nothing has to be done.
        controller.access.evidence
          In this profile evidence is signed by a person's own key.
        > Add --key-file FILE with the key of one who approves releases.
        controller.access.formOrigin
          A form of the console was sent by a page of another site, or by none that says so. Nothing was done.
        > Open the console by its own address, and do it there.
        controller.access.formProof
          A form of the console is not of the session that sent it, as one that was shown before a new sign-in. Nothing was done.
        > Reload the page, and do it again.
        controller.access.hostQuarantined
          Two agents use one identity, so neither is believed.
        > Find the copy and stop it, then: slipway hosts unlock HOST --reason REASON; if the key may have left the
          machine, retire it.
        controller.access.hostRetired
          The host was retired.
        > If it is to come back, join it again with a string from slipway hosts invite.
        controller.access.hostRevoked
          The host's identity was revoked for good.
        > Clean the machine, then join it as a new host: slipway hosts invite
        controller.access.identityAudience
          The identity token was made for somebody else.
        > Ask the provider for a token for this controller; its audiences are in oidc.json.
        controller.access.identityIssuer
          The identity token is by an issuer that oidc.json does not name.
        > Use a token of an issuer that the controller believes, or a local token: slipway tokens create PERSON
        controller.access.identityKey
          The identity token is not signed with a key that its issuer publishes now.
        > Sign in again: slipway login --oidc
        controller.access.identityTime
          The identity token has ended, has not begun, or lasts longer than a day.
        > Sign in again: slipway login --oidc; if it is new, set the clocks.
        controller.access.identityToken
          What was sent is no identity token, or one that is signed in a way that is not taken.
        > Send an ID token of the issuer that is signed by RS256, ES256 or EdDSA.
        controller.access.joinToken
          The join string is not known, used up, expired or revoked.
        > Make a new one with slipway hosts invite.
        controller.access.noCertificate
          A route for hosts was asked without a host's certificate.
        > Join the host with slipway-agent join STRING --dir DIR; people use the other routes.
        controller.access.noSession
          A form of the console came without a session, or with one that has ended. Nothing was done.
        > Sign in, and do it again.
        controller.access.noToken
          The request came without a token.
        > Send it as Authorization: Bearer TOKEN; the command takes it with --token-file.
        controller.access.override
          The policy does not let this person set the rule aside.
        > Ask one of those whom the policy names, or change the policy.
        controller.access.permission
          The person lacks a permission that the act needs.
        > Ask an administrator for a permission set that holds it: slipway grants add PERSON SET
        controller.access.provider
          The issuer of an identity token would have to be asked, and does not answer as it must.
        > Try again in a minute; a local token works meanwhile: slipway tokens create PERSON
        controller.access.receipt
          The receipt is not signed by the key of a host of this controller.
        > Carry the file back as slipway-agent install wrote it, from a host that has joined.
        controller.access.rehearsal
          The statement is not signed with the key of the host that it names.
        > Send the file as slipway-agent rehearse wrote it.
        controller.access.renewalNonce
          The proof of a key answers a question that is too old, was used or was never asked.
        > Nothing has to be done: the agent asks for another.
        controller.access.renewalOver
          The certificate expired too long ago to be renewed.
        > Join the host again: slipway hosts retire HOST --reason REASON, then slipway hosts invite.
        controller.access.renewalProof
          The proof does not show that its sender has the host's key.
        > Join the host again with a string from slipway hosts invite.
        controller.access.revokedMachine
          The machine was a host that was revoked; a join policy does not let it in again.
        > Invite it by itself: slipway hosts invite
        controller.access.route
          A route names no permission, so nobody may use it. This is a defect of Slipway.
        > Report it with the controller's log.
        controller.access.scope
          The person has the permission, but not for this product, environment or host.
        > See slipway grants list; an administrator adds one for this place.
        controller.access.signIn
          A sign-in with an identity provider was not finished: it was refused there, or came back to another
          browser, too late or changed.
        > Begin the sign-in again.
        controller.access.signature
          A signature does not verify, or is of a key that does not sign for the role.
        > Sign with a key that slipway keys status lists for the role.
        controller.access.token
          The token is not this controller's, has expired or was revoked.
        > Ask an administrator for another: slipway tokens create PERSON. The first one lies in the controller's
          folder.
        controller.access.turn
          The policy's chain of authorisations wants somebody of another kind next.
        > Ask the one whom the message names.
        controller.access.unknownCertificate
          The certificate belongs to no host of this controller: the host joined another one.
        > Join the host here with a new string from slipway hosts invite.
        controller.access.withdrawal
          Withdrawing is the approvers' word, and this person may only revoke.
        > Revoke it, which is at once: slipway release revoke NAME@VERSION --environment ENVIRONMENT --reason REASON
        controller.approval.authorisation
          Not enough people have authorised the plan of this rollout.
        > Another person looks at it and signs: slipway rollout authorise DIGEST --key-file FILE; then start it.
        controller.approval.missing
          The release is not approved for the environment, or waits for signatures.
        > Promote it (slipway release promote NAME@VERSION --to ENVIRONMENT), or have those sign whom
          slipway keys status names.
        controller.approval.withdrawn
          Approvers withdrew the release for good.
        > Submit a corrected release under a new version.
        controller.conflict.authorityHosts
          Hosts have no certificate of the new authority yet, and would lose contact if the old one were dropped.
        > Wait until they have renewed, retire them, or leave them behind: slipway hosts authority finish
          --leave-behind
        controller.conflict.authorityRotation
          The authority is being replaced already.
        > See how far it is: slipway hosts authority show
        controller.conflict.bothHands
          In the profile regulated one person cannot both approve and roll out in the same place.
        > Grant it to another person, or remove the other grant first.
        controller.conflict.changeClosed
          The change of metadata is published or dropped already.
        > Nothing is left to do for it; slipway keys status lists those that wait.
        controller.conflict.changeEdited
          The change is another one than was signed: somebody edited the proposal. Earlier signatures are void.
        > Look at it again and sign what is proposed now: slipway keys sign CHANGE --key-file FILE
        controller.conflict.changeQueued
          The change waits for another change of the same role.
        > Have that one signed or dropped first; slipway keys status lists both.
        controller.conflict.channel
          The rollout is over, and its channel has gone on to a newer one.
        > Use the newer rollout that the message names.
        controller.conflict.documentSize
          The document is too large to be shown.
        > Take it out of the package: slipway package unpack FILE.slip DIR
        controller.conflict.downgrade
          A host runs something newer than the release.
        > To go back, back out the rollout that brought it: slipway rollout back-out ID --reason REASON
        controller.conflict.exists
          The folder is not empty; nothing was written.
        > Choose another folder.
        controller.conflict.feedbackExpired
          The link by which feedback is given is over.
        > Ask whoever sent it for a new one.
        controller.conflict.feedbackFull
          The link has taken all the answers that it was made for.
        > Ask whoever sent it for a new one.
        controller.conflict.feedbackOver
          The release is over: nothing is added to its file.
        > Tell its owner.
        controller.conflict.hostID
          The host id is taken, and ids are never used again.
        > Choose another name, or leave it out to have one made.
        controller.conflict.hostKey
          The key of the request belongs to another host.
        > Make a new key for each certificate; slipway-agent join does.
        controller.conflict.hostRevoked
          The host was revoked, which is more than this.
        > Nothing is to be done; its id is not used again.
        controller.conflict.idempotencyKey
          The first request with this key is still running, or its controller ended after it was done and before it was
          answered: what it did is not done twice.
        > Ask again in a moment. If it stays so, look at what the first did before you ask with another key.
        controller.conflict.keyExists
          There is a key in the folder already; nothing is written over.
        > Name an empty folder.
        controller.conflict.lastAdministrator
          Nobody would be left who can grant anything.
        > Make another administrator first: slipway grants add PERSON SET, with the set admin
        controller.conflict.lifted
          The freeze was lifted before.
        > Nothing is left to do: slipway freeze list shows what stands.
        controller.conflict.marked
          Every host that is meant is pinned or in maintenance, so there is nobody to roll out to.
        > Let a host go, or wait until its work is done: slipway hosts list --hosts pinned
        controller.conflict.noneConnected
          A push goes to connected hosts, and none of those that match is connected.
        > A rollout reaches hosts that pull or are away: slipway rollout start FILE
        controller.conflict.notApproved
          The release is not approved there yet: a change that asks for it waits.
        > Give that up instead: slipway keys drop CHANGE --reason REASON
        controller.conflict.notBuilt
          The release has a plan but no package yet.
        > Submit it: slipway release submit DIR
        controller.conflict.notMarked
          The host is not pinned, or not in maintenance, so there is nothing to lift.
        > Look at it: slipway hosts show HOST
        controller.conflict.notQuarantined
          The host is not in quarantine, so there is nothing to unlock.
        > Look at it: slipway hosts show HOST
        controller.conflict.oneVote
          The person signed already with another key. One person has one vote.
        > Another person must sign.
        controller.conflict.outOfUse
          The host was retired or revoked: what it was called by stays as it was.
        > Leave it out: slipway hosts list shows those that are in use.
        controller.conflict.onlineKeys
          The controller's folder lacks a key that it signs with every day.
        > Put it back from a backup; only other keys go off the controller.
        controller.conflict.paths
          The release would install to a place that another product has on a host.
        > Install one of the two elsewhere, or leave the host out of the query.
        controller.conflict.planChanged
          What would happen is not what the plan said any more. The message has every difference.
        > Look at it again (slipway rollout plan FILE) and start it with the digest that it prints.
        controller.conflict.planUnknown
          There is no plan of this digest.
        > Plan it again: slipway rollout plan FILE prints the digest.
        controller.conflict.planUsed
          The plan was started before.
        > Look at that rollout (slipway rollout show ID), or plan again: slipway rollout plan FILE
        controller.conflict.planWindow
          No window of the plan is left.
        > Plan the rollout again with windows that open: slipway rollout plan FILE
        controller.conflict.policy
          There is an open join policy of this name.
        > Revoke it first: slipway hosts invitation revoke NAME --reason REASON
        controller.conflict.profile
          The profile promises what this set-up does not keep; each promise stands in the message with what keeps
          it.
        > Do what is named, then choose the profile again: slipway keys profile PROFILE
        controller.conflict.releaseExists
          The version was submitted before with other bytes. A version names the same bytes for ever.
        > Submit it under a new version.
        controller.conflict.requiredBy
          Something that a host runs requires a version of this product that the release is not.
        > Roll out a release of that product first that takes this one, or leave the host out.
        controller.conflict.requires
          Hosts of the rollout do not run what the release requires.
        > Roll that out first, or leave those hosts out.
        controller.conflict.reviewed
          The emergency was reviewed before.
        > Nothing is owed for it any more.
        controller.conflict.revoked
          The release was revoked for the environment.
        > Submit a corrected release under a new version.
        """#
}
