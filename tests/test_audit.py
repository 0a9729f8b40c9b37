"""What a visit leaves behind: our own audit's line, and the node's log as docs/audit.md counts it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.collect.installation import Installation
from exporter.collect.script import checksum, node_script
from exporter.collect.ssh.audit import Audit, Entry
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import NODE_SCRIPT, Paths, Privilege
from exporter.config.ssh import Ssh
from exporter.errors import CollectError, ConfigurationError
from exporter.model.node import Hop, Node, SshAccess
from tests.machines import Machine, free_port, machine, needs_machines, wait_for_sshd
from tests.sshd import fingerprint, make_key, public
from tests.visits import PATIENT

ROOT = Path(__file__).parent.parent
HOST = "127.0.0.1"
ACCOUNT = "kubelet-cert"
SYSLOG = "/var/log/syslog"
_OWN_DEV = """
mkdir -p /mnt/dev/pts
for one in null zero full random urandom tty ptmx; do
    touch "/mnt/dev/$one"
    mount --bind "/dev/$one" "/mnt/dev/$one"
done
mount --bind /dev/pts /mnt/dev/pts
mount --rbind /mnt/dev /dev
"""


@dataclass
class Place:
    """A machine with a log, an account, and a key for each privilege."""

    machine: Machine
    directory: Path
    port: int

    def access(self, privilege: Privilege, via: Hop | None = None) -> SshAccess:
        user = "root" if privilege is Privilege.LOGIN else ACCOUNT
        return SshAccess(HOST, self.port, user, name="worker-1", privilege=privilege, via=via)

    def ssh(self, privilege: Privilege, **others: object) -> Ssh:
        return Ssh.model_validate(
            {
                "known_hosts": str(self.directory / "known_hosts"),
                "identities": [{"file": str(self.directory / f"id_{privilege}")}],
                "timeouts": PATIENT,
                **others,
            }
        )

    def logged(self) -> list[str]:
        """The lines of the machine's log so far, but for what this machine lacks: systemd, and limits that may rise."""
        lines = self.machine.read(SYSLOG).splitlines()
        return [line for line in lines if "pam_limits(" not in line and "pam_systemd(" not in line]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("audit")
    host_key = make_key(directory / "host", "ed25519")
    for privilege in Privilege:
        make_key(directory / f"id_{privilege}", "ed25519")
    with machine(before=_OWN_DEV) as made:
        found = Place(made, directory, free_port())
        made.write("/etc/default/locale", "LANG=C.UTF-8\n")  # pam_env complains where it is missing
        made.start("busybox", "syslogd", "-n", "-O", SYSLOG)
        (directory / "known_hosts").write_text(f"[{HOST}]:{found.port} {public(host_key)}\n")
        for privilege in Privilege:
            user = found.access(privilege).user
            text = node_script(Paths(), None if privilege is Privilege.LOGIN else NODE_SCRIPT)
            key = public(directory / f"id_{privilege}")
            made.run("sh", text=Installation(text, NODE_SCRIPT, user, privilege, key).commands)
        made.write(
            "/etc/ssh/config_of_the_test", f"Port {found.port}\nListenAddress {HOST}\nHostKey {host_key}\nUsePAM yes\n"
        )
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        made.start("/usr/sbin/sshd", "-D", "-f", "/etc/ssh/config_of_the_test")
        wait_for_sshd(HOST, found.port)
        yield found


def lines_of_a_visit(place: Place, ssh: Ssh, access: SshAccess) -> list[str]:
    """What a visit adds to the node's log."""
    settled(place)
    before = len(place.logged())
    with contextlib.suppress(CollectError):
        SshTransport(ssh).read(Node("worker-1", access, Paths()))
    settled(place)
    return place.logged()[before:]


def settled(place: Place) -> None:
    """Until the log has been quiet for a moment."""
    lines = -1
    while lines != len(place.logged()):
        lines = len(place.logged())
        time.sleep(0.4)


def counted() -> dict[str, tuple[int, int]]:
    """The lines and bytes that docs/audit.md counts for each way in."""
    page = (ROOT / "docs/audit.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)`[^|]*\| (\d+) \| (\d+) \|", page, re.MULTILINE)
    return {name: (int(lines), int(size)) for name, lines, size in rows}


