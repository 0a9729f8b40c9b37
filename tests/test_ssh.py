"""The SSH transport against a real OpenSSH server: many nodes, each with keys and a tree of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Paths, TransportKind
from exporter.config.ssh import Identity, Ssh
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import ConfigurationError, Reason
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport
from exporter.rounds.visit import visit
from tests.sshd import (
    IS_ROOT,
    KEY_TYPES,
    USER,
    Host,
    Sshd,
    address,
    agent,
    fingerprint,
    grow_tree,
    hashed,
    make_key,
    needs_chroot,
    needs_sshd,
    place_for_trees,
    public,
    run,
    shared_busybox,
    stock,
)
from tests.visits import PATIENT, reason_of

FLEET = 50
PASSPHRASE = "correct horse battery staple"
ROOT = Path(__file__).parent.parent
pytestmark = needs_sshd


@dataclass(frozen=True)
class Site:
    """A running sshd, the keys that may log in, and a place for files."""

    sshd: Sshd
    directory: Path
    keys: dict[str, Path]

    def ssh(self, *keys: Path, hosts: str | None = None, **others: object) -> Ssh:
        """An ``ssh`` section; with all host keys known and the ed25519 key unless told otherwise."""
        path = Path(tempfile.mkdtemp(dir=self.directory)) / "known_hosts"
        path.write_text(self.sshd.known_hosts() if hosts is None else hosts)
        identities = tuple(Identity(file=str(key)) for key in keys or (self.keys["ed25519"],))
        settings: dict[str, object] = {
            "known_hosts": str(path),
            "identities": identities,
            "timeouts": PATIENT,
            **others,
        }
        return Ssh.model_validate(settings)

    def transport(self, *keys: Path, hosts: str | None = None) -> SshTransport:
        return SshTransport(self.ssh(*keys, hosts=hosts))


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory that other users may look into, which pytest's own is not."""
    with place_for_trees() as path:
        yield path


@pytest.fixture(scope="module")
def keys(directory: Path) -> dict[str, Path]:
    """The client keys that may log in."""
    (directory / "keys").mkdir()
    found = {kind: make_key(directory / "keys" / f"id_{kind}", kind) for kind in KEY_TYPES}
    found["encrypted"] = make_key(directory / "keys" / "id_encrypted", "ed25519", PASSPHRASE)
    found["encrypted_pem"] = make_key(directory / "keys" / "id_encrypted_pem", "rsa", PASSPHRASE, "PEM")
    found["rsa_pkcs8"] = make_key(directory / "keys" / "id_rsa_pkcs8", "rsa", form="PKCS8")
    found["ecdsa_pem"] = make_key(directory / "keys" / "id_ecdsa_pem", "ecdsa", form="PEM")
    return found


def shell(command: str) -> str:
    """What ForceCommand runs, quoted for sshd_config and for the user's shell."""
    return f"ForceCommand /bin/sh -c {shlex.quote(command)}"


ORIGINAL = '/bin/sh -c "$SSH_ORIGINAL_COMMAND"'
# Nodes that are this very machine, by what their sshd does with our command.
HERE = {
    "plain": Host(address(201)),
    "noisy": Host(address(202), (shell(f'echo "Welcome, it is 21 degrees"; {ORIGINAL}; echo "Good bye"'),)),
    "noisy_without_newline": Host(address(203), (shell(f"printf '\\r\\nno newline here\\n'; {ORIGINAL}; printf bye"),)),
    "mute": Host(address(204), (shell("true"),)),
    "closed_account": Host(address(205), (shell("echo This account is currently not available.; exit 1"),)),
    "deaf": Host(address(206), (shell("exec 0<&-; echo unread; sleep 0.2"),)),
    "no_sessions": Host(address(207), ("MaxSessions 0",)),
    "others_only": Host(address(208), ("AllowUsers somebody-else",)),
    "passwords_only": Host(address(209), ("PubkeyAuthentication no", "PasswordAuthentication yes")),
    "banner": Host(address(210), ("Banner /etc/passwd",)),
    "chatty_errors": Host(address(211), (shell(f"echo a warning >&2; {ORIGINAL}; echo another >&2"),)),
    "two_tries": Host(address(213), ("MaxAuthTries 2",)),
    "two_factors": Host(address(212), ("AuthenticationMethods publickey,password", "PasswordAuthentication yes")),
}


