"""A fleet behind a bastion and a second hop: fifty nodes with accounts, sudo, forced commands and certificates."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from exporter.config.settings import NODE_SCRIPT
from exporter.demo.signer import Authority
from tests.machines import Machine, environment, free_port, machine, needs_machines, wait_for_sshd
from tests.running import Running, samples
from tests.sshd import address, hashed, make_key, public, run, stock

pytestmark = needs_machines()

FLEET = 50
ACCOUNT, JUMP = "kubelet-cert", "jump"
EDGE, INNER = address(230), address(231)
SSHD_CONFIG = """\
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200:30:400
Subsystem sftp internal-sftp
AcceptEnv *
PermitUserEnvironment yes
AllowTcpForwarding yes
AllowAgentForwarding yes
X11Forwarding yes
LogLevel VERBOSE
"""


def node(number: int) -> str:
    return f"worker-{number}"


@dataclass
class Site:
    """The fleet, the two bastions, and what the exporter needs to get there."""

    directory: Path
    port: int
    nodes: list[Machine]
    front: Machine  # where both bastions are

    def known_hosts(self, *numbers: int) -> str:
        """Hashed lines for the bastions, and for the nodes' plain keys."""
        lines = [f"[{name}]:{self.port} {public(self.directory / name)}" for name in ("edge", "inner")]
        lines += [f"[{node(n)}]:{self.port} {public(self.directory / f'host-{n}')}" for n in numbers]
        return hashed("\n".join(lines) + "\n", self.directory)

    def config(
        self, name: str, known_hosts: str, identity: str, settings: dict[str, object], nodes: int = FLEET
    ) -> Path:
        """A configuration file; ``settings`` are those of all nodes."""
        (self.directory / f"{name}.known_hosts").write_text(known_hosts)
        through = {"port": self.port, "user": JUMP, "identities": [{"file": str(self.directory / "id_jump")}]}
        document = {
            "ssh": {
                "known_hosts": f"{name}.known_hosts",
                "identities": [{"file": identity}],
                "logins_per_second": 100,
                "bastions": {
                    "edge": {**through, "address": EDGE, "logins_per_second": 100},
                    "inner": {**through, "address": INNER, "bastion": "edge", "logins_per_second": 100},
                },
                "timeouts": dict.fromkeys(("connect", "banner", "handshake", "auth", "command", "visit"), "60s"),
            },
            "defaults": {"user": ACCOUNT, "port": self.port, "bastion": "inner", **settings},
            "groups": {"all": {"nodes": [{"name": node(n), "address": address(n)} for n in range(1, nodes + 1)]}},
        }
        path = self.directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def log(self, number: int) -> str:
        """What a node's sshd has told so far."""
        return self.nodes[number - 1].sshd_log(address(number), self.port)

    def logins(self, number: int) -> int:
        """How often somebody has logged in to a node so far."""
        return self.log(number).count("Accepted publickey")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """The exporter's command line, without an agent."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment(),
    )


def visit(config: Path) -> dict[str, dict[str, object]]:
    """What one round of ``visit`` tells of each node, all of which it must have read."""
    done = command("visit", f"--config.file={config}", "--format=json")
    assert done.stdout, done.stderr
    found = {one["node"]: one for one in json.loads(done.stdout)}
    assert {name: (one["reason"], one["detail"]) for name, one in found.items() if not one["up"]} == {}
    # a visit as root sees that no kubelet runs on this machine, and nothing else that is wrong
    causes = {finding["cause"] for one in json.loads(done.stdout) for finding in one["findings"]}
    assert (causes, done.returncode) in ((set(), 0), ({"kubelet-down"}, 1)), done.stderr
    return found


def install(site_machine: Machine, config: Path) -> None:
    """Let the exporter in by the very commands that it prints."""
    printed = command("node-script", node(1), f"--config.file={config}", "--show=commands", "--from=127.0.0.0/8")
    assert printed.returncode == 0, printed.stderr
    for _ in range(2):  # it may run again
        site_machine.run("sh", text=printed.stdout)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Fifty nodes and two bastions, each with an sshd of its own."""
    directory = tmp_path_factory.mktemp("ways-in")
    port = free_port(EDGE)
    for key in ("id_jump", "id_sudo", "id_forced", "id_certified", "user_ca", "host_ca", "edge", "inner"):
        make_key(directory / key, "ed25519")
    sign(directory, "id_certified", "-1m:+10m")
    authority = Authority("kubernetes")
    with machine() as front:
        made = Site(directory, port, [], front)
        for name, identity in (("sudo", "id_sudo"), ("forced", "id_forced"), ("certified", "id_certified")):
            privilege = "sudo" if name == "sudo" else "forced_command"
            path = made.config(name, made.known_hosts(), str(directory / identity), {"privilege": privilege})
            install(front, path)
        front.run("useradd", "--system", "--create-home", "--shell", "/usr/sbin/nologin", "--password", "*", JUMP)
        front.run("install", "-d", "-m", "700", "-o", JUMP, f"/home/{JUMP}/.ssh")
        key = f"restrict,port-forwarding {public(directory / 'id_jump')}\n"
        front.write(f"/home/{JUMP}/.ssh/authorized_keys", key, "0644")
        for name, where in (("edge", EDGE), ("inner", INNER)):
            front.sshd(where, port, f"{SSHD_CONFIG}HostKey {directory / name}\n")
        try:
            for number in range(1, FLEET + 1):
                made.nodes.append(_node(directory, number, port, front, authority))
            for where in (EDGE, INNER, *(address(number) for number in range(1, FLEET + 1))):
                wait_for_sshd(where, port)
            yield made
        finally:
            for one in made.nodes:
                one.stop()


