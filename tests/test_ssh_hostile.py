"""Peers that hang, drip, flood, lie and break: each has its reason, within its bound, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import logging
import resource
import shutil
import socket
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from exporter.collect.ssh import resolving
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import HostKeyPolicy, Paths
from exporter.config.ssh import Identity, Ssh, Timeouts
from exporter.errors import CollectError, Reason
from exporter.model.node import Hop, Node, SshAccess
from tests.hostile import COMMANDS, RAW, SESSIONS, FrozenAgent, GreetingPeer, Peer, RawPeer, ServerPeer
from tests.trees import CASES, NOW, Mint
from tests.visits import reason_of

pytestmark = pytest.mark.usefixtures("ssh_engine")
QUICK = 0.6
SLACK = 3.0
LONG = 20.0
KEY = paramiko.ECDSAKey.generate()
HOST_KEY = paramiko.ECDSAKey.generate()
MEBIBYTE = 1024

BEFORE_LOGIN: dict[str, Reason] = {
    "closes_at_once": Reason.CONNECTION_LOST,
    "resets_at_once": Reason.CONNECTION_LOST,
    "silent": Reason.BANNER_TIMEOUT,
    "drips_its_banner": Reason.BANNER_TIMEOUT,
    "drips_its_identification": Reason.BANNER_TIMEOUT,
    "banner_lines_for_ever": Reason.NOT_SSH,
    "banner_lines_slowly": Reason.BANNER_TIMEOUT,
    "banner_without_newline": Reason.NOT_SSH,
    "an_identification_without_end": Reason.NOT_SSH,
    "http_and_closes": Reason.NOT_SSH,
    "http_and_waits": Reason.BANNER_TIMEOUT,
    "refuses_more_logins": Reason.CONNECTION_LOST,
    "punishes_our_address": Reason.CONNECTION_LOST,
    "stops_after_its_banner": Reason.HANDSHAKE_TIMEOUT,
    "stops_after_kexinit": Reason.HANDSHAKE_TIMEOUT,
    "drips_its_kexinit": Reason.HANDSHAKE_TIMEOUT,
    "ignores_for_ever": Reason.HANDSHAKE_TIMEOUT,
    "closes_after_kexinit": Reason.CONNECTION_LOST,
    "announces_a_gigabyte_and_sends_it": Reason.PROTOCOL_ERROR,
    "announces_a_gigabyte_and_waits": Reason.PROTOCOL_ERROR,
    "announces_an_odd_length": Reason.PROTOCOL_ERROR,
    "unknown_key_exchange": Reason.NO_COMMON_ALGORITHM,
    "a_group_of_its_own": Reason.NO_COMMON_ALGORITHM,
    "unknown_host_key_type": Reason.NO_COMMON_ALGORITHM,
    "unknown_cipher": Reason.NO_COMMON_ALGORITHM,
    "only_ssh_1": Reason.NO_COMMON_ALGORITHM,
    "a_kexinit_cut_short": Reason.NO_COMMON_ALGORITHM,
    "a_kexinit_that_is_no_text": Reason.PROTOCOL_ERROR,
    "an_identification_that_is_no_text": Reason.PROTOCOL_ERROR,
    "an_empty_packet": Reason.PROTOCOL_ERROR,
    "a_packet_of_length_nothing": Reason.PROTOCOL_ERROR,
    "an_unexpected_packet": Reason.PROTOCOL_ERROR,
    "disconnects_politely": Reason.CONNECTION_LOST,
    "a_reply_without_content": Reason.PROTOCOL_ERROR,
    "a_reply_with_another_host_key": Reason.PROTOCOL_ERROR,
    "a_reply_with_a_bad_point": Reason.PROTOCOL_ERROR,
    "a_reply_with_a_point_of_zeros": Reason.PROTOCOL_ERROR,
    "a_reply_with_a_bad_signature": Reason.PROTOCOL_ERROR,
    "a_reply_with_a_signature_of_another_size": Reason.PROTOCOL_ERROR,
}
AFTER_THE_KEY_EXCHANGE: dict[str, Reason] = {
    "FrozenInAuth": Reason.AUTH_TIMEOUT,
    "ClosesInAuth": Reason.AUTH_CLOSED,
    "RefusesKeys": Reason.AUTH_FAILED,
    "PasswordsOnly": Reason.AUTH_NO_PUBLICKEY,
    "WantsMore": Reason.AUTH_FAILED,
    "RefusesInNoText": Reason.PROTOCOL_ERROR,
    "FrozenAtChannel": Reason.COMMAND_TIMEOUT,
    "RefusesChannel": Reason.SESSION_REFUSED,
    "RefusesChannelInNoText": Reason.PROTOCOL_ERROR,
    "GrantsCrumbs": Reason.PROTOCOL_ERROR,
    "FrozenAtExec": Reason.COMMAND_TIMEOUT,
    "RefusesExec": Reason.SESSION_REFUSED,
    "EndsUnread": Reason.ANSWER_EMPTY,
    "ClosesAtExec": Reason.CONNECTION_LOST,
}
OF_THE_COMMAND: dict[str, Reason | None] = {
    "new_keys_for_ever": Reason.PROTOCOL_ERROR,
    "silent_command": Reason.COMMAND_TIMEOUT,
    "half_a_line": Reason.COMMAND_TIMEOUT,
    "drips_lines": Reason.COMMAND_TIMEOUT,
    "prints_for_ever": Reason.OUTPUT_TOO_LARGE,
    "one_line_of_ten_megabytes": Reason.OUTPUT_TOO_LARGE,
    "errors_for_ever": Reason.OUTPUT_TOO_LARGE,
    "an_overlong_line": Reason.ANSWER_MALFORMED,
    "no_text": Reason.ANSWER_MALFORMED,
    "odd_words": Reason.ANSWER_MALFORMED,
    "nothing_but_marks": Reason.ANSWER_MALFORMED,
    "a_private_key": Reason.KEY_MATERIAL,
    "half_an_answer": Reason.ANSWER_TRUNCATED,
    "loses_the_connection": Reason.CONNECTION_LOST,
    "loses_the_connection_unheard": Reason.CONNECTION_LOST,
    "another_program": Reason.LOGIN_DISABLED,
    "a_newer_major": Reason.ANSWER_TOO_NEW,
    "a_newer_minor": None,
    "other_paths": Reason.ANSWER_OTHER_PATHS,
    "the_true_answer": None,
}
# What a private key's bytes must never stand beside: each way in which a file can mislead a filter.
FILTER_CASES = (
    "healthy_store",
    "key_first",
    "end_lost",
    "end_lost_chain",
    "end_of_key_only",
    "chain_end_lost",
    "key_in_certificate_armour",
    "ec_key_in_certificate_armour",
    "key_glued_to_its_certificate",
    "key_glued_to_a_full_line",
    "key_only",
    "truncated",
    "garbage",
    "garbage_between",
    "broken_der",
    "base64_cut",
    "crlf",
    "trailing_blanks",
    "leading_blanks",
    "leaf_on_one_line",
    "nul_within",
    "legacy_pair_beside",
    "orphan_invalid",
)


def timeouts(**quick: float) -> Timeouts:
    """Time enough for all but what is named."""
    return Timeouts().model_copy(update={**dict.fromkeys(Timeouts.model_fields, LONG), **quick})


def quick_to(reason: Reason | None) -> Timeouts:
    """Little time for the phase whose end is expected, and enough for the others: a slow machine changes nothing."""
    match reason:
        case Reason.BANNER_TIMEOUT:
            return timeouts(banner=QUICK)
        case Reason.HANDSHAKE_TIMEOUT:
            return timeouts(banner=QUICK / 2, handshake=QUICK / 2)
        case Reason.AUTH_TIMEOUT:
            return timeouts(auth=QUICK)
        case Reason.COMMAND_TIMEOUT:
            return timeouts(command=QUICK)
        case _:
            return timeouts()


def transport(
    bounds: Timeouts | None = None, hosts: str = "", keys: tuple[paramiko.PKey, ...] = (KEY,), *, agent: bool = False
) -> SshTransport:
    """Our side, with keys of ours."""
    place = Path(tempfile.mkdtemp())
    known, files = place / "known_hosts", [place / f"key-{number}" for number in range(len(keys))]
    known.write_text(hosts)
    for key, file in zip(keys, files, strict=True):
        key.write_private_key_file(str(file))
    identities = tuple(Identity(file=str(file)) for file in files)
    ours = SshTransport(
        Ssh(known_hosts=(str(known),), identities=identities, agent=agent, timeouts=bounds or timeouts())
    )
    weakref.finalize(ours, shutil.rmtree, place)
    return ours


def at(port: int, address: str = "127.0.0.1", paths: Paths | None = None) -> Node:
    """A node whose host key does not matter."""
    access = SshAccess(address, port, "root", policy=HostKeyPolicy.INSECURE)
    return Node("worker-1", access, paths or Paths(store="/nonexistent/pki"))


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """No test here leaves a thread behind, its own or the exporter's."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + SLACK
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left


