"""known_hosts files: what is read of them, whom a line is about, and what it makes of a key."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.ssh.known_hosts import Known, KnownHosts, Line, parse
from exporter.errors import Reason
from tests.sshd import hashed, make_key, public, run

ED, OTHER_ED, RSA, ECDSA = "ssh-ed25519", "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"
KEYS = {name: base64.b64encode(name.encode() * 4).decode() for name in ("ed", "other", "rsa", "ecdsa", "ca")}


def key(name: str) -> bytes:
    """The bytes of a key of :data:`KEYS`."""
    return base64.b64decode(KEYS[name])


def known(text: str, *names: str, port: int = 22) -> Known:
    """What a file says of a host. ``ed``, ``other``, ``rsa`` ... stand for types and keys."""
    kinds = {"ed": ED, "other": OTHER_ED, "rsa": RSA, "ecdsa": ECDSA, "ca": ED}
    written = {name: f"{kind} {KEYS[name]}" for name, kind in kinds.items()}
    return KnownHosts(parse(text.format(**written))).lookup(names or ("node",), port)


# Lines.


@pytest.mark.parametrize(
    "line",
    [
        "node {ed}",
        "  node   {ed}  ",
        "node\t{ed} a comment with words",
        "other,node,third {ed}",
        "NODE {ed}",
        "n?de {ed}",
        "* {ed}",
        "no*,!nothing {ed}",
        "node {ed}\r",
        "# a comment\n\nnode {ed}\n",
    ],
)
def test_lines_that_name_the_node(line: str) -> None:
    """A key is found under a name in each form that sshd(8) describes."""
    assert known(line).keys == {(ED, key("ed"))}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n\n\n",
        "# node {ed}",
        "node",
        "node ssh-ed25519",
        "node ssh-ed25519 no-base64!",
        "node ssh-ed25519 AAA",
        "node ssh-ed25519 schl\u00fcssel",
        "node ssh-ed25519 \ufffd\ufffd",
        "node 2048 35 123456789012345678901234567890",
        "@unknown-marker node {ed}",
        "@revoked",
        "@revoked node",
        "nodes {ed}",
        "node.example.org {ed}",
        "!node {ed}",
        "*,!node {ed}",
        "!node,* {ed}",
        "no?? ?,x {ed}",
        "|1|not-base64!|AAAA {ed}",
        "|1|AAAA {ed}",
        "|1|AAAA|BBBB|CCCC {ed}",
        "|2|AAAA|BBBB {ed}",
        "[node]:2222 {ed}",
        "\0\0\0 {ed}",
        "[node {ed}",
        "n[o]de {ed}",
    ],
)
def test_lines_that_do_not(line: str) -> None:
    """Junk, other names and negated ones give the node no key, and break nothing."""
    assert known(line) == Known()


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    """No text whatever breaks the reader or the lookup."""
    KnownHosts(parse(text)).lookup(("node", "127.0.0.1"), 2222)


@given(st.text(alphabet="node*?!,[]:|1@ \tA=/\\^-", max_size=60))
def test_any_pattern_is_matched(hosts: str) -> None:
    """No pattern whatever breaks the lookup."""
    KnownHosts([Line(hosts, "", ED, b"key")]).lookup(("node", "[", "*", ""), 2222)


def test_good_lines_around_junk() -> None:
    """A line that cannot be read takes no other with it."""
    text = "node {rsa}\nnode ssh-ed25519 junk!\n\xff\xfe\nnode {ed}\n"
    assert known(text).kinds == {ED, RSA}


# Ports and names.


def test_a_port_of_its_own_comes_first() -> None:
    """A line with the port counts before one without."""
    text = "node {rsa}\n[node]:2222 {ed}"
    assert known(text, port=2222).keys == {(ED, key("ed"))}
    assert known(text, port=22).keys == {(RSA, key("rsa"))}
    assert known(text, port=2223).keys == {(RSA, key("rsa"))}


def test_a_key_of_another_port_says_nothing_against_one() -> None:
    """As for ssh(1): known without a port, a key that matches counts; another one is unknown, not changed."""
    gateway = known("node {ed}", port=2222)
    assert gateway.refusal(ED, key("ed")) is None
    assert gateway.refusal(ED, key("other")) is Reason.HOST_KEY_UNKNOWN
    assert known("node {ed}").refusal(ED, key("other")) is Reason.HOST_KEY_CHANGED
    assert known("[node]:2222 {ed}", port=2222).refusal(ED, key("other")) is Reason.HOST_KEY_CHANGED


def test_a_pattern_with_a_port() -> None:
    """Brackets and colon are letters of a pattern like others."""
    assert known("[no*]:222? {ed}", port=2222).kinds == {ED}
    assert not known("[no*]:222? {ed}", port=2232).keys
    assert known("[*]:* {ed}", port=2222).kinds == {ED}
    assert known("[*]:* {ed}", port=22) == Known()


def test_an_ipv6_address() -> None:
    """An IPv6 address is a name like others."""
    assert known("fd00::1 {ed}", "fd00::1").kinds == {ED}
    assert known("[fd00::1]:2222 {ed}", "fd00::1", port=2222).kinds == {ED}


def test_a_node_under_two_names() -> None:
    """The inventory's name and the address are both looked for."""
    assert known("node {ed}\n192.0.2.7 {rsa}", "node", "192.0.2.7").kinds == {ED, RSA}


