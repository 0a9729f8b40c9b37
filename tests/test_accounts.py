"""Accounts as fleets have them: login shells, a German locale, chatty profiles, sudo rules, logins turned away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.collect.installation import Installation
from exporter.collect.script import node_script
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import NODE_SCRIPT, HostKeyPolicy, Paths, Privilege, Rotation
from exporter.config.ssh import Identity, Ssh
from exporter.demo.signer import Authority
from exporter.errors import CollectError, Reason
from exporter.judge.assess import assess
from exporter.model.assessment import Memory
from exporter.model.facts import NodeFacts
from exporter.model.node import Node, SshAccess
from tests.machines import Machine, free_port, machine, needs_machines, wait_for_sshd
from tests.sshd import make_key, public, run, stock
from tests.visits import PATIENT

pytestmark = needs_machines()

HOST = "127.0.0.1"
SHELLS = {
    "in-sh": "/bin/sh",
    "in-bash": "/bin/bash",
    "in-fish": "/usr/bin/fish",
    "in-tcsh": "/usr/bin/tcsh",
    "in-rbash": "/bin/rbash",
}
MARKED = "The weather is 21 degrees and no END CERTIFICATE"
STARTUP = {
    "in-bash": ".bashrc",
    "in-rbash": ".bashrc",
    "in-fish": ".config/fish/config.fish",
    "in-tcsh": ".tcshrc",
    "in-sh": ".profile",
}
SSHD_CONFIG = """\
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
PrintMotd yes
Match User no-sudo-there
    SetEnv PATH=/etc/env-alone
Match User in-dialogue
    AuthenticationMethods keyboard-interactive
    KbdInteractiveAuthentication yes
"""


@dataclass
class Place:
    """A machine with accounts, and where its servers listen."""

    machine: Machine
    directory: Path
    port: int
    bare_port: int  # an sshd without PAM

    def key(self, privilege: Privilege) -> Path:
        return self.directory / f"id_{privilege}"

    def read(self, user: str, privilege: Privilege, *, port: int | None = None, script: str = NODE_SCRIPT) -> NodeFacts:
        """One visit as ``user``."""
        files = (Identity(file=str(self.key(privilege))),)
        ours = SshTransport(Ssh(known_hosts=(), identities=files, timeouts=PATIENT))
        access = SshAccess(
            HOST, port or self.port, user, policy=HostKeyPolicy.INSECURE, privilege=privilege, script=script
        )
        try:
            return ours.read(Node("worker-1", access, Paths()))
        finally:
            ours.close()

    def reason(self, user: str, privilege: Privilege, **how: object) -> Reason | None:
        try:
            self.read(user, privilege, **how)  # type: ignore[arg-type]  # a test's own settings
        except CollectError as error:
            return error.reason
        return None

    def let_in(self, user: str, *, script: str = NODE_SCRIPT) -> None:
        """An account's line for each privilege; by the commands that the exporter prints."""
        for privilege in Privilege:
            key = public(self.key(privilege))
            text = node_script(Paths(), None if privilege is Privilege.LOGIN else script)
            self.machine.run(
                "sh", text=Installation(text, script, user, privilege, key, sources="127.0.0.0/8").commands
            )

    def account(self, user: str, shell: str = "/bin/sh") -> None:
        self.machine.run("useradd", "--create-home", "--shell", shell, "--password", "*", user)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One machine for all accounts."""
    directory = tmp_path_factory.mktemp("accounts")
    for privilege in Privilege:
        make_key(directory / f"id_{privilege}", "ed25519")
    host_key = make_key(directory / "host", "ed25519")
    store = stock(directory / "tree", "worker-1", Authority("kubernetes"), time.time())
    with machine(kubelet=store.parent) as made:
        place = Place(made, directory, free_port(), free_port())
        _furnish(place)
        made.sshd(HOST, place.port, f"HostKey {host_key}\n{SSHD_CONFIG}")
        made.sshd(HOST, place.bare_port, f"HostKey {host_key}\nUsePAM no\n")
        wait_for_sshd(HOST, place.port)
        wait_for_sshd(HOST, place.bare_port)
        yield place


def _furnish(place: Place) -> None:
    made = place.machine
    made.run("localedef", "-i", "de_DE", "-f", "UTF-8", "de_DE.UTF-8")
    made.write("/etc/default/locale", "LANG=de_DE.UTF-8\nLANGUAGE=de\n")
    made.write("/etc/motd", f"{MARKED}\n")
    made.write("/etc/ssh/sshrc", f"echo '{MARKED}' >&2\n")
    for user, shell in SHELLS.items():
        place.account(user, shell)
        place.let_in(user)
        name = f"/home/{user}/{STARTUP[user]}"
        made.run("install", "-d", "-o", user, str(Path(name).parent))
        made.write(name, f'echo "{MARKED}"\n')
    others = ("no-rule", "wants-tty", "other-rule", "no-sudo-there", "expired", "must-change", "locked", "in-dialogue")
    for user in others:
        place.account(user)
        place.let_in(user)
    place.account("turned-away", "/usr/sbin/nologin")
    place.account("says-nothing", "/bin/true")
    place.let_in("turned-away")
    place.let_in("says-nothing")
    rule = f'ALL=(root) NOPASSWD: {NODE_SCRIPT} ""'
    rules = [f"{user} {rule}" for user in (*SHELLS, "wants-tty", "no-sudo-there")]
    rules += [
        "other-rule ALL=(root) NOPASSWD: /bin/true",
        "Defaults:wants-tty requiretty",
        "Defaults:other-rule !authenticate",
        "Defaults lecture=always",
    ]
    made.write("/etc/sudoers.d/of-the-tests", "\n".join(rules) + "\n", "0440")
    made.run("mkdir", "/etc/env-alone")
    made.run("ln", "-s", "/usr/bin/env", "/etc/env-alone/env")
    made.run("usermod", "--expiredate", "1970-01-02", "expired")
    made.run("chage", "--lastday", "0", "must-change")
    made.run("usermod", "--lock", "locked")


def is_read(facts: NodeFacts) -> bool:
    return assess(facts, Rotation.KUBELET, Memory()).reason is None


@pytest.mark.parametrize("user", SHELLS)
@pytest.mark.parametrize("privilege", [Privilege.SUDO, Privilege.FORCED_COMMAND])
def test_any_login_shell(user: str, privilege: Privilege, place: Place) -> None:
    """A node is read whatever the account's shell is, whatever its profile prints, where all is German."""
    facts = place.read(user, privilege)
    assert is_read(facts)
    assert facts.uid == 0