@pytest.fixture(scope="module")
def site(directory: Path, keys: dict[str, Path]) -> Iterator[Site]:
    """sshd for nodes that are this very machine."""
    (directory / "here").mkdir()
    sshd = Sshd(directory / "here", list(HERE.values()), list(keys.values()))
    try:
        sshd.start()
        yield Site(sshd, directory, keys)
    finally:
        sshd.stop()


@pytest.fixture(scope="module")
def paths(directory: Path) -> Paths:
    """A store on this machine."""
    store = FileStore(directory / "pki")
    authority, now = Authority(), time.time()
    for back in (2, 1, 0):
        store.update(authority.client("worker-1", now - 60 - back * 3600, 365 * 86400), now - 60 - back * 3600)
    return Paths(store=str(directory / "pki"))


def here(site: Site, name: str, paths: Paths, **access: object) -> Node:
    """A node of :data:`HERE`."""
    reached = SshAccess(HERE[name].address, site.sshd.port, USER, name="worker-1")
    return Node("worker-1", replace(reached, **access), paths)  # type: ignore[arg-type]  # a test's own settings


def is_healthy(facts: NodeFacts) -> bool:
    """Three rotations, the newest of them current."""
    return facts.client.condition is Condition.READ and facts.store.dated_client == 3


# Fifty nodes.


@dataclass(frozen=True)
class Fleet:
    """Nodes that each have a tree, a certificate and an address of their own."""

    site: Site
    trees: dict[str, Path]

    def node(self, name: str) -> Node:
        number = list(self.trees).index(name) + 1
        return Node(name, SshAccess(address(number), self.site.sshd.port, "root"), Paths())


@pytest.fixture(scope="module")
def fleet(directory: Path, keys: dict[str, Path]) -> Iterator[Fleet]:
    """sshd for nodes of which each is locked into a tree of its own."""
    (directory / "fleet").mkdir()
    busybox, authority = shared_busybox(directory), Authority()
    trees = {}
    for number in range(1, FLEET + 1):
        name = f"worker-{number:02}"
        trees[name] = grow_tree(directory / "trees" / name, busybox)
        stock(trees[name], name, authority, time.time())
    hosts = [Host(address(index + 1), (f"ChrootDirectory {tree}",)) for index, tree in enumerate(trees.values())]
    sshd = Sshd(directory / "fleet", hosts, list(keys.values()))
    try:
        sshd.start()
        yield Fleet(Site(sshd, directory, keys), trees)
    finally:
        sshd.stop()


@needs_chroot
def test_fifty_nodes_with_hashed_host_names(fleet: Fleet) -> None:
    """Fifty nodes are read with a known_hosts file that hides their names, each with its own certificate."""
    sshd = fleet.site.sshd
    transports = {TransportKind.SSH: fleet.site.transport(hosts=hashed(sshd.known_hosts(), fleet.site.directory))}

    def look(name: str) -> tuple[Reason | None, str]:
        node = fleet.node(name)
        seen = visit(node, NodeReport(node), transports)
        reading = seen.assessment.client if seen.assessment else None
        return seen.reason, reading.certificate.subject if reading else ""

    with ThreadPoolExecutor(8) as pool:
        outcomes = dict(zip(fleet.trees, pool.map(look, fleet.trees), strict=True))
    assert {reason for reason, _ in outcomes.values()} == {None}
    assert all(f"system:node:{name}" in subject for name, (_, subject) in outcomes.items())