def _node(directory: Path, number: int, port: int, front: Machine, authority: Authority) -> Machine:
    key = make_key(directory / f"host-{number}", "ed25519")
    run(
        "ssh-keygen", "-q", "-s", str(directory / "host_ca"), "-h", "-I", node(number), "-n", node(number), f"{key}.pub"
    )
    store = stock(directory / f"tree-{number}", node(number), authority, time.time())
    made = Machine(of=front, kubelet=store.parent)
    made.sshd(address(number), port, f"{SSHD_CONFIG}HostKey {key}\nHostCertificate {key}-cert.pub\n")
    return made


def sign(directory: Path, key: str, validity: str, *, serial: int = 0) -> None:
    """A user certificate by the CA that the nodes trust, for as long as ``validity`` says."""
    run(
        "ssh-keygen", "-q", "-s", str(directory / "user_ca"), "-I", key, "-n", ACCOUNT, "-V", validity,
        "-z", str(serial), str(directory / f"{key}.pub"),
    )  # fmt: skip


def is_of_itself(found: dict[str, dict[str, object]]) -> bool:
    """Whether each node was read, and told its own certificate and no other's."""
    subjects = {name: str(one["certificates"]["client"]["subject"]) for name, one in found.items()}  # type: ignore[index] # JSON
    return len(found) == FLEET and all(
        re.search(rf"system:node:{name}\b", subject) for name, subject in subjects.items()
    )


def test_fifty_nodes_by_sudo(site: Site) -> None:
    """As an ordinary user, through both bastions, with hashed host keys and `sudo -n`: each read with one login."""
    every = range(1, FLEET + 1)
    before = {number: site.logins(number) for number in (1, FLEET)}
    config = site.config("sudo", site.known_hosts(*every), str(site.directory / "id_sudo"), {"privilege": "sudo"})
    assert is_of_itself(visit(config))
    assert {number: site.logins(number) - before[number] for number in before} == {1: 1, FLEET: 1}


def test_fifty_nodes_by_a_forced_command(site: Site) -> None:
    """The same by a key that runs the script whatever is asked for."""
    every = range(1, FLEET + 1)
    settings: dict[str, object] = {"privilege": "forced_command"}
    config = site.config("forced", site.known_hosts(*every), str(site.directory / "id_forced"), settings)
    assert is_of_itself(visit(config))


def connections(process: int, port: int) -> dict[str, int]:
    """How many connections the process has now to each address on that port, as ss(8) tells."""
    shown = run("ss", "-Htnp", "state", "established", f"dport = :{port}")
    found: dict[str, int] = {}
    for line in shown.splitlines():
        if f"pid={process}," in line:
            peer = line.split()[3].rpartition(":")[0]
            found[peer] = found.get(peer, 0) + 1
    return found


def certificate_ends(text: str, key: Path) -> float:
    """When the exporter says that its certificate ends."""
    return samples(text)["kubelet_cert_exporter_ssh_credential_not_after_timestamp_seconds"][("file", str(key)),]