@pytest.mark.parametrize("user", SHELLS)
def test_an_ordinary_user_alone(user: str, place: Place) -> None:
    """Without any privilege the listing is seen, and the certificate's own reason says that it was not."""
    facts = place.read(user, Privilege.LOGIN)
    seen = assess(facts, Rotation.KUBELET, Memory())
    assert seen.reason is Reason.CERTIFICATE_DENIED
    assert seen.history
    assert seen.history.last_rotation
    assert seen.history.rotations_on_disk == 2
    assert facts.uid


def test_all_is_german_there(place: Place) -> None:
    """The locale of these tests is real: a login speaks German."""
    key = str(place.key(Privilege.LOGIN))
    flags = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-i", key]
    told = run(
        "ssh", *flags, "-p", str(place.port), f"in-bash@{HOST}", "date --date=2024-01-15 +%A; sudo -n true 2>&1 || :"
    )
    assert "Montag" in told
    assert "Passwort" in told


@pytest.mark.parametrize("privilege", [Privilege.SUDO, Privilege.FORCED_COMMAND])
@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("no-rule", Reason.SUDO_PASSWORD),
        ("wants-tty", Reason.SUDO_TTY),
        ("other-rule", Reason.SUDO_DENIED),
        ("no-sudo-there", Reason.SUDO_MISSING),
    ],
)
def test_sudo_that_refuses(user: str, reason: Reason, privilege: Privilege, place: Place) -> None:
    """Each way in which sudo refuses has its own reason, whether we ask for sudo or a forced command does."""
    assert place.reason(user, privilege) is reason


def test_an_installed_script_that_is_not_there(place: Place) -> None:
    """Neither by sudo nor by a forced command."""
    missing = "/usr/local/libexec/is-not-there"
    place.account("no-script")
    place.let_in("no-script", script=missing)
    assert place.reason("no-script", Privilege.SUDO, script=missing) is None
    place.machine.run("rm", missing)
    assert place.reason("no-script", Privilege.SUDO, script=missing) is Reason.SCRIPT_MISSING
    assert place.reason("no-script", Privilege.FORCED_COMMAND, script=missing) is Reason.SCRIPT_MISSING


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("turned-away", Reason.LOGIN_DISABLED),
        ("says-nothing", Reason.ANSWER_EMPTY),
        ("expired", Reason.AUTH_CLOSED),
        ("must-change", Reason.PASSWORD_EXPIRED),
        ("in-dialogue", Reason.AUTH_NO_PUBLICKEY),
        ("nobody-of-that-name", Reason.AUTH_FAILED),
    ],
)
def test_an_account_that_may_not_log_in(user: str, reason: Reason, place: Place) -> None:
    """Each has its own reason, after one attempt."""
    before = place.machine.sshd_log(HOST, place.port).count("Connection from")
    assert place.reason(user, Privilege.LOGIN) is reason
    assert place.machine.sshd_log(HOST, place.port).count("Connection from") == before + 1


def test_a_locked_account(place: Place) -> None:
    """A locked account takes no key where sshd looks at it itself."""
    assert place.reason("locked", Privilege.LOGIN, port=place.bare_port) is Reason.AUTH_FAILED
    assert place.reason("in-sh", Privilege.SUDO, port=place.bare_port) is None


def test_a_node_that_goes_down(place: Place) -> None:
    """/etc/nologin turns everybody but root away, and does so no more once it is gone."""
    place.machine.write("/etc/nologin", "The system is going down\n")
    try:
        assert place.reason("in-sh", Privilege.SUDO) is Reason.AUTH_CLOSED
        assert place.reason("in-sh", Privilege.SUDO, port=place.bare_port) is Reason.LOGIN_DISABLED
    finally:
        place.machine.run("rm", "/etc/nologin")
    assert place.reason("in-sh", Privilege.SUDO) is None