@pytest.fixture(autouse=True, scope="module")
def bounded_memory() -> Iterator[None]:
    """All that these peers send leaves the process as small as it was."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * MEBIBYTE


@contextlib.contextmanager
def full_backlog(
    family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """A port where the kernel answers no SYN: the queue of a listener that never accepts is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket(family))
        listening.bind((host, port))
        listening.listen(0)
        bound = listening.getsockname()[1]
        for _ in range(4):
            filler = stack.enter_context(socket.socket(family))
            filler.setblocking(False)
            filler.connect_ex((host, bound))
        time.sleep(0.1)
        yield int(bound)


def no_thread_of_a_visit(before: set[threading.Thread]) -> bool:
    """Wait for paramiko's thread to be gone while the peer still lives."""
    deadline = time.monotonic() + SLACK
    while time.monotonic() < deadline:
        ours = [thread for thread in set(threading.enumerate()) - before if not thread.name.startswith("hostile")]
        if not any(not isinstance(thread, paramiko.Transport) or not thread.server_mode for thread in ours):
            return True
        time.sleep(0.02)
    return False


def check(peer: Peer, reason: Reason | None) -> None:
    """One visit ends as it should: for this reason, within its bound, and with no thread of ours left."""
    with peer:
        before = set(threading.enumerate())
        started = time.monotonic()
        assert reason_of(transport(quick_to(reason)), at(peer.port)) == reason
        assert time.monotonic() - started < QUICK + SLACK
        assert no_thread_of_a_visit(before)