def test_names_are_compared_in_lower_case() -> None:
    """The case of a name does not matter, in the file or in the inventory."""
    assert known("Node.Example.ORG {ed}", "nODE.eXAMPLE.org").kinds == {ED}


# Markers.


def test_an_authority_is_no_key() -> None:
    """A certificate authority's key is none of the host's own."""
    assert known("@cert-authority * {ca}") == Known(authorities=frozenset({key("ca")}))


def test_a_revoked_key_is_no_key() -> None:
    """A revoked key is remembered as such."""
    assert known("@revoked * {ed}") == Known(revoked=frozenset({key("ed")}))


@pytest.mark.parametrize(
    "text",
    [
        "node {ed}\n@revoked node {ed}",
        "@revoked node {ed}\nnode {ed}",
        "node {ed}\n@revoked [node]:2222 {ed}",
        "[node]:2222 {ed}\n@revoked node {ed}",
        "[node]:2222 {ed}\n@revoked [node]:2222 {ed}",
        "[node]:2222 {ed}\n@revoked * {ed}",
        "node {ed}\n@revoked [*]:2222 {ed}",
        "@revoked node {ed}\n@cert-authority * {ca}",
        "@revoked [node]:2222 {ed}",
    ],
)
def test_a_revocation_counts_with_port_and_without(text: str) -> None:
    """A key that is revoked for the host, with its port or without, is refused whatever else vouches for it."""
    assert known(text, port=2222).refusal(ED, key("ed")) is Reason.HOST_KEY_REVOKED


def test_a_revocation_of_another_port_does_not_count() -> None:
    """A key that is revoked for another port of the host is not revoked."""
    assert known("node {ed}\n@revoked [node]:2222 {ed}", port=2223).refusal(ED, key("ed")) is None


# What a key is worth.


@pytest.mark.parametrize(
    ("text", "shown", "reason"),
    [
        ("", "ed", Reason.HOST_KEY_UNKNOWN),
        ("node {ed}", "ed", None),
        ("node {ed}", "other", Reason.HOST_KEY_CHANGED),
        ("node {ed}", "rsa", Reason.HOST_KEY_UNKNOWN),
        ("node {ed}\nnode {other}", "other", None),
        ("node {ed}\nnode {rsa}", "rsa", None),
        ("@cert-authority node {ca}", "ed", Reason.HOST_KEY_NEEDS_CA),
        ("@cert-authority node {ca}", "ca", Reason.HOST_KEY_NEEDS_CA),
        ("@cert-authority node {ca}\nnode {ed}", "ed", None),
        ("@cert-authority node {ca}\nnode {ed}", "other", Reason.HOST_KEY_CHANGED),
        ("@cert-authority node {ca}\nnode {ed}", "rsa", Reason.HOST_KEY_UNKNOWN),
        ("@revoked node {ed}", "ed", Reason.HOST_KEY_REVOKED),
        ("@revoked node {ed}", "other", Reason.HOST_KEY_UNKNOWN),
        ("@revoked node {ed}\nnode {ed}", "ed", Reason.HOST_KEY_REVOKED),
        ("@revoked node {ed}\nnode {other}", "other", None),
        ("@revoked node {ed}\nnode {other}", "ed", Reason.HOST_KEY_REVOKED),
    ],
)
def test_what_a_shown_key_is_worth(text: str, shown: str, reason: Reason | None) -> None:
    """A key is the host's own, or there is a reason why it is not taken."""
    kind = {"rsa": RSA, "ecdsa": ECDSA}.get(shown, ED)
    assert known(text).refusal(kind, key(shown)) is reason


# Beside OpenSSH itself.