def test_fifty_nodes_by_certificates_that_are_renewed(site: Site) -> None:
    """Host certificates by one CA, and a user certificate of ten minutes that is renewed while the daemon runs.

    All the while there is one connection to the first bastion, and none to anybody else.
    """
    known = f"@cert-authority [worker-*]:{site.port} {public(site.directory / 'host_ca')}\n{site.known_hosts()}"
    settings: dict[str, object] = {"privilege": "forced_command"}
    key = site.directory / "id_certified"
    sign(site.directory, key.name, "-9m:+2m", serial=1)
    config = site.config("certified", known, str(key), settings)
    config.write_text(f"interval: 5s\nmin_interval: 2s\n{config.read_text()}")
    most: dict[str, int] = {}

    with Running(config) as exporter:

        def all_logged_in_by(serial: int) -> bool:
            for peer, number in connections(exporter.process.pid, site.port).items():
                most[peer] = max(most.get(peer, 0), number)
            return all(f"(serial {serial})" in site.log(number) for number in range(1, FLEET + 1))

        exporter.wait_for(lambda: all_logged_in_by(1), 60)
        assert 0 < certificate_ends(exporter.scrape(), key) - time.time() < 120
        sign(site.directory, key.name, "-1m:+10m", serial=2)
        exporter.wait_for(lambda: all_logged_in_by(2), 60)
        text = exporter.scrape()
        assert 500 < certificate_ends(text, key) - time.time() < 600
    assert sum(samples(text)["kubelet_cert_node_up"].values()) == FLEET
    assert sum(samples(text)["kubelet_cert_exporter_visit_failures_total"].values()) == 0
    assert most == {EDGE: 1}


@pytest.mark.parametrize(
    "words", [(NODE_SCRIPT, "-x"), (NODE_SCRIPT, ""), ("sh",), ("cat", "/etc/shadow"), ("-s",), ("-i",)]
)
def test_the_rule_of_sudo_is_for_the_script_alone(words: tuple[str, ...], site: Site) -> None:
    """The account may run the script as root, without arguments, and nothing else."""
    one = site.nodes[0]
    assert FORCED in one.run("runuser", "-u", ACCOUNT, "--", "sudo", "-n", NODE_SCRIPT).stdout
    assert one.run("runuser", "-u", ACCOUNT, "--", "sudo", "-n", *words, check=False).returncode == 1


def test_a_narrower_line_takes_the_older_ones_place(site: Site) -> None:
    """sshd takes the first line of a key, so the commands leave one of it, and every other key's as it was."""
    file, other = f"/home/{ACCOUNT}/.ssh/authorized_keys", "ssh-ed25519 AAAAother admin"
    config = site.config(
        "narrower", site.known_hosts(), str(site.directory / "id_forced"), {"privilege": "forced_command"}
    )
    before = site.front.read(file)
    key = public(site.directory / "id_forced")
    kept = [line for line in before.splitlines() if key not in line]
    site.front.run("sh", "-c", 'cat >"$1"', "sh", file, text="\n".join([key, *kept, other]))
    install(site.front, config)
    lines = site.front.read(file).splitlines()
    assert [line for line in lines if key in line] == [line for line in before.splitlines() if key in line]
    assert [line for line in lines if key not in line] == [*kept, other]


@pytest.mark.parametrize("spoil", ["chmod 0777 /usr/local/libexec", f"chown {ACCOUNT} /usr/local/libexec"])
def test_a_folder_that_others_may_write(spoil: str, site: Site) -> None:
    """Nothing is installed where somebody else could put another script in its place."""
    config = site.config(
        "spoilt", site.known_hosts(), str(site.directory / "id_forced"), {"privilege": "forced_command"}
    )
    printed = command("node-script", node(1), f"--config.file={config}", "--show=commands").stdout
    site.front.run("sh", "-c", spoil)
    try:
        done = site.front.run("sh", text=printed, check=False)
    finally:
        site.front.run("sh", "-c", "chown root /usr/local/libexec; chmod 0755 /usr/local/libexec")
    assert done.returncode == 1
    assert done.stderr.endswith("/usr/local/libexec: not writable by root alone\n")


# What the key of a forced command is worth to a thief.

MARK = "/var/log/was-here"
FORCED = "kubelet-cert-exporter answer"


@dataclass(frozen=True)
class Theft:
    """What a thief tries: flags and words of ssh(1), and what is typed."""

    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    text: str = ""
    refusal: str = ""  # what sshd says, where it does not even come to the script