@needs_machines()
@pytest.mark.parametrize("how", [*Privilege, "auth_failed"])
def test_the_lines_of_a_visit_are_those_of_the_page(how: str, place: Place) -> None:
    """docs/audit.md counts the lines and bytes that sshd, PAM and sudo write for a visit."""
    privilege = Privilege.LOGIN if how == "auth_failed" else Privilege(how)
    ssh = place.ssh(Privilege.SUDO if how == "auth_failed" else privilege)
    lines = lines_of_a_visit(place, ssh, place.access(privilege))
    number, size = counted()[how]
    assert len(lines) == number, "\n".join(lines)
    assert sum(len(line) + 1 for line in lines) == pytest.approx(size, rel=0.1)
    page = (ROOT / "docs/audit.md").read_text()
    for line in lines:
        assert re.sub(r"^.*?(sshd|sudo)(\[\d+\])?: ", "", line)[:20] in page, line


@needs_machines()
def test_an_entry(place: Place, tmp_path: Path) -> None:
    """The audit has one JSON line a visit: who, where, by which keys, what ran, how it ended; and no content."""
    file = tmp_path / "audit.json"
    ours = SshTransport(place.ssh(Privilege.SUDO, audit=str(file)))
    began = time.time()
    hop = Hop(SshAccess(HOST, place.port, "root", name="edge", identities=None))
    ours.read(Node("worker-1", place.access(Privilege.SUDO), Paths()))
    with pytest.raises(CollectError):
        ours.read(Node("worker-2", SshAccess(HOST, 1, "root", name="worker-2", via=hop), Paths()))
    ours.close()
    read, failed = (json.loads(line) for line in file.read_text().splitlines())
    assert file.stat().st_mode & 0o777 == 0o600
    assert abs(time.mktime(time.strptime(read.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ")) - time.timezone - began) < 60
    assert 0 < read.pop("duration") < 60
    assert 1000 < read.pop("bytes") < 20000
    assert read == {
        "node": "worker-1",
        "address": HOST,
        "port": place.port,
        "hops": [],
        "user": ACCOUNT,
        "privilege": "sudo",
        "identity": fingerprint(place.directory / "id_sudo"),
        "host_key": fingerprint(place.directory / "host"),
        "script_version": "1.2",
        "script_sha256": checksum(node_script(Paths(), NODE_SCRIPT)),
        "kept": False,
        "outcome": "read",
    }
    assert (failed["node"], failed["hops"], failed["outcome"]) == ("worker-2", ["edge"], "bastion_auth_failed")
    assert (failed["identity"], failed["host_key"], failed["script_sha256"], failed["bytes"]) == ("", "", "", 0)


def entry(number: int) -> Entry:
    return Entry(
        0.0, f"n{number}", "a", 22, (), "u", "login", "", "", "", "", 0, kept=False, duration=0.0, outcome="read"
    )


def test_lines_are_whole_and_follow_the_file(tmp_path: Path) -> None:
    """Many threads write whole lines, and a file that logrotate has moved is begun anew."""
    file = tmp_path / "audit.json"
    audit = Audit(str(file))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: audit.write(entry(number)), range(500)))
        file.rename(tmp_path / "audit.json.1")
        list(pool.map(lambda number: audit.write(entry(number)), range(500)))
    for part in (file, tmp_path / "audit.json.1"):
        assert {json.loads(line)["node"] for line in part.read_text().splitlines()} == {f"n{n}" for n in range(500)}


def test_a_destination_that_goes_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line that cannot be written costs no visit, and is told once until one can be again."""
    folder = tmp_path / "logs"
    folder.mkdir()
    audit = Audit(str(folder / "audit.json"))
    (folder / "audit.json").unlink()
    folder.rmdir()
    for number in range(3):
        audit.write(entry(number))
    assert [record.getMessage() for record in caplog.records] == ["the audit cannot be written"]
    folder.mkdir()
    audit.write(entry(3))
    assert json.loads((folder / "audit.json").read_text())["node"] == "n3"


def test_a_destination_that_cannot_be(tmp_path: Path) -> None:
    """That is a mistake of the configuration, told before the first visit."""
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Audit(str(tmp_path / "none" / "audit.json"))


def test_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The word "log" sends the lines to the exporter's own log."""
    with caplog.at_level(logging.INFO):
        Audit("log").write(entry(1))
    (record,) = caplog.records
    assert json.loads(vars(record)["audit"])["node"] == "n1"
