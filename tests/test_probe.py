"""``/probe``: one node visited because a request says so, over a real sshd; who may be probed, and what it costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.cli.main import main
from exporter.config.settings import Paths
from exporter.config.targets import canonical, is_allowed
from exporter.demo.signer import Authority
from exporter.demo.store import FileStore
from exporter.errors import Reason
from exporter.model.node import Node, SshAccess
from exporter.model.report import Visit
from exporter.rounds.state import MOST_GUESTS, FleetState
from exporter.serve.probe import LONGEST, patience
from tests.running import Running, by_node, reasons, samples, states
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd

SLOW = "ForceCommand sleep 2; exec sh -s"
STUCK = "ForceCommand sleep 600"
NODES = {"n1": 1, "n2": 2, "slow": 3, "stuck": 4}  # the inventory's, by the last part of their addresses
GUEST, STRANGER = address(2055), address(2056)
TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Sshd]:
    """Four nodes of an inventory, a guest whose host key is known, and a stranger whose is not."""
    for name in ("right", "wrong"):
        make_key(tmp_path / name, "ed25519")
    FileStore(tmp_path / "pki").update(Authority().client("worker", time.time() - 60, 86400), time.time())
    options = {3: (SLOW,), 4: (STUCK,)}
    hosts = [Host(address(2048 + number), options.get(number, ())) for number in NODES.values()]
    sshd = Sshd(tmp_path, [*hosts, Host(GUEST), Host(STRANGER)], [tmp_path / "right"])
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()


def configured(farm: Sshd, **changes: Any) -> Path:
    """A configuration whose nodes are visited by probes alone, and as often as somebody asks."""
    folder = farm.directory
    known = [line for line in farm.known_hosts().splitlines() if STRANGER not in line]
    (folder / "known_hosts").write_text("\n".join(known) + "\n")
    document = {
        "visits": "probed",
        "min_interval": "2ms",
        "ssh": {"known_hosts": "known_hosts", "identities": [{"file": "right"}]},
        "defaults": {"user": USER, "port": farm.port, "paths": {"store": str(folder / "pki")}},
        "groups": {
            "all": {
                "labels": {"cluster": "prod"},
                "nodes": [{"name": name, "address": address(2048 + number)} for name, number in NODES.items()],
            }
        },
        "modules": {
            "guests": {"targets": ["127.1.0.0/16"], "labels": {"cluster": "lab"}},
            "quick": {"timeout": "1s"},
            "sparing": {"visit": "due"},
        },
        **changes,
    }
    config = folder / "config.yaml"
    config.write_text(json.dumps(document))
    return config


def logins(farm: Sshd) -> int:
    return farm.log.read_text().count("Accepted publickey")


def value(text: str, name: str) -> float:
    return samples(text)[name][()]


@needs_sshd
def test_a_probe_is_a_visit(farm: Sshd) -> None:
    """Of this node, now: its families and no other's, and what users of the pattern look for, and no other visit."""
    with Running(configured(farm)) as exporter:
        status, text = exporter.get("/probe?target=n1")
        assert status == 200
        assert states(text) == {"n1": "fresh"}
        assert by_node(text, "kubelet_cert_node_up") == {"n1": 1}
        assert samples(text)["kubelet_cert_inventory_nodes"] == {(("cluster", "prod"),): 1}
        assert (value(text, "probe_success"), value(text, "probe_duration_seconds") > 0) == (1, True)
        assert "kubelet_cert_nodes_with_finding" not in samples(text)
        assert exporter.get("/probe?target=n1&module=quick")[0] == 200
        assert logins(farm) == 2
        own = samples(exporter.scrape())
        assert own["kubelet_cert_exporter_visits_total"][("outcome", "success"),] == 2
        assert not [name for name in own if name.startswith("kubelet_cert_") and "_exporter_" not in name]
        assert exporter.get("/-/ready")[0] == 200
        landing = f"{len(NODES)} nodes, 1 of them read at their last visit. They are visited when <code>/probe</code>"
        assert landing in exporter.get("/")[1]


@needs_sshd
def test_a_probe_speaks_open_metrics(farm: Sshd) -> None:
    """To whoever asks for it, as /metrics does."""
    with Running(configured(farm)) as exporter:
        text = exporter.get("/probe?target=n1", {"Accept": "application/openmetrics-text"})[1]
    parse: Callable[[str], Iterator[Any]] = text_string_to_metric_families
    families = {family.name: family for family in parse(text)}
    assert families["probe_success"].samples[0].value == 1
    assert families["kubelet_cert_node"].type == "info"


