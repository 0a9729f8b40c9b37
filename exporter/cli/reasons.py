"""What each reason means, and what to look at: the words of docs/reasons.md, for a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.errors import Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """What was seen, and where to look. Backticks as in the page."""

    seen: str
    look: str


_LINK_TO_LAST_GOOD = "the next restart of the kubelet fails: link to the last good dated file"

MEANINGS: dict[Reason, Meaning] = {
    Reason.NOT_YET_VISITED: Meaning(
        "the inventory names the node, no visit has ended yet",
        "wait; after a start the first visits are spread over a few minutes",
    ),
    Reason.NAME_NOT_RESOLVED: Meaning("the resolver knows no such name", "mend the name, or set `address`"),
    Reason.NAME_TIMEOUT: Meaning("the resolver gave no answer in time", "look at the exporter's DNS"),
    Reason.CONNECTION_REFUSED: Meaning("nothing listens on that port", "is sshd up? is `port` right?"),
    Reason.CONNECT_TIMEOUT: Meaning("no answer to the connection request", "firewall, or the node is down"),
    Reason.UNREACHABLE: Meaning("no route to the host or network", "routing, or the node is down"),
    Reason.BANNER_TIMEOUT: Meaning(
        "connected, but no whole SSH identification in time", "an overloaded node, or something else than sshd"
    ),
    Reason.NOT_SSH: Meaning("something else than SSH answered", "`port`"),
    Reason.HANDSHAKE_TIMEOUT: Meaning(
        "the key exchange stopped half-way", "an overloaded node; a network that drops large packets (MTU)"
    ),
    Reason.NO_COMMON_ALGORITHM: Meaning("client and server share no algorithm", "a very old or very strict sshd"),
    Reason.PROTOCOL_ERROR: Meaning("the peer broke the SSH protocol", "look at the node's sshd log"),
    Reason.CONNECTION_LOST: Meaning(
        "closed by the peer; also sshd's MaxStartups", "sshd's log; too many logins at once"
    ),
    Reason.VISIT_TIMEOUT: Meaning(
        "the visit took longer than `ssh.timeouts.visit`", "an overloaded node; raise the time"
    ),
    Reason.BASTION_UNREACHABLE: Meaning(
        "no connection to the bastion, or the one that there was has died; the detail has the reason",
        "the bastion, and the way to it",
    ),
    Reason.BASTION_HOST_KEY: Meaning(
        "the bastion's host key or certificate is not to be trusted; the detail has the reason",
        "compare the fingerprint in the log with the bastion's own, then mend known_hosts and reload",
    ),
    Reason.BASTION_AUTH_FAILED: Meaning(
        "the bastion did not let us log in", "`ssh.bastions.NAME.user`, its authorized_keys"
    ),
    Reason.BASTION_REFUSED: Meaning(
        "logged in to the bastion, but it forwards nothing for us",
        "its sshd's `AllowTcpForwarding`, `PermitOpen`; `restrict` in authorized_keys needs `port-forwarding`",
    ),
    Reason.HOST_KEY_UNKNOWN: Meaning(
        "no known key of this host",
        "compare the fingerprint in the log with the node's own, then add it to known_hosts and reload",
    ),
    Reason.HOST_KEY_CHANGED: Meaning(
        "another key than the known one",
        "a re-imaged node, or somebody in between: find out which before you replace the line",
    ),
    Reason.HOST_KEY_REVOKED: Meaning("a `@revoked` line names the key", "the node must get a new key"),
    Reason.HOST_KEY_NEEDS_CA: Meaning(
        "the node shows a plain key, and known_hosts has only a `@cert-authority` line for it",
        "give the node a host certificate (`HostCertificate` in its sshd_config), or add the plain key",
    ),
    Reason.HOST_CERTIFICATE_UNKNOWN_CA: Meaning(
        "a certificate by a CA that no `@cert-authority` line names for this host", "add the CA's line"
    ),
    Reason.HOST_CERTIFICATE_EXPIRED: Meaning("the node's host certificate has ended", "renew it on the node"),
    Reason.HOST_CERTIFICATE_NOT_YET_VALID: Meaning(
        "the node's host certificate begins later", "the clocks of CA and exporter"
    ),
    Reason.HOST_CERTIFICATE_OTHER_HOST: Meaning(
        "the certificate does not name this node",
        "sign it for the node's name; or set `host_key_alias`; or `ssh.host_ca_wildcards` where it names a pattern",
    ),
    Reason.HOST_CERTIFICATE_WRONG_TYPE: Meaning(
        "a user's certificate in place of a host's", "sign it with `ssh-keygen -h`"
    ),
    Reason.HOST_CERTIFICATE_CRITICAL_OPTION: Meaning("a critical option that we do not know", "sign it without"),
    Reason.HOST_CERTIFICATE_MALFORMED: Meaning(
        "a damaged certificate, one with a signature that does not hold, or one signed with SHA-1",
        "sign it anew (`ssh-keygen -t rsa-sha2-512` for an RSA CA)",
    ),
    Reason.AUTH_FAILED: Meaning("the node did not accept a key for `user`", "authorized_keys, `user`, account locked"),
    Reason.AUTH_CLOSED: Meaning(
        "the node hung up over our login, whatever the key",
        "PAM's account rules: an expired account, `/etc/nologin` of a node that goes down, `access.conf`",
    ),
    Reason.AUTH_TIMEOUT: Meaning("no answer to the login in time", "the node's PAM or directory service"),
    Reason.AUTH_NO_PUBLICKEY: Meaning(
        "the node takes no keys: it asks for a password or a dialogue", "`PubkeyAuthentication` in its sshd_config"
    ),
    Reason.AUTH_SECOND_FACTOR: Meaning(
        "a key was right and is not enough", "`AuthenticationMethods` in its sshd_config: an exception for our user"
    ),
    Reason.AGENT_FAILED: Meaning("no SSH agent, or it holds no key", "`SSH_AUTH_SOCK`, `ssh-add -l`"),
    Reason.SSH_CREDENTIAL_EXPIRED: Meaning(
        "the exporter's own user certificate has ended; nothing was tried",
        "whatever renews it; `kubelet_cert_exporter_ssh_credential_not_after_timestamp_seconds`",
    ),
    Reason.SSH_CREDENTIAL_UNUSABLE: Meaning(
        "the exporter's own key or certificate cannot be read, does not fit, or is not valid yet; nothing was tried",
        "the exporter's log names the file",
    ),
    Reason.LOGINS_PAUSED: Meaning(
        "more than a fifth of the last 100 visits were refused logins: nobody is logged in to for 15 minutes",
        "mend the key, then reload: that ends the pause",
    ),
    Reason.SESSION_REFUSED: Meaning("logged in, but no command may run", "sshd's `MaxSessions`"),
    Reason.LOGIN_DISABLED: Meaning(
        "the account's shell is nologin, or the node has `/etc/nologin`", "the account's shell"
    ),
    Reason.PASSWORD_EXPIRED: Meaning("the node wants the account's password changed first", "`chage -M -1 USER`"),
    Reason.SUDO_MISSING: Meaning("no sudo on the node", "install it, or use another `privilege`"),
    Reason.SUDO_PASSWORD: Meaning(
        "sudo asks for a password", "the sudoers line: `node-script NODE --show=commands` prints it"
    ),
    Reason.SUDO_TTY: Meaning("sudo wants a terminal", "`Defaults:USER !requiretty`"),
    Reason.SUDO_DENIED: Meaning(
        "no sudoers line lets this user run the script", "the sudoers line, with the script's full path"
    ),
    Reason.SCRIPT_MISSING: Meaning(
        "the installed script is not there, or cannot be run; or an older line of the same key, "
        "without `command=`, stands before ours",
        "`node-script NODE --show=commands` prints how to install it",
    ),
    Reason.COMMAND_TIMEOUT: Meaning(
        "the script gave no whole answer in time", "an overloaded node, or a hung file system below the store"
    ),
    Reason.OUTPUT_TOO_LARGE: Meaning("more output than an answer can have", "what prints besides the script?"),
    Reason.ANSWER_EMPTY: Meaning(
        "the command ended without a word", "a login shell or a forced command that does nothing"
    ),
    Reason.ANSWER_MISSING: Meaning(
        "output without our start mark", "a forced command or a login shell that runs something else"
    ),
    Reason.ANSWER_TRUNCATED: Meaning("our end mark is missing", "the script was ended; out of memory?"),
    Reason.ANSWER_MALFORMED: Meaning(
        "between the marks stands what no script of ours prints", "compare the node's script with `node-script`"
    ),
    Reason.ANSWER_TOO_NEW: Meaning("the node's script is of a newer major version", "upgrade the exporter"),
    Reason.ANSWER_OTHER_PATHS: Meaning(
        "an installed script has other paths baked in than the configuration",
        "`node-script NODE --show=commands` installs the right one",
    ),
    Reason.KEY_MATERIAL: Meaning(
        "the answer held a private key; it was dropped unread", "find out what printed it, and treat that key as lost"
    ),
    Reason.ROOT_MISSING: Meaning("the mounted root is not there", "mount it"),
    Reason.STORE_MISSING: Meaning("no certificate directory", "`paths.store`; is this a node?"),
    Reason.STORE_NOT_A_DIRECTORY: Meaning("something else in its place", "`paths.store`"),
    Reason.STORE_DENIED: Meaning("no permission to look into it", "log in as root"),
    Reason.CERTIFICATE_DENIED: Meaning("no permission to read the certificate (mode 0600, root)", "log in as root"),
    Reason.LINK_MISSING: Meaning(
        "no `kubelet-client-current.pem`", "the kubelet never had a certificate here, or died while it moved the link"
    ),
    Reason.LINK_DANGLING: Meaning(
        "the link's target is gone",
        "the kubelet lives until its next restart: put the file back, or link to the newest dated one",
    ),
    Reason.LINK_OUTSIDE_ROOT: Meaning(
        "the link leads out of the mounted root, or in circles", "mount more of the node, or mend the link"
    ),
    Reason.NOT_A_REGULAR_FILE: Meaning("a directory, FIFO, socket or device", "remove it"),
    Reason.FILE_TOO_LARGE: Meaning("larger than 256 KiB", "remove it"),
    Reason.FILE_EMPTY: Meaning(
        "zero bytes: a full disk, or power lost",
        _LINK_TO_LAST_GOOD,
    ),
    Reason.FILE_UNREADABLE: Meaning("an input/output error", "the disk"),
    Reason.CERTIFICATE_TRUNCATED: Meaning("a certificate without its END line", _LINK_TO_LAST_GOOD),
    Reason.CERTIFICATE_MALFORMED: Meaning("a CERTIFICATE block that holds no certificate", _LINK_TO_LAST_GOOD),
    Reason.KEY_ONLY: Meaning("a key without a certificate", _LINK_TO_LAST_GOOD),
    Reason.NO_CERTIFICATE: Meaning("text, and no certificate", _LINK_TO_LAST_GOOD),
    Reason.INTERNAL: Meaning("a mistake of the exporter's", "please report the traceback in its log"),
}