NAMES = (
    "node",
    "node.example.org",
    "nodes",
    "nod",
    "a.b",
    "192.0.2.7",
    "192.0.2.77",
    "fd00::1",
    "[node]:2222",
    "[192.0.2.7]:2222",
    "[fd00::1]:2222",
    "xn--nde-ula",
)
HOSTS = (
    "node",
    "NODE",
    "node,192.0.2.7",
    "*",
    "n*",
    "*e",
    "n?de",
    "????",
    "no*,!nodes",
    "!node,*",
    "*,!*.example.org",
    "!node",
    "192.0.2.*",
    "192.0.2.?",
    "192.0.2.7?",
    "fd00:*",
    "[node]:2222",
    "[node]:*",
    "[*]:2222",
    "[192.0.2.7]:2222,node",
    "n[o]de",
    "[n]ode",
    "*.*",
    "**",
    "a.b,,node",
    ",node",
    "node,",
    "?*?",
    "*[*",
)


@pytest.fixture(scope="module")
def own_key(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A key that OpenSSH takes for one."""
    return public(make_key(tmp_path_factory.mktemp("key") / "id", "ed25519"))


def found_by_ssh_keygen(path: Path, name: str) -> bool:
    """Whether ``ssh-keygen -F`` finds a host."""
    return bool(run("sh", "-c", 'ssh-keygen -F "$0" -f "$1" || true', name, str(path)).strip())


@pytest.mark.parametrize("hosts", HOSTS)
def test_names_match_as_in_openssh(hosts: str, own_key: str, tmp_path: Path) -> None:
    """A list of patterns matches the same names as in OpenSSH."""
    path = tmp_path / "known_hosts"
    path.write_text(f"{hosts} {own_key}\n")
    ours = KnownHosts(parse(path.read_text()))
    matched = {name for name in NAMES if ours.lookup((name,), 22).keys}
    assert matched == {name for name in NAMES if found_by_ssh_keygen(path, name)}


def test_hashed_names_match_as_in_openssh(own_key: str, tmp_path: Path) -> None:
    """Names that ssh-keygen hashed are found, and others are not."""
    text = hashed("".join(f"{name} {own_key}\n" for name in NAMES[::2]), tmp_path)
    assert "node" not in text.replace(own_key, "")
    ours = KnownHosts(parse(text))
    assert [bool(ours.lookup((name,), 22).keys) for name in NAMES] == [True, False] * (len(NAMES) // 2)


def test_a_hashed_name_with_a_port(own_key: str, tmp_path: Path) -> None:
    """A hashed ``[host]:port`` is found for that port alone, in any case of the name."""
    ours = KnownHosts(parse(hashed(f"[node]:2222 {own_key}\n", tmp_path)))
    assert [bool(ours.lookup(("Node",), port).keys) for port in (2222, 22, 2223)] == [True, False, False]


# Many.


def seconds_for(number: int, *, with_hashes: bool, tmp_path: Path) -> float:
    """The time that it takes to read ``number`` lines and to look each tenth of a hundred hosts up."""
    text = "".join(f"node-{index},192.0.2.{index} {ED} {KEYS['ed']}\n" for index in range(number))
    if with_hashes:
        text = hashed("".join(f"node-{index} {ED} {KEYS['ed']}\n" for index in range(number)), tmp_path)
    started = time.perf_counter()
    ours = KnownHosts(parse(text))
    for index in range(0, 100, 10):
        ours.lookup((f"node-{index}",), 2222)
    return time.perf_counter() - started


def test_ten_thousand_lines(tmp_path: Path) -> None:
    """Ten times the lines take about ten times the time, not a hundred."""
    small = min(seconds_for(1000, with_hashes=False, tmp_path=tmp_path) for _ in range(3))
    large = min(seconds_for(10_000, with_hashes=False, tmp_path=tmp_path) for _ in range(3))
    assert large < 40 * small


def test_ten_thousand_hashed_lines(own_key: str, tmp_path: Path) -> None:
    """Ten times the hashed lines take about ten times the time, and a second lookup none."""
    lines = hashed("".join(f"node-{index} {own_key}\n" for index in range(10_000)), tmp_path).splitlines(keepends=True)
    took = {}
    for number in (1000, 10_000):
        ours = KnownHosts(parse("".join(lines[:number])))
        started = time.perf_counter()
        for index in range(5):
            assert ours.lookup((f"node-{index}",), 2222).keys
        took[number] = time.perf_counter() - started
        started = time.perf_counter()
        for index in range(5):
            assert ours.lookup((f"node-{index}",), 2222).keys
        assert time.perf_counter() - started < took[number]
    assert took[10_000] < 40 * took[1000]