# What each peer does, and its reason.


def test_every_behaviour_has_its_reason() -> None:
    """The tables of reasons name every behaviour and no other."""
    assert (set(BEFORE_LOGIN), set(AFTER_THE_KEY_EXCHANGE), set(OF_THE_COMMAND)) == (
        set(RAW),
        set(SESSIONS),
        set(COMMANDS),
    )


@pytest.mark.parametrize(("behaviour", "reason"), BEFORE_LOGIN.items())
def test_before_a_login(behaviour: str, reason: Reason) -> None:
    """A peer that fails before the key exchange is done has its reason, and saw no credential."""
    peer = RawPeer(behaviour)
    check(peer, reason)
    assert peer.record.connections == 1
    assert not peer.record.saw_credentials


@pytest.mark.parametrize(("behaviour", "reason"), AFTER_THE_KEY_EXCHANGE.items())
def test_before_the_command_runs(behaviour: str, reason: Reason) -> None:
    """A peer that fails at the login or at the command's start has its reason."""
    check(ServerPeer(SESSIONS[behaviour], key=HOST_KEY), reason)


@pytest.mark.parametrize(("behaviour", "reason"), OF_THE_COMMAND.items())
def test_while_the_command_runs(behaviour: str, reason: Reason | None) -> None:
    """An answer that fails has its reason, and one that does not is read."""
    check(ServerPeer(command=COMMANDS[behaviour], key=HOST_KEY), reason)


@pytest.mark.parametrize("session", ["FrozenAtChannel", "FrozenAtExec", "FrozenInAuth"])
def test_a_frozen_peer_has_one_reason_however_the_race_ends(session: str) -> None:
    """Whichever of our threads sees the deadline first, the reason is the phase's own."""
    with ServerPeer(SESSIONS[session], key=HOST_KEY) as peer, ThreadPoolExecutor(8) as pool:
        ours = [transport(timeouts(auth=0.4 + number * 0.013, command=0.4 + number * 0.013)) for number in range(8)]
        reasons = {*pool.map(lambda one: reason_of(one, at(peer.port)), ours)}
    assert reasons == {AFTER_THE_KEY_EXCHANGE[session]}


def test_an_identification_late_after_a_greeting() -> None:
    """Lines before the identification are read through, as slow as the banner's time allows."""
    with GreetingPeer(command=COMMANDS["the_true_answer"], key=HOST_KEY) as peer:
        assert reason_of(transport(), at(peer.port)) is None


