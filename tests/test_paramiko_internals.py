"""The non-public names of paramiko that we need: a release that moves one fails here, by its name."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
from paramiko import Transport
from paramiko.packet import Packetizer
from paramiko.ssh_exception import MessageOrderError

from exporter.collect.ssh import (
    paramiko_internals,
    paramiko_known,
    paramiko_negotiation,
    paramiko_packets,
    paramiko_stepped,
    paramiko_threaded,
)
from exporter.collect.ssh.paramiko_known import NEEDED_OF_INSTANCES, missing
from exporter.collect.ssh.paramiko_negotiation import USED
from exporter.collect.ssh.paramiko_stepped import SteppedTransport
from tests.hostile import IDENTIFICATION, kexinit, packet, string

PACKAGE = Path(__file__).parent.parent / "exporter"
MODULES = (paramiko_internals, paramiko_negotiation, paramiko_packets, paramiko_stepped, paramiko_threaded)
NEEDED = sorted(
    {one for module in MODULES for one in module.NEEDED} | set(USED), key=lambda one: (one[0].__name__, one[1])
)


class _Nowhere:
    """Takes what is sent, and gives nothing."""

    def send(self, data: bytes) -> int:
        return len(data)

    def settimeout(self, seconds: float | None) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("owner", "name"), NEEDED, ids=lambda one: getattr(one, "__name__", one))
def test_paramiko_still_has_it(owner: type, name: str) -> None:
    """paramiko's class defines the name itself, so that what overrides or calls it does what it is meant to."""
    assert any(name in vars(base) for base in owner.__mro__), f"this paramiko has no {owner.__name__}.{name} any more"


@pytest.mark.parametrize("name", NEEDED_OF_INSTANCES)
def test_an_instance_still_has_it(name: str) -> None:
    """paramiko's own __init__ makes the attribute, which no class shows."""
    assert name in vars(Transport(_Nowhere())), f"this paramiko's Transport has no {name} any more"  # type: ignore[arg-type]  # a socket to it


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_list_is_whole(module: ModuleType) -> None:
    """Every non-public name that a module overrides, calls or reads on paramiko's objects stands in the list."""
    source = inspect.getsource(module)
    used = set(re.findall(r"super\(\)\.(_\w+)\(", source)) | set(re.findall(r"self\.(_\w+)", source))
    of_transports, of_packets = Transport(_Nowhere()), Packetizer(_Nowhere())  # type: ignore[arg-type]  # sockets to them
    theirs = {name for one in (of_transports, of_packets) for name in dir(one)} - {"__init__"}
    needed = {name for _, name in NEEDED} | set(NEEDED_OF_INSTANCES)
    assert used & theirs <= needed


def test_this_paramiko_is_known() -> None:
    """The loop runs with the release that the tests run with."""
    assert missing() == ()


def test_a_name_that_is_moved_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without a name that the loop needs is told by that name, and nothing breaks over it."""
    monkeypatch.delattr(Transport, "_check_banner")
    assert missing() == ("Transport._check_banner",)
    monkeypatch.undo()
    monkeypatch.setattr(paramiko_known, "NEEDED_OF_INSTANCES", ("_expected_packet", "_something_else"))
    assert missing() == ("Transport()._something_else",)


def test_no_other_module_needs_one() -> None:
    """Nothing else of the package reaches into paramiko."""
    others = [path for path in PACKAGE.rglob("*.py") if not path.name.startswith("paramiko_")]
    reaching = [
        path.name for path in others if re.search(r"(transport|channel|agent|packetizer)\._[a-z]", path.read_text())
    ]
    assert reaching == []


def test_what_costs_least_comes_first() -> None:
    """The loop asks for every algorithm that paramiko has, in an order of its own; but for groups of the peer's."""
    ours, theirs = SteppedTransport(_Nowhere()), Transport(_Nowhere())  # type: ignore[arg-type]  # sockets to them
    assert ours.preferred_kex[0].startswith("curve25519")
    assert [name.partition("@")[0] for name in ours.preferred_ciphers[:2]] == ["aes128-gcm", "aes256-gcm"]
    assert all("-etm@" in name for name in ours.preferred_macs[:2])
    of_the_peers_choice = "diffie-hellman-group-exchange-sha256"
    assert sorted((*ours.preferred_kex, of_the_peers_choice)) == sorted(theirs.preferred_kex)
    for kind in ("preferred_ciphers", "preferred_macs", "preferred_keys", "preferred_pubkeys"):
        assert sorted(getattr(ours, kind)) == sorted(getattr(theirs, kind))


def fed(*packets: bytes) -> SteppedTransport:
    """The loop's side of a connection to a host that has said this."""
    transport = SteppedTransport(_Nowhere())
    transport.begin()
    transport.feed(IDENTIFICATION + b"".join(packets), identified=True)
    return transport


def test_what_was_agreed_on_before_is_no_less_strict() -> None:
    """A host with the same lists as another is agreed with alike, and may no more than that one say something first."""
    lists = kexinit(kex=b"curve25519-sha256@libssh.org,kex-strict-s-v00@openssh.com")
    first, second = (fed(packet(lists[:1] + cookie * 16 + lists[17:])) for cookie in (b"1", b"2"))
    names = (
        "agreed_on_strict_kex",
        "host_key_type",
        "local_cipher",
        "remote_cipher",
        "local_mac",
        "remote_mac",
        "offered",
    )
    assert [getattr(first, name) for name in names] == [getattr(second, name) for name in names]
    assert second.agreed_on_strict_kex
    assert second.remote_kex_init == lists[:1] + b"2" * 16 + lists[17:]
    assert type(first.kex_engine) is type(second.kex_engine)
    with pytest.raises(MessageOrderError):
        fed(packet(b"\x02" + string(b"ignored")), packet(lists))


def test_what_is_offered_is_the_same_but_for_its_cookie() -> None:
    """Each exchange has random bytes of its own before the lists, which are the same."""
    first, second = fed(), fed()
    assert first.local_kex_init[17:] == second.local_kex_init[17:]
    assert first.local_kex_init[1:17] != second.local_kex_init[1:17]
    assert first.in_kex
    assert second.in_kex
