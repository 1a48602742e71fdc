extension ErrorCatalogue {
    static let effectsErrors = #"""
        distribution.absent
          The repository does not have the file.
        > Check the repository's address; if it is right, publish again.
        distribution.blob.tooLong
          The server sends more bytes than were signed. Nothing was installed.
        > The server's copy is wrong: publish the release again.
        distribution.busy
          Another update uses the same folder for too long.
        > See which process has it open; try again when that one has ended.
        distribution.channel.form
          What the channel's address answers is no JSON.
        > Check the repository's address.
        distribution.forbidden
          The repository refused to be read.
        > It is read without credentials, or with the headers in the agent's settings: check the server.
        distribution.manifest.otherRelease
          The manifest is of another release than the order names.
        > Nothing was installed. See who approved it under that name.
        distribution.manifest.tooLarge
          The manifest is larger than a manifest may be.
        > Split the release.
        distribution.publish.conflict
          A version of the metadata is published already with other content. A version is published once.
        > If the controller was restored from a backup, raise its versions:
          slipway-controller restore BACKUP --dir DIR --advance
        distribution.publish.damagedBlob
          A blob changed on the disk before it was published.
        > Submit the release again; the disk may be damaged.
        distribution.publish.missingBlob
          A blob that the metadata name is not there. Nothing that names it was published.
        > Submit the release again.
        distribution.ranges.damaged
          A part of a payload came twice with wrong bytes; the whole payload is fetched.
        > Look at the caches on the way if that repeats.
        distribution.ranges.refused
          The server does not answer ranges as asked; the whole payload is fetched.
        > Nothing has to be done; a server that answers ranges saves traffic.
        distribution.status
          The repository answered with a status that is not expected. Redirects are never followed.
        > Check the repository's address.
        distribution.target.name
          A path becomes a file name that is too long for this machine.
        > Ask the repository's owner for a shorter path.
        distribution.target.unknown
          No trusted role lists the file.
        > Check the path; if it is right, ask the repository's owner to publish it.
        distribution.targets.address
          It was not said where the files of the repository are.
        > Say it with --target-base-url URL.
        distribution.unavailable
          The repository, or every place that has the file, does not answer now. It is tried again.
        > If it stays so, look at the servers; hosts go on with what they have.
        effects.file.absent
          There is no such file.
        > Check the path.
        effects.file.changed
          A file ended earlier than it was long at the beginning: somebody wrote to it meanwhile.
        > Do it again when nobody writes to it.
        effects.file.contended
          Another program keeps removing what is made in a folder.
        > Find out which program sweeps this folder.
        effects.file.denied
          This user may not do that with the file.
        > Check owner and mode of the path and of its folders.
        effects.file.descriptors
          The program or the system has too many files open.
        > Raise the limit of open files (LimitNOFILE of the service).
        effects.file.escape
          A symbolic link, another file system or `..` is in the way. Links are never followed there, because
          somebody else could have put them.
        > Replace the link by a real folder, or name the real path.
        effects.file.exists
          Something is there already.
        > Choose another name or remove it.
        effects.file.failed
          The system refused a file operation with an error that stands in the cause.
        > Look at the cause: the disk or the file system may be damaged.
        effects.file.isDirectory
          A folder is where a file is expected.
        > Check the path.
        effects.file.links
          The file system cannot give a file a second name there.
        > Copy the file instead.
        effects.file.name
          A name in a folder is not UTF-8.
        > Rename it: `ls -b` shows the bytes.
        effects.file.noSpace
          The file system is full, or the user's quota is.
        > Free some space and try again.
        effects.file.notDirectory
          A part of the path is no folder.
        > Check the path.
        effects.file.notFile
          Something that is no regular file is where one is expected.
        > Check the path, or choose another.
        effects.file.path
          A path or a name in it is too long, or is no name of a file.
        > Choose shorter names, without `/` in a name.
        effects.file.readOnly
          The file system is mounted read-only; Linux does that when a disk fails.
        > Look at the system's log, then mount it writable or choose another folder.
        effects.file.tooLarge
          A file is larger than may be read there.
        > Check that it is the right file.
        effects.http.bodyTooLarge
          An answer is larger than any file of its kind is.
        > Check that the address is right.
        effects.http.closed
          The connection broke before the answer was whole.
        > It can be tried again; if it stays so, look at the server's log and at proxies on the way.
        effects.http.eventTooLarge
          The stream of events holds a line or an event that is too long.
        > Check that the address is a controller of a version that fits.
        effects.http.identity
          The certificates or the private key of this program cannot be read.
        > They must be PEM; join the host again to get new ones.
        effects.http.protocol
          What answers there does not speak HTTP as it must.
        > Check address and port, and that no other program answers there.
        effects.http.proxy.credentials
          The proxy wants another user and password (407).
        > Correct the file that `proxy.credentials` names, and start the program again.
        effects.http.proxy.form
          The proxy's credential is not of the form user:password.
        > Write user, colon and password on one line of the file, and nothing else.
        effects.http.proxy.refused
          The proxy makes no tunnel to the server.
        > See that it allows CONNECT to this server and port, and reaches it.
        effects.http.shutDown
          The HTTP client was shut down because the program is ending.
        > Nothing has to be done.
        effects.http.silent
          A connection brought nothing for so long that it is taken for dead. It is opened anew.
        > Nothing has to be done; if it repeats, look for a proxy or firewall that drops idle connections.
        effects.http.stalled
          A transfer is slower than the least that is waited for.
        > Look at the network path and the load of the server; it can be tried again.
        effects.http.status
          An address answered with something else than the stream of events that was expected.
        > Check address and rights, and look at the server's log.
        effects.http.timeout
          A server did not answer in time.
        > It can be tried again; if it stays so, look at the server's log.
        effects.http.tls.clock
          The server's certificate is not believed because this machine's clock is off against the server's.
        > Set this machine's clock (timedatectl, chronyc); if it is right, set the server's.
        effects.http.tls.failed
          TLS did not come about; the cause says why.
        > Check that the address is the right server, and look at its log.
        effects.http.tls.hostName
          The server's certificate is for another name.
        > Use a name or address that the certificate lists, or issue one that lists this.
        effects.http.tls.refused
          The server ended TLS; mostly it refuses the certificate that was shown.
        > Look at the server's log; if this host was revoked or its certificate expired, join it again.
        effects.http.tls.untrusted
          The server's certificate is of an authority that is not trusted: another controller, or somebody between.
          The system's certificates are never used.
        > Give the controller's own authority: --authority PEM, or join the host again.
        effects.http.unreachable
          No connection came about.
        > Check that the server runs, that name and port are right, and that no firewall is between.
        effects.http.url
          A text is no address.
        > Write it as https://host:port/path.
        effects.key.certificate
          A certificate cannot be read.
        > Restore the file that it came from; if it is whole, check the system's libcrypto (package libssl3).
        effects.key.form
          A text is no private key in PEM of the kind that is used.
        > Restore the file that it came from.
        effects.key.generation
          No key could be made.
        > Check the system's libcrypto (package libssl3).
        effects.key.use
          The system's libcrypto refused to sign with a key.
        > Restore the file that the key came from; if it is whole, check libcrypto (package libssl3).
        effects.process.lost
          A program ended together with the systemd unit that ran it.
        > The host's journal says who ended it: journalctl -u 'slipway-step-*'.
        effects.process.replace
          A program cannot be started in place of this one.
        > Check that it is a program for this machine and may be executed.
        effects.process.start
          A program or thread could not be started; the cause says why.
        > Check that it is there and executable; raise the limit of tasks (TasksMax, ulimit -u) if that is reached.
        effects.process.unkillable
          Processes are still there 10 s after they were killed: they wait inside the kernel, mostly for a disk or a
          network file system.
        > Look at that, then try again.
        effects.socket.closed
          Nobody is at the other end of a local socket.
        > Check that both halves of the agent run: systemctl status slipway-agent slipway-agent-network.
        effects.socket.failed
          A local socket cannot be used.
        > Check that both halves of the agent run: systemctl status slipway-agent slipway-agent-network.
        effects.socket.form
          What came over a local socket is not what must come.
        > Both ends must be of one version: restart both.
        effects.socket.listen
          A port of 127.0.0.1 cannot be listened on.
        > Choose another port, or leave it out.
        effects.socket.path
          The path of a socket is longer than the system takes (107 bytes).
        > Choose a shorter path.
        effects.user.groups
          The groups of a user cannot be told.
        > Look at /etc/group and /etc/nsswitch.conf.
        effects.user.unknown
          There is no such user on the machine.
        > Make the user, or name another.
        effects.zone.unknown
          There is no such time zone on the machine.
        > Write an IANA name as Europe/Berlin; install the package tzdata if it is right.
        """#
}