def test_a_closed_port() -> None:
    """A port where nobody listens refuses the connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert reason_of(transport(), at(bound.getsockname()[1])) is Reason.CONNECTION_REFUSED


def test_a_host_that_swallows_packets() -> None:
    """A connection that nobody answers ends after its time."""
    with full_backlog() as port:
        started = time.monotonic()
        assert reason_of(transport(timeouts(connect=QUICK)), at(port)) is Reason.CONNECT_TIMEOUT
        assert QUICK * 0.9 < time.monotonic() - started < QUICK + SLACK


@pytest.mark.parametrize("name", ["two..dots", "x" * 64 + ".example.org", "tür\udcff"])
def test_a_name_that_is_none(name: str) -> None:
    """A name that no resolver takes is not resolved."""
    assert reason_of(transport(), at(22, name)) is Reason.NAME_NOT_RESOLVED


def test_a_name_that_nobody_has() -> None:
    """A name without an address is not resolved, or the resolver gave no answer in time."""
    unknown = (Reason.NAME_NOT_RESOLVED, Reason.NAME_TIMEOUT)
    assert reason_of(transport(timeouts()), at(22, "something.invalid")) in unknown


def test_a_busy_resolver() -> None:
    """Where as many lookups hang as may be under way, the next one ends after its time."""
    with contextlib.ExitStack() as taken:
        for _ in range(resolving.MOST_LOOKUPS):
            resolving._places.acquire()
            taken.callback(resolving._places.release)
        started = time.monotonic()
        assert reason_of(transport(timeouts(connect=QUICK)), at(22, "localhost")) is Reason.NAME_TIMEOUT
        assert time.monotonic() - started < QUICK + SLACK


def test_details_tell_nothing_that_the_peer_sent() -> None:
    """Not a word of a node's output is in the error."""
    with ServerPeer(command=COMMANDS["another_program"], key=HOST_KEY) as peer, pytest.raises(CollectError) as caught:
        transport().read(at(peer.port))
    assert "account" not in f"{caught.value!r} {caught.value} {caught.value.detail}"


# The visit's own deadline.


@pytest.mark.parametrize("behaviour", ["silent", "drips_its_banner", "stops_after_its_banner", "stops_after_kexinit"])
def test_the_visits_deadline_before_a_login(behaviour: str) -> None:
    """A visit that takes too long as a whole says so, whichever phase before the login it was in."""
    with RawPeer(behaviour) as peer:
        assert reason_of(transport(timeouts(visit=0.6)), at(peer.port)) is Reason.VISIT_TIMEOUT


@pytest.mark.parametrize("session", ["FrozenInAuth", "FrozenAtChannel", "FrozenAtExec"])
def test_the_visits_deadline_before_the_command(session: str) -> None:
    """A visit that takes too long as a whole says so in the login and at the command's start."""
    with ServerPeer(SESSIONS[session], key=HOST_KEY) as peer:
        assert reason_of(transport(timeouts(visit=1.0)), at(peer.port)) is Reason.VISIT_TIMEOUT


@pytest.mark.parametrize("command", ["silent_command", "half_a_line", "drips_lines"])
def test_the_visits_deadline_while_the_command_runs(command: str) -> None:
    """A visit that takes too long as a whole says so while an answer arrives."""
    with ServerPeer(command=COMMANDS[command], key=HOST_KEY) as peer:
        assert reason_of(transport(timeouts(visit=1.0)), at(peer.port)) is Reason.VISIT_TIMEOUT


def test_the_visits_deadline_while_it_connects() -> None:
    """A visit that takes too long as a whole says so where the connection is not even made."""
    with full_backlog() as port:
        assert reason_of(transport(timeouts(visit=0.5)), at(port)) is Reason.VISIT_TIMEOUT


# Ended from another thread.


def ended_from_outside(ours: SshTransport, node: Node, hangs: Callable[[], bool]) -> tuple[Reason | None, float]:
    """The reason of a visit that another thread ends while it hangs, and how long that took."""
    with ThreadPoolExecutor(1) as pool:
        visit = pool.submit(reason_of, ours, node)
        deadline = time.monotonic() + LONG
        while not hangs():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        started = time.monotonic()
        ours.close()
        return visit.result(), time.monotonic() - started