@needs_sshd
def test_a_probe_beside_the_schedule_counts_for_it(farm: Sshd) -> None:
    """What it brings is what /metrics tells from then on."""
    last = "kubelet_cert_node_last_success_timestamp_seconds"
    with Running(configured(farm, visits="scheduled")) as exporter:
        exporter.wait_for(lambda: "n1" in by_node(exporter.scrape(), last))
        before = by_node(exporter.scrape(), last)["n1"]
        probed = by_node(exporter.get("/probe?target=n1")[1], last)["n1"]
        assert probed > before
        assert by_node(exporter.scrape(), last)["n1"] == probed


@needs_sshd
def test_a_node_is_not_asked_again_at_once(farm: Sshd) -> None:
    """Within half a min_interval the last visit is the answer: two Prometheus cost a node no second login."""
    with Running(configured(farm, min_interval="10m")) as exporter:
        first, second = (exporter.get("/probe?target=n1")[1] for _ in range(2))
    last = "kubelet_cert_node_last_success_timestamp_seconds"
    assert by_node(first, last) == by_node(second, last)
    assert value(second, "probe_success") == 1
    assert logins(farm) == 1


@needs_sshd
def test_a_probe_that_waits_until_its_node_is_due(farm: Sshd) -> None:
    """With such a module a node at rest is visited once in an interval, however often it is probed."""
    with Running(configured(farm, interval="30d")) as exporter:
        texts = [exporter.get("/probe?target=n1&module=sparing")[1] for _ in range(3)]
        assert [value(text, "probe_success") for text in texts] == [1] * 3
        assert logins(farm) == 1
        exporter.get("/probe?target=n1")
        assert logins(farm) == 2


@needs_sshd
def test_probes_of_one_node_share_a_visit(farm: Sshd) -> None:
    """Five at once are one login, and each has its answer."""
    with Running(configured(farm)) as exporter, ThreadPoolExecutor(5) as pool:
        texts = [text for _, text in pool.map(exporter.get, ["/probe?target=slow"] * 5)]
    assert [value(text, "probe_success") for text in texts] == [1] * 5
    assert logins(farm) == 1


@needs_sshd
def test_a_probe_ends_before_its_scrape(farm: Sshd) -> None:
    """The header's time-out counts, less a margin, and the module's; the visit's own end is no matter of it."""
    with Running(configured(farm)) as exporter:
        for path, headers in (("/probe?target=stuck", {TIMEOUT: "1.2"}), ("/probe?target=stuck&module=quick", {})):
            status, text = exporter.get(path, headers)
            assert (status, value(text, "probe_success")) == (200, 0)
            assert reasons(text) == {"stuck": Reason.NOT_YET_VISITED}
            assert value(text, "probe_duration_seconds") < 30
        assert logins(farm) == 1


@needs_sshd
def test_what_was_known_stays(farm: Sshd) -> None:
    """A probe that brings nothing tells the dates of the last that did, and why it failed."""
    with Running(configured(farm)) as exporter:
        before = exporter.get("/probe?target=n2")[1]
        farm.stop()
        after = exporter.get("/probe?target=n2")[1]
    name = "kubelet_cert_not_after_timestamp_seconds"
    assert by_node(after, name) == by_node(before, name)
    assert (value(after, "probe_success"), by_node(after, "kubelet_cert_node_up")) == (0, {"n2": 0})
    assert reasons(after) == {"n2": Reason.CONNECTION_REFUSED}


@needs_sshd
def test_a_node_that_refused_us_is_left_alone(farm: Sshd) -> None:
    """For an hour, however often it is probed; a reload, which may bring the right key, ends that."""
    config = configured(farm, ssh={"known_hosts": "known_hosts", "identities": [{"file": "wrong"}]})
    with Running(config, "--web.enable-lifecycle") as exporter:
        before = farm.log.read_text().count("Connection from")
        for _ in range(3):
            text = exporter.get("/probe?target=n1")[1]
            assert (value(text, "probe_success"), reasons(text)) == (0, {"n1": Reason.AUTH_FAILED})
        assert farm.log.read_text().count("Connection from") == before + 1
        configured(farm)
        assert exporter.get("/-/reload", method="POST")[0] == 200
        assert value(exporter.get("/probe?target=n1")[1], "probe_success") == 1


@needs_sshd
def test_guests(farm: Sshd) -> None:
    """A target outside the inventory is read as its module says, called by its own name; a stranger gets no login."""
    with Running(configured(farm)) as exporter:
        text = exporter.get(f"/probe?target={GUEST}&module=guests")[1]
        assert (value(text, "probe_success"), states(text)) == (1, {GUEST: "fresh"})
        assert samples(text)["kubelet_cert_inventory_nodes"] == {(("cluster", "lab"),): 1}
        seen = logins(farm)
        text = exporter.get(f"/probe?target={STRANGER}&module=guests")[1]
        assert (value(text, "probe_success"), reasons(text)) == (0, {STRANGER: Reason.HOST_KEY_UNKNOWN})
        assert logins(farm) == seen
        assert not [name for name in samples(exporter.scrape()) if name.startswith("kubelet_cert_node")]