THEFTS = {
    "a command": Theft(words=(f"touch {MARK}",)),
    "a command in the script's place": Theft(words=("/bin/sh", "-c", f"touch {MARK}")),
    "a shell": Theft(text=f"touch {MARK}\n"),
    "a shell with a terminal": Theft(("-tt",), text=f"touch {MARK}\nexit\n", refusal="PTY allocation request failed"),
    "words for the script": Theft(words=(f"; touch {MARK}; $(touch {MARK}) `touch {MARK}`",)),
    "a script on standard input": Theft(words=("sh -s",), text=f"touch {MARK}\n"),
    "a path before all others": Theft(
        ("-o", "SetEnv=PATH=/tmp LD_PRELOAD=/tmp/x.so BASH_ENV=/tmp/x ENV=/tmp/x"), ("true",)
    ),
    "a locale of its own": Theft(("-o", "SetEnv=LC_ALL=x LANG=x IFS=/"), ("true",)),
    "an agent that is forwarded": Theft(("-A",), (f"ssh-add -l && touch {MARK}",)),
    "a display": Theft(("-X",), (f"touch {MARK}",)),
    "the sftp subsystem": Theft(("-s",), ("sftp",)),
}


def ssh_flags(site: Site, key: str) -> list[str]:
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=INFO", "ConnectTimeout=10")
    return [
        "-F", "none", "-i", str(site.directory / key), "-o", "IdentitiesOnly=yes", "-p", str(site.port),
        *(word for option in options for word in ("-o", option)),
    ]  # fmt: skip


def steal(site: Site, *words: str, text: str = "", timeout: float = 30) -> str:
    """What a program says of it, both streams."""
    done = subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=timeout, check=False, env=environment(DISPLAY=":0")
    )
    return done.stdout + done.stderr


def is_untouched(site: Site) -> bool:
    return site.nodes[0].run("test", "-e", MARK, check=False).returncode != 0


@pytest.mark.parametrize("name", THEFTS)
def test_a_stolen_key_runs_one_script(name: str, site: Site) -> None:
    """Whatever is asked for, the script's answer comes, as nobody asked for anything, and nothing is written."""
    theft = THEFTS[name]
    flags = ssh_flags(site, "id_forced")
    said = steal(site, "ssh", *flags, *theft.flags, f"{ACCOUNT}@{address(1)}", *theft.words, text=theft.text)
    if theft.refusal:
        assert theft.refusal in said
    else:
        assert re.search(rf"^{FORCED} [0-9.]+ begin$", said, re.MULTILINE)
        assert re.search(rf"^{FORCED} [0-9.]+ end$", said, re.MULTILINE)
    assert "PRIVATE KEY" not in said
    assert is_untouched(site)


def test_a_stolen_key_copies_nothing(site: Site) -> None:
    """Neither sftp nor scp, old or new, brings a file there or away."""
    flags = ssh_flags(site, "id_forced")
    flags[flags.index("-p")] = "-P"
    where = f"{ACCOUNT}@{address(1)}"
    (site.directory / "loot").write_text("x")
    steal(site, "sftp", "-b", "-", *flags, where, text=f"put {site.directory}/loot {MARK}\n")
    for old in ((), ("-O",)):
        steal(site, "scp", *old, *flags, str(site.directory / "loot"), f"{where}:{MARK}")
        steal(site, "scp", *old, *flags, f"{where}:/etc/passwd", str(site.directory / "stolen"))
    assert is_untouched(site)
    assert not (site.directory / "stolen").exists()


@pytest.mark.parametrize("direction", ["-L", "-R", "-D", "-W"])
def test_a_stolen_key_forwards_nothing(direction: str, site: Site) -> None:
    """No port is forwarded either way, and no socket proxied."""
    flags = [*ssh_flags(site, "id_forced"), "-o", "ExitOnForwardFailure=yes"]
    where = f"{ACCOUNT}@{address(1)}"
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(0.2)
        goal, entry = target.getsockname()[1], free_port()
        if direction == "-W":
            steal(site, "ssh", *flags, "-W", f"127.0.0.1:{goal}", where, text="hello")
        else:
            how = {"-L": f"{entry}:127.0.0.1:{goal}", "-R": f"{entry}:127.0.0.1:{goal}", "-D": str(entry)}[direction]
            forwarding = subprocess.Popen(
                ["ssh", *flags, "-N", direction, how, where], stderr=subprocess.DEVNULL, env=environment()
            )
            try:
                _try_entry(entry, goal, direction)
            finally:
                forwarding.kill()
                forwarding.wait(10)
        with pytest.raises(TimeoutError):
            target.accept()


def _try_entry(entry: int, goal: int, direction: str) -> None:
    """Send something into the near end, as soon as there is one, and for two seconds at most."""
    socks = bytes([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1]) + goal.to_bytes(2, "big")
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", entry), timeout=1) as near:
            near.sendall(socks if direction == "-D" else b"hello")
            near.settimeout(1)
            near.recv(64)
            return
        time.sleep(0.1)