@needs_chroot
def test_fifty_nodes_by_the_command(fleet: Fleet) -> None:
    """``visit`` reads fifty nodes, tells each of them as JSON, and ends with status 0."""
    site = fleet.site
    known = site.directory / "known_hosts_of_the_fleet"
    known.write_text(hashed(site.sshd.known_hosts(), site.directory))
    config = site.directory / "config.yaml"
    nodes = [{"name": name, "address": address(index + 1)} for index, name in enumerate(fleet.trees)]
    settings = {
        "concurrency": 8,
        "ssh": {"known_hosts": str(known), "identities": [{"file": str(site.keys["ed25519"])}]},
        "groups": {"fleet": {"port": site.sshd.port, "nodes": nodes}},
    }
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "exporter", "visit", f"--config.file={config}", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert [node["node"] for node in told] == list(fleet.trees)
    assert all(node["up"] and node["state"] == "fresh" and node["transport"] == "ssh" for node in told)
    assert len({node["certificates"]["client"]["serial"] for node in told}) == FLEET


@needs_chroot
def test_a_login_that_may_not_read_the_certificate(directory: Path, keys: dict[str, Path]) -> None:
    """A login without permission says so, and one that owns the store reads it, both with the kubelet's own modes."""
    busybox = shared_busybox(Path(tempfile.mkdtemp(dir=directory)))
    for_nobody = Path(tempfile.mkdtemp(dir=directory))
    for_nobody.chmod(0o755)
    trees = [grow_tree(directory / "trees-of-nobody" / name, busybox, user="nobody") for name in ("denied", "owner")]
    for tree in trees:
        stock(tree, "worker-1", Authority(), time.time(), rotations=3)
    owned = trees[1] / "var/lib/kubelet/pki"
    for path in (owned, *owned.iterdir()):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    hosts = [Host(address(220 + index), (f"ChrootDirectory {tree}",)) for index, tree in enumerate(trees)]
    sshd = Sshd(for_nobody, hosts, list(keys.values()))
    sshd._authorized.chmod(0o644)
    try:
        sshd.start()
        site = Site(sshd, directory, keys)
        seen = []
        for host in hosts:
            node = Node("worker-1", SshAccess(host.address, sshd.port, "nobody"), Paths())
            seen.append(visit(node, NodeReport(node), {TransportKind.SSH: site.transport()}))
    finally:
        sshd.stop()
    assert [(one.reason, one.facts.uid if one.facts else None) for one in seen] == [
        (Reason.CERTIFICATE_DENIED, 65534),
        (None, 65534),
    ]


# Client keys.


@pytest.mark.parametrize("kind", [*KEY_TYPES, "ecdsa_pem", "rsa_pkcs8"])
def test_a_key_of_each_type_logs_in(kind: str, site: Site, paths: Paths) -> None:
    """Ed25519, ECDSA and RSA keys log in, in OpenSSH's own form, in PEM and in PKCS#8."""
    assert is_healthy(site.transport(site.keys[kind]).read(here(site, "plain", paths)))