@pytest.mark.parametrize("behaviour", ["silent", "drips_its_banner", "stops_after_its_banner", "stops_after_kexinit"])
def test_close_ends_a_visit_before_its_login(behaviour: str) -> None:
    """Closing the transport ends a visit that hangs before the login."""
    with RawPeer(behaviour) as peer:
        reason, took = ended_from_outside(transport(timeouts()), at(peer.port), lambda: bool(peer.record.connections))
    assert reason is Reason.VISIT_TIMEOUT
    assert took < 2.0


@pytest.mark.parametrize("session", ["FrozenInAuth", "FrozenAtChannel", "FrozenAtExec"])
def test_close_ends_a_visit_before_its_command(session: str) -> None:
    """Closing the transport ends a visit that hangs in the login or at the command's start."""
    with ServerPeer(SESSIONS[session], key=HOST_KEY) as peer:
        reason, took = ended_from_outside(transport(timeouts()), at(peer.port), lambda: bool(peer.record.attempts))
    assert reason is Reason.VISIT_TIMEOUT
    assert took < 2.0


def test_close_ends_a_visit_whose_bastion_is_being_logged_in_to(caplog: pytest.LogCaptureFixture) -> None:
    """Quietly: it is no fault of anybody's."""
    with ServerPeer(SESSIONS["FrozenInAuth"], key=HOST_KEY) as peer:
        node = at(1)
        assert isinstance(node.access, SshAccess)
        edge = replace(node.access, port=peer.port)
        behind = replace(node, access=replace(node.access, address="192.0.2.1", via=Hop(edge)))
        reason, took = ended_from_outside(transport(timeouts()), behind, lambda: bool(peer.record.attempts))
    assert reason is not None
    assert took < 2.0
    ours = [record for record in caplog.records if record.name.startswith("exporter")]
    assert all(record.levelno < logging.ERROR for record in ours)


@pytest.mark.parametrize("command", ["silent_command", "half_a_line", "drips_lines"])
def test_close_ends_a_visit_within_its_command(command: str) -> None:
    """Closing the transport ends a visit that waits for an answer."""
    with ServerPeer(command=COMMANDS[command], key=HOST_KEY) as peer:
        reason, took = ended_from_outside(transport(timeouts()), at(peer.port), lambda: bool(peer.record.commands))
    assert reason is Reason.VISIT_TIMEOUT
    assert took < 2.0


def test_close_ends_a_visit_that_connects() -> None:
    """Closing the transport ends a visit whose connection nobody answers."""
    with full_backlog() as port:
        reason, took = ended_from_outside(transport(timeouts()), at(port), lambda: True)
    assert reason is Reason.VISIT_TIMEOUT
    assert took < 2.0


def _addresses_of_localhost() -> set[str]:
    found = socket.getaddrinfo("localhost", 22, type=socket.SOCK_STREAM)
    return {str(address[0]) for _, _, _, _, address in found}


@pytest.mark.skipif(len(_addresses_of_localhost()) < 2, reason="localhost has one address on this machine")
def test_close_ends_a_visit_with_more_addresses_to_try() -> None:
    """Closing the transport ends a visit that still had another address to try."""
    with full_backlog() as port, full_backlog(socket.AF_INET6, "::1", port):
        reason, took = ended_from_outside(transport(timeouts()), at(port, "localhost"), lambda: True)
    assert reason is Reason.VISIT_TIMEOUT
    assert took < 2.0


def test_close_ends_many_visits_at_once() -> None:
    """Closing the transport ends all visits, not one after another."""
    with RawPeer("silent") as peer, ThreadPoolExecutor(30) as pool:
        ours = transport(timeouts())
        visits = [pool.submit(reason_of, ours, at(peer.port)) for _ in range(30)]
        while peer.record.connections < 30:
            time.sleep(0.02)
        started = time.monotonic()
        ours.close()
        reasons = {visit.result() for visit in visits}
        assert time.monotonic() - started < SLACK
    assert reasons == {Reason.VISIT_TIMEOUT}


# A peer that is not who it should be.


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", Reason.HOST_KEY_UNKNOWN),
        ("{name} {other}", Reason.HOST_KEY_CHANGED),
        ("{name} {own}\n@revoked {name} {own}", Reason.HOST_KEY_REVOKED),
        ("{name} {own}\n@revoked * {own}", Reason.HOST_KEY_REVOKED),
        ("@cert-authority {name} {other}", Reason.HOST_KEY_NEEDS_CA),
    ],
)
def test_no_credential_for_a_stranger(line: str, reason: Reason) -> None:
    """A peer that would take any key is shown none, not even asked for a login, where its host key is not known."""
    other = paramiko.ECDSAKey.generate()
    with ServerPeer(command=COMMANDS["the_true_answer"], key=HOST_KEY) as peer:
        name = f"[127.0.0.1]:{peer.port}"
        own, wrong = (f"{key.get_name()} {key.get_base64()}" for key in (HOST_KEY, other))
        ours = transport(hosts=line.format(name=name, own=own, other=wrong))
        assert reason_of(ours, Node("worker-1", SshAccess("127.0.0.1", peer.port, "root"), Paths())) is reason
    assert peer.record.connections == 1
    assert not peer.record.saw_credentials