@needs_sshd
def test_a_guest_is_one_however_it_is_spelled(farm: Sshd) -> None:
    """What is known of it is the answer to each spelling: none is another login."""
    with Running(configured(farm, min_interval="10m")) as exporter:
        for target in (GUEST, f"0::ffff:{GUEST}", f"0:0::FFFF:{GUEST}"):
            text = exporter.get(f"/probe?target={target}&module=guests")[1]
            assert (value(text, "probe_success"), states(text)) == (1, {target: "fresh"})
        assert logins(farm) == 1


@pytest.mark.parametrize(
    ("target", "spelling"),
    [
        ("LocalHost", "localhost"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("0:0::1", "0::1"),
    ],
)
def test_spellings_of_a_target(target: str, spelling: str) -> None:
    """Names and addresses are compared as a resolver does."""
    assert canonical(target) == spelling


@needs_sshd
def test_what_is_kept_of_probes(farm: Sshd) -> None:
    """The store has the inventory's nodes: nobody fills a disk by naming targets."""
    kept = farm.directory / "store.sqlite"
    with Running(configured(farm, store=str(kept))) as exporter:
        assert exporter.get(f"/probe?target={GUEST}&module=guests")[0] == 200
        assert exporter.get("/probe?target=slow")[0] == 200

        def files() -> bytes:
            return b"".join(file.read_bytes() for file in farm.directory.glob("store.sqlite*"))

        exporter.wait_for(lambda: b"slow" in files())
        assert GUEST.encode() not in files()


def test_guests_are_bounded() -> None:
    """Whoever may name targets cannot fill the memory: the first to come is the first to be forgotten."""
    state = FleetState()
    for number in range(MOST_GUESTS + 2):
        state.invite(Node(f"g{number}@m", SshAccess("192.0.2.1"), Paths()))
    assert [state.report(f"g{number}@m") is None for number in range(3)] == [True, True, False]
    assert state.snapshot(0.0).reports == ()


def test_a_guest_that_is_read_in_another_way_is_another_one() -> None:
    """A module that was changed by a reload: what was known of the target before says nothing any more."""
    state, node = FleetState(), Node("g@m", SshAccess("192.0.2.1"), Paths())
    labelled = replace(node, labels=(("cluster", "lab"),))
    moved = replace(node, access=SshAccess("192.0.2.1", port=2222))
    state.invite(node)
    state.record(Visit(node, 0.0, 1.0, Reason.AUTH_FAILED))
    for invited, reason in ((labelled, Reason.AUTH_FAILED), (moved, Reason.NOT_YET_VISITED)):
        state.invite(invited)
        known = state.report("g@m")
        assert known
        assert (known.node, known.reason) == (invited, reason)


REFUSED = [
    ("/probe", 400, "one target is needed"),
    ("/probe?target=n1&target=n2", 400, "one target is needed"),
    ("/probe?target=n1&module=a&module=b", 400, "one target is needed"),
    ("/probe?target=", 400, "target: not a node name"),
    ("/probe?target=n1:22/x", 400, "target: not a node name"),
    ("/probe?target=%3Cb%3E", 400, "target: not a node name"),
    ("/probe?target=n1&module=quik", 400, "no module 'quik' is configured; did you mean quick?"),
    ("/probe?target=n9", 403, "n9 is no node of the inventory, and module 'default' has no others"),
    ("/probe?target=n9&module=quick", 403, "n9 is no node of the inventory, and module 'quick' has no others"),
    ("/probe?target=127.2.0.1&module=guests", 403, "is none of its targets"),
    ("/probe?target=n9.example&module=guests", 403, "is none of its targets"),
]


@needs_sshd
def test_what_is_refused(farm: Sshd) -> None:
    """In words, before any connection is made; nor may another site's page have a browser ask, or anybody POST."""
    with Running(configured(farm)) as exporter:
        before = farm.log.read_text().count("Connection from")
        for path, status, text in REFUSED:
            told = exporter.get(path)
            assert told[0] == status, path
            assert text in told[1], path
        assert exporter.get("/probe?target=n1", {"Sec-Fetch-Site": "cross-site"})[0] == 403
        assert exporter.get("/probe?target=n1", method="POST")[0] == 405
        assert farm.log.read_text().count("Connection from") == before
        assert 'href="probe"' in exporter.get("/")[1]


@needs_sshd
def test_no_more_probes_than_there_is_room_for(farm: Sshd) -> None:
    """Half of the connections may wait for a visit: the other half is for who does not."""
    with Running(configured(farm), "--web.max-connections=2") as exporter, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(exporter.get, "/probe?target=stuck", {TIMEOUT: "8"})
        exporter.wait_for(lambda: logins(farm) == 1)
        assert exporter.get("/probe?target=n1") == (503, "1 probes are waited for already\n")
        assert exporter.get()[0] == 200
        assert waiting.result()[0] == 200


@pytest.mark.parametrize(
    ("header", "module", "seconds"),
    [
        (None, None, LONGEST),
        ("10", None, 9.5),
        ("10", 3.0, 3.0),
        ("10", 30.0, 9.5),
        (None, 30.0, 30.0),
        ("0.6", None, 0.3),
        ("nan", None, LONGEST),
        ("-1", 5.0, 5.0),
        ("1e9", None, LONGEST),
        ("soon", None, LONGEST),
    ],
)
def test_how_long_a_probe_may_take(header: str | None, module: float | None, seconds: float) -> None:
    """What the scrape has, less the margin for the way back, or what the module has, where that is less."""
    assert patience(header, module) == pytest.approx(seconds)


EVERYBODY = ("*", "0.0.0.0/0", "::/0")


@pytest.mark.parametrize(
    ("target", "patterns", "is_one"),
    [
        ("w1.nodes.example.org", ("*.nodes.example.org",), True),
        ("W1.Nodes.example.org", ("*.NODES.example.org",), True),
        ("nodes.example.org", ("*.nodes.example.org",), False),
        ("10.20.3.4", ("10.20.0.0/16",), True),
        ("10.21.3.4", ("10.20.0.0/16",), False),
        ("10.20.3.4", ("10.20.3.4",), True),
        ("10.20.3.4", ("10.*",), False),
        ("10.20.3.4", ("*",), False),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:db8::1", ("0.0.0.0/0",), False),
        ("::ffff:127.0.0.1", EVERYBODY, False),
        ("127.0.0.1", EVERYBODY, False),
        ("127.0.0.1", ("127.0.0.0/8",), True),
        ("169.254.169.254", EVERYBODY, False),
        ("fe80::1", EVERYBODY, False),
        ("224.0.0.1", EVERYBODY, False),
        ("0.0.0.0", EVERYBODY, False),
        ("127.1", EVERYBODY, False),
        ("2130706433", EVERYBODY, False),
        ("0x7f.1", EVERYBODY, False),
        ("n.0x7f000001", EVERYBODY, False),
        ("localhost", EVERYBODY, False),
        ("a.localhost", EVERYBODY, False),
        ("localhost", ("localhost",), True),
        ("8.8.8.8", EVERYBODY, True),
        ("w1", (), False),
    ],
)
def test_who_is_a_target(target: str, patterns: tuple[str, ...], *, is_one: bool) -> None:
    """This host, its link and every way to write an address as a name are nobody whom a wide pattern means."""
    assert is_allowed(target, patterns) is is_one


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ("modules: {m: {user: root}}", "modules.m.user: counts for targets outside the inventory alone"),
        ("modules: {m: {targets: [a b]}}", "modules.m.targets[0]: neither a name"),
        ("modules: {m: {targets: [10.0.0.1/8]}}", "modules.m.targets[0]: neither a name"),
        ("modules: {m: {targets: ['10.1']}}", "modules.m.targets[0]: neither a name"),
        (
            "modules: {m: {targets: ['*'], transport: local}}",
            "modules.m.targets: targets outside the inventory are read",
        ),
        ("modules: {m: {targets: ['*'], host_key_policy: insecure}}", "need host_key_policy strict, and not insecure"),
        (
            "modules: {m: {targets: ['*']}}\ndefaults: {host_key_policy: insecure}",
            "need host_key_policy strict, and not insecure",
        ),
        ("modules: {m: {targets: ['*'], bastion: nowhere}}", "modules.m.bastion: ssh.bastions has no 'nowhere'"),
        (
            "modules: {m: {targets: ['*'], bastion: b}}",
            "modules.m.targets: targets outside the inventory need bastions",
        ),
        ("modules: {m: {targets: ['*'], identities: [{file: nowhere}]}}", "nowhere: cannot be read"),
        ("modules: {m: {timeout: 5}}", "modules.m.timeout: not a duration"),
        ("visits: never", "visits"),
    ],
)
def test_mistakes_of_modules(settings: str, mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Told by --config.check, with their place; nothing that a request names is ever taken at its word."""
    make_key(tmp_path / "id", "ed25519")
    (tmp_path / "known_hosts").touch()
    config = tmp_path / "config.yaml"
    ssh = "known_hosts: known_hosts, identities: [{file: id}], bastions: {b: {host_key_policy: insecure}}"
    config.write_text(f"ssh: {{{ssh}}}\ngroups: {{g: {{nodes: [n1]}}}}\n{settings}\n")
    assert main(["run", "--config.check", f"--config.file={config}"]) == 2
    assert mistake in capsys.readouterr().err