@pytest.mark.parametrize("kind", ["encrypted", "encrypted_pem"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_an_encrypted_key_logs_in(kind: str, end: str, site: Site, paths: Paths, tmp_path: Path) -> None:
    """A passphrase is read from its file, with or without the newline that an editor puts there."""
    secret = tmp_path / "passphrase"
    secret.write_bytes((PASSPHRASE + end).encode())
    secret.chmod(0o600)
    identity = Identity(file=str(site.keys[kind]), passphrase_file=str(secret))
    ours = SshTransport(site.ssh(identities=(identity,)))
    assert is_healthy(ours.read(here(site, "plain", paths)))


def test_the_second_key_logs_in(site: Site, paths: Paths) -> None:
    """A key that the node does not take is passed over for the next one."""
    stranger = make_key(Path(tempfile.mkdtemp(dir=site.directory)) / "id", "ed25519")
    assert is_healthy(site.transport(stranger, site.keys["ecdsa"]).read(here(site, "plain", paths)))


def test_the_agents_key_logs_in(site: Site, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that only the SSH agent holds logs in."""
    with agent(tmp_path, site.keys["ed25519"]) as socket_path:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
        ours = SshTransport(site.ssh(identities=(), agent=True))
        assert is_healthy(ours.read(here(site, "plain", paths)))


def test_the_agents_rsa_key_logs_in(site: Site, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An RSA key in the agent signs by SHA-2, the only way in which today's sshd takes it."""
    with agent(tmp_path, site.keys["rsa"]) as socket_path:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
        ours = SshTransport(site.ssh(identities=(), agent=True))
        assert is_healthy(ours.read(here(site, "plain", paths)))


def test_an_agent_without_a_key(site: Site, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that holds no key is the reason."""
    with agent(tmp_path) as socket_path:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket_path)
        ours = SshTransport(site.ssh(identities=(), agent=True))
        assert reason_of(ours, here(site, "plain", paths)) is Reason.AGENT_FAILED


@pytest.mark.parametrize("variable", [None, "/nonexistent/agent"])
def test_no_agent(variable: str | None, site: Site, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that is not there is the reason."""
    if variable:
        monkeypatch.setenv("SSH_AUTH_SOCK", variable)
    else:
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    ours = SshTransport(site.ssh(identities=(), agent=True))
    assert reason_of(ours, here(site, "plain", paths)) is Reason.AGENT_FAILED


def test_a_file_suffices_where_the_agent_is_gone(site: Site, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file logs in though the agent that is asked for too is not there."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert is_healthy(SshTransport(site.ssh(agent=True)).read(here(site, "plain", paths)))


# Refused logins.


def test_a_wrong_key(site: Site, paths: Paths) -> None:
    """A key that the node does not know is refused."""
    stranger = make_key(Path(tempfile.mkdtemp(dir=site.directory)) / "id", "ed25519")
    assert reason_of(site.transport(stranger), here(site, "plain", paths)) is Reason.AUTH_FAILED


def test_a_wrong_user(site: Site, paths: Paths) -> None:
    """A user whom the node does not know is refused."""
    assert reason_of(site.transport(), here(site, "plain", paths, user="kubelet-reader")) is Reason.AUTH_FAILED


def test_more_keys_than_sshd_takes(site: Site, paths: Paths) -> None:
    """Eight wrong keys are a refused login, and not sshd's "too many authentication failures"."""
    place = Path(tempfile.mkdtemp(dir=site.directory))
    strangers = [make_key(place / f"id_{number}", "ed25519") for number in range(8)]
    since = site.sshd.log_size()
    assert reason_of(site.transport(*strangers), here(site, "plain", paths)) is Reason.AUTH_FAILED
    assert "Too many authentication failures" not in site.sshd.log_of_next(since)


@pytest.mark.parametrize("wrong", [1, 2, 3, 5])
def test_a_node_that_allows_two_tries(wrong: int, site: Site, paths: Paths) -> None:
    """sshd hangs up over the second wrong key: that is a refused login, however many there were."""
    place = Path(tempfile.mkdtemp(dir=site.directory))
    strangers = [make_key(place / f"id_{number}", "ed25519") for number in range(wrong)]
    assert reason_of(site.transport(*strangers), here(site, "two_tries", paths)) is Reason.AUTH_FAILED


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("others_only", Reason.AUTH_FAILED),
        ("passwords_only", Reason.AUTH_NO_PUBLICKEY),
        ("two_factors", Reason.AUTH_SECOND_FACTOR),
    ],
)
def test_a_node_that_takes_no_key(name: str, reason: Reason, site: Site, paths: Paths) -> None:
    """A node that takes others only, passwords only, or wants a second factor refuses the login."""
    assert reason_of(site.transport(), here(site, name, paths)) is reason


def test_a_node_that_opens_no_session(site: Site, paths: Paths) -> None:
    """A login without a channel is no visit."""
    assert reason_of(site.transport(), here(site, "no_sessions", paths)) is Reason.SESSION_REFUSED


# Host keys.

LINES = {
    "empty file": ("", Reason.HOST_KEY_UNKNOWN),
    "another host": ("elsewhere.example.org {ed25519}", Reason.HOST_KEY_UNKNOWN),
    "another port": ("[{host}]:2 {ed25519}", Reason.HOST_KEY_UNKNOWN),
    "another key": ("{name} {other}", Reason.HOST_KEY_CHANGED),
    "revoked": ("{name} {ed25519}\n@revoked {name} {ed25519}", Reason.HOST_KEY_REVOKED),
    "revoked for all": ("{name} {ed25519}\n@revoked * {ed25519}", Reason.HOST_KEY_REVOKED),
    "revoked without port": ("{name} {ed25519}\n@revoked {host} {ed25519}", Reason.HOST_KEY_REVOKED),
    "revoked with port": ("{host} {ed25519}\n@revoked {name} {ed25519}", Reason.HOST_KEY_REVOKED),
    "authority alone": ("@cert-authority {name} {other}", Reason.HOST_KEY_NEEDS_CA),
    "authority for all": ("@cert-authority * {other}", Reason.HOST_KEY_NEEDS_CA),
    "negated": ("!{host},127.* {ed25519}", Reason.HOST_KEY_UNKNOWN),
}


def lines_for(site: Site, template: str) -> str:
    """known_hosts lines with the node's names and keys in."""
    other = make_key(Path(tempfile.mkdtemp(dir=site.directory)) / "other", "ed25519")
    host = HERE["plain"].address
    own = {kind: public(key) for kind, key in site.sshd.host_keys.items()}
    return template.format(name=f"[{host}]:{site.sshd.port}", host=host, other=public(other), **own) + "\n"


@pytest.mark.parametrize(("template", "reason"), LINES.values(), ids=list(LINES))
def test_no_login_where_the_host_key_is_not_known(template: str, reason: Reason, site: Site, paths: Paths) -> None:
    """A host key that cannot be vouched for has its reason, and sshd is not even asked for a login."""
    since = site.sshd.log_size()
    assert reason_of(site.transport(hosts=lines_for(site, template)), here(site, "plain", paths)) is reason
    log = site.sshd.log_of_next(since)
    assert "userauth-request" not in log
    assert "publickey" not in log.replace("publickey-hostbound", "")


def test_the_log_does_tell_of_logins(site: Site, paths: Paths) -> None:
    """The words that tests look for in vain after a refused host key are there after a login."""
    since = site.sshd.log_size()
    assert is_healthy(site.transport().read(here(site, "plain", paths)))
    assert "userauth-request" in site.sshd.log_of_next(since)


@pytest.mark.parametrize(
    "template",
    [
        "{name} {ed25519}",
        "{name} {ecdsa}",
        "{name} {rsa}",
        "{host} {rsa}",
        "worker-1 {ed25519}",
        "[worker-1]:{port} {ecdsa}",
        "127.1.* {ed25519}",
        "[127.1.*]:* {rsa}",
        "some,other,{name},names {ecdsa}",
        "@cert-authority * {other}\n{name} {ed25519}",
        "{name} {other}\n{name} {ed25519}",
        "@revoked * {other}\n{name} {ed25519}",
    ],
)
def test_a_known_host_key_of_any_type(template: str, site: Site, paths: Paths) -> None:
    """A node is read where one of its keys is known: of any type, under its name or address, with or without port."""
    hosts = lines_for(site, template.replace("{port}", str(site.sshd.port)))
    assert is_healthy(site.transport(hosts=hosts).read(here(site, "plain", paths)))


@pytest.mark.parametrize("kind", KEY_TYPES)
@pytest.mark.parametrize("form", [public, fingerprint])
def test_a_pinned_host_key(kind: str, form: object, site: Site, paths: Paths) -> None:
    """A pinned public key, or the fingerprint of the key that sshd prefers, is enough without known_hosts."""
    pin = public(site.sshd.host_keys[kind]) if form is public else fingerprint(site.sshd.host_keys[kind])
    every = [pin] if form is public else [fingerprint(key) for key in site.sshd.host_keys.values()]
    assert pin in every
    node = here(site, "plain", paths, host_keys=tuple(every))
    assert is_healthy(site.transport(hosts="").read(node))


def test_a_pinned_fingerprint_of_a_key_that_is_not_shown(site: Site, paths: Paths) -> None:
    """A fingerprint does not tell its key's type: that of a key which the node does not prefer refuses the node."""
    node = here(site, "plain", paths, host_keys=(fingerprint(site.sshd.host_keys["rsa"]),))
    assert reason_of(site.transport(hosts=""), node) is Reason.HOST_KEY_CHANGED


@pytest.mark.parametrize("form", [public, fingerprint], ids=["key", "fingerprint"])
def test_another_host_key_than_the_pinned_one(form: object, site: Site, paths: Paths) -> None:
    """A node that shows another key than the pinned one is not logged in to, whatever known_hosts says."""
    other = make_key(Path(tempfile.mkdtemp(dir=site.directory)) / "other", "ed25519")
    pin = public(other) if form is public else fingerprint(other)
    since = site.sshd.log_size()
    node = here(site, "plain", paths, host_keys=(pin,))
    assert reason_of(site.transport(), node) is Reason.HOST_KEY_CHANGED
    assert "userauth-request" not in site.sshd.log_of_next(since)


def test_a_pinned_key_that_is_revoked(site: Site, paths: Paths) -> None:
    """A revoked key stays refused though it is pinned."""
    hosts = lines_for(site, "@revoked {name} {ed25519}")
    node = here(site, "plain", paths, host_keys=(public(site.sshd.host_keys["ed25519"]),))
    assert reason_of(site.transport(hosts=hosts), node) is Reason.HOST_KEY_REVOKED


def test_any_key_where_the_user_says_so(site: Site, paths: Paths) -> None:
    """The policy ``insecure`` reads a node whose key nobody knows."""
    node = here(site, "plain", paths, policy=HostKeyPolicy.INSECURE)
    assert is_healthy(site.transport(hosts="").read(node))


def test_a_known_hosts_file_that_is_named_must_be_there(site: Site) -> None:
    """A missing file is a mistake of the configuration where it names the file."""
    with pytest.raises(ConfigurationError, match="/nonexistent/known_hosts"):
        SshTransport(site.ssh(known_hosts="/nonexistent/known_hosts"))


def test_a_known_hosts_file_that_cannot_be_read(site: Site, tmp_path: Path) -> None:
    """A directory in a file's place is a mistake of the configuration."""
    with pytest.raises(ConfigurationError, match="not a regular file"):
        SshTransport(site.ssh(known_hosts=str(tmp_path)))


def test_the_default_known_hosts_files_may_be_missing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word about known_hosts, files that are not there are empty ones."""
    monkeypatch.chdir(site.directory)
    section = site.ssh()
    defaults = Ssh.model_validate({"identities": section.identities, "timeouts": PATIENT})
    SshTransport(defaults)


# The answer.


def test_what_an_answer_tells(site: Site, paths: Paths) -> None:
    """An answer tells the script's version, the user's id and a clock that is ours."""
    before = time.time()
    facts = site.transport().read(here(site, "plain", paths))
    assert (facts.script_version, facts.uid) == ("1.2", os.geteuid())
    assert facts.clock
    assert before - 1 <= facts.taken <= time.time() + 1
    assert abs(facts.clock.offset) < 5 + (time.time() - before)


@pytest.mark.parametrize("name", ["noisy", "noisy_without_newline", "banner", "chatty_errors"])
def test_noise_around_the_answer(name: str, site: Site, paths: Paths) -> None:
    """What a login prints before and after the answer, or on standard error, changes nothing."""
    assert is_healthy(site.transport().read(here(site, name, paths)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mute", Reason.ANSWER_EMPTY),
        ("closed_account", Reason.LOGIN_DISABLED),
        ("deaf", Reason.ANSWER_MISSING),
    ],
)
def test_another_command_than_ours(name: str, reason: Reason, site: Site, paths: Paths) -> None:
    """A forced command that is not ours, and that reads nothing, gives no answer."""
    assert reason_of(site.transport(), here(site, name, paths)) is reason


def test_the_script_is_not_in_the_command_line(site: Site, paths: Paths) -> None:
    """The node's log of commands shows a plain shell: the script comes on standard input."""
    since = site.sshd.log_size()
    site.transport().read(here(site, "plain", paths))
    log = site.sshd.log_of_next(since)
    assert "Starting session: command for" in log
    assert "kubelet-cert-exporter" not in log


def test_nothing_is_left_on_the_node(site: Site, paths: Paths) -> None:
    """After a visit no process of its login is left."""
    site.transport().read(here(site, "plain", paths))
    deadline = time.monotonic() + 10
    while (left := _sessions_of(site)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def _sessions_of(site: Site) -> list[str]:
    """Command lines of processes below the site's sshd."""
    servers = {server.pid for server in site.sshd._servers}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in servers:
                found.append((entry / "cmdline").read_text())
    return found


@pytest.mark.skipif(not IS_ROOT, reason="only root may look past the modes of a store that is closed to it")
def test_root_reads_what_is_closed_to_others(site: Site, tmp_path: Path) -> None:
    """A store with the modes 0700 and 0600 is read by root."""
    store = FileStore(tmp_path / "closed")
    now = time.time()
    for back in (2, 1, 0):
        store.update(Authority().client("worker-1", now - back * 60, 86400), now - back * 60)
    (tmp_path / "closed").chmod(0o700)
    assert is_healthy(site.transport().read(here(site, "plain", Paths(store=str(tmp_path / "closed")))))


def test_a_path_with_every_odd_character(site: Site, tmp_path: Path) -> None:
    """Paths reach the node's shell as they are, whatever stands in them."""
    odd = tmp_path / 'it\'s $(id) `id` "x" *?[a] & ; \\ -k'
    store, now = FileStore(odd), time.time()
    for back in (2, 1, 0):
        store.update(Authority().client("worker-1", now - back * 60, 86400), now - back * 60)
    facts = site.transport().read(here(site, "plain", Paths(store=str(odd))))
    assert is_healthy(facts)


def test_many_visits_at_once(site: Site, paths: Paths) -> None:
    """One transport serves many threads."""
    ours = site.transport()
    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(lambda _: reason_of(ours, here(site, "plain", paths)), range(16)))
    assert reasons == [None] * 16


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_that_the_agent_holds(
    kind: str, site: Site, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user certificate in the agent logs in, of each type of key."""
    make_key(tmp_path / "ca", "ed25519")
    key = make_key(tmp_path / "id", kind)
    run("ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "us", "-n", USER, "-V", "-1m:+10m", f"{key}.pub")
    authorized = site.directory / "here/authorized_keys"
    before = authorized.read_text()
    authorized.write_text(f"{before}cert-authority {public(tmp_path / 'ca')}\n")
    try:
        with agent(tmp_path, key) as path:
            monkeypatch.setenv("SSH_AUTH_SOCK", path)
            key.unlink()
            section = Ssh.model_validate({**dict(site.ssh()), "identities": (), "agent": True})
            assert reason_of(SshTransport(section), here(site, "plain", paths)) is None
    finally:
        authorized.write_text(before)