def test_a_friend_is_shown_one_key() -> None:
    """The recorder does see a login where there is one: one user, one key, one command."""
    with ServerPeer(command=COMMANDS["the_true_answer"], key=HOST_KEY) as peer:
        hosts = f"[127.0.0.1]:{peer.port} {HOST_KEY.get_name()} {HOST_KEY.get_base64()}"
        node = Node("worker-1", SshAccess("127.0.0.1", peer.port, "reader"), Paths(store="/nonexistent/pki"))
        assert reason_of(transport(hosts=hosts), node) is None
    assert peer.record.saw_credentials
    assert set(peer.record.attempts) == {("reader", KEY.get_base64())}
    assert peer.record.commands == [b"sh -s"]


def test_no_more_keys_are_tried_than_sshd_allows() -> None:
    """Of many keys as few are shown as no sshd counts as an attack."""
    keys = tuple(paramiko.ECDSAKey.generate() for _ in range(8))
    with ServerPeer(SESSIONS["RefusesKeys"], key=HOST_KEY) as peer:
        ours = transport(keys=keys)
        assert reason_of(ours, at(peer.port)) is Reason.AUTH_FAILED
    shown = [key for _, key in peer.record.attempts]
    assert list(dict.fromkeys(shown)) == [key.get_base64() for key in keys[:5]]


# An agent that hangs.


@pytest.mark.parametrize("listed", [None, KEY], ids=["at once", "when it should sign"])
def test_a_frozen_agent(listed: paramiko.PKey | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that does not answer ends the visit within the time of the login, and leaves no thread."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    ours = transport(timeouts(auth=QUICK), keys=(), agent=True)
    with ThreadPoolExecutor(1) as pool, ServerPeer(key=HOST_KEY) as peer, FrozenAgent(str(tmp_path / "agent"), listed):
        before = set(threading.enumerate())
        visit = pool.submit(reason_of, ours, at(peer.port))
        assert visit.result(timeout=QUICK + SLACK) in (Reason.AGENT_FAILED, Reason.AUTH_TIMEOUT)
        assert no_thread_of_a_visit(
            before | {one for one in threading.enumerate() if one.name.startswith("ThreadPool")}
        )


# No byte of a key on the wire.


def secrets_of(mint: Mint) -> set[bytes]:
    """Every piece of 16 characters of each key's base64, but for those of its public half in a certificate."""
    return pieces(mint.keys) - pieces(mint.certificates)


def pieces(pems: list[bytes]) -> set[bytes]:
    """Every piece of 16 characters of the base64 between the armour."""
    bodies = [b"".join(line for line in pem.split() if b"-" not in line and len(line) > 7) for pem in pems]
    return {body[at : at + 16] for body in bodies for at in range(len(body) - 15)}


@pytest.mark.parametrize("name", FILTER_CASES)
def test_no_byte_of_a_key_on_the_wire(name: str, tmp_path: Path) -> None:
    """Of all that a node sends, not 16 characters in a row are a private key's, however the file is broken."""
    mint = Mint()
    CASES[name](tmp_path / "pki", mint, NOW)
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "pki").iterdir() if path.is_file())
    with ServerPeer(command=COMMANDS["the_true_answer"], key=HOST_KEY) as peer:
        read = reason_of(transport(timeouts()), at(peer.port, paths=Paths(store=str(tmp_path / "pki"))))
    sent = bytes(peer.record.sent)
    assert read is None
    assert sent.endswith(b" end\n")
    secrets = secrets_of(mint)
    unbroken = b"".join(sent.split())
    assert not {unbroken[at : at + 16] for at in range(len(unbroken) - 15)} & secrets
    assert not any(line in sent for line in mint.key_lines())
    if name not in ("truncated", "garbage"):
        assert any(secret in b"".join(on_disk.split()) for secret in secrets)
