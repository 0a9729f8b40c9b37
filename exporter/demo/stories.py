"""How each story of the demonstration looks on a node's disk: written as the real programs would leave it."""

from __future__ import annotations

from collections.abc import Callable

from exporter.demo import kubeconfig as words
from exporter.demo.fleet import Story
from exporter.demo.node_tree import K3S_AGENT, PKI, NodeTree
from exporter.demo.proc import DAY, Process
from exporter.demo.signer import Pair

STALLED_LIFE = 4 * 3600
STALLED_AT = 0.899
_YEAR = 365 * DAY
_MONTH = 30 * DAY


def furnish(tree: NodeTree, story: Story, now: float) -> None:
    """All of a node but the rotating store of a healthy one."""
    _FURNISHED.get(story, _as_kubeadm)(tree, now)


def _as_kubeadm(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now)


def _stored(tree: NodeTree, issued: float, life: float) -> Pair:
    """A certificate of that life in a worker's store, the kubelet's link on it."""
    pair = tree.authority.issue(f"system:node:{tree.name}", issued, issued + life)
    tree.store().update(pair, issued)
    return pair


def _stalled(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now)
    _stored(tree, now - STALLED_AT * STALLED_LIFE, STALLED_LIFE)


def _kubelet_down(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now, runs=False)
    _stored(tree, now - 4200, 3600)


def _fresh(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now)
    _stored(tree, now - _MONTH / 3, _MONTH)


def _not_yet_valid(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now)
    tree.store().update(tree.authority.issue(f"system:node:{tree.name}", now + 7200, now + 7200 + DAY), now - 3600)


def _regular_file(tree: NodeTree, now: float) -> None:
    _fresh(tree, now)
    current = tree.store().current
    content = tree.path(str(current.readlink())).read_bytes()
    current.unlink()
    tree.write(f"{PKI}/{current.name}", content, now - DAY, 0o600)


def _updated_leftover(tree: NodeTree, now: float) -> None:
    _fresh(tree, now)
    tree.write(f"{PKI}/kubelet-client-updated.pem", b"", now - DAY, 0o600)


def _key_cut(tree: NodeTree, now: float) -> None:
    _fresh(tree, now)
    path = tree.path(str(tree.store().current.readlink()))
    tree.write(f"{PKI}/{path.name}", path.read_bytes()[:-60], now - _MONTH / 3, 0o600)


def _disk_full(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now)
    _stored(tree, now - 0.8 * _MONTH, _MONTH)
    for minutes in (60, 40, 20):
        name = tree.store().dated(now - minutes * 60).name
        tree.write(f"{PKI}/{name}", b"", now - minutes * 60, 0o600)


def _embedded(tree: NodeTree, now: float) -> None:
    _fresh(tree, now)
    first = tree.authority.issue(f"system:node:{tree.name}", now - _YEAR - 3 * DAY, now - 3 * DAY)
    tree.kubeconfig(words.by_data(first), now)


def _dated_file(tree: NodeTree, now: float) -> None:
    _fresh(tree, now)
    tree.kubeconfig(words.by_file(str(tree.store().current.readlink())), now)


def _rotation_off(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now, rotates=False)
    _stored(tree, now - _MONTH / 3, _MONTH)


def _self_signed_ending(tree: NodeTree, now: float) -> None:
    tree.kubeadm(now, serving_age=_YEAR - 12 * DAY)
    _stored(tree, now - _MONTH / 3, _MONTH)


def _k3s(tree: NodeTree, now: float) -> None:
    """k3s-agent renews at its own restart alone; this one has run for most of a year."""
    pair = tree.authority.issue(f"system:node:{tree.name}", now - 0.95 * _YEAR, now + 0.05 * _YEAR)
    certificate, key = f"{K3S_AGENT}/client-kubelet.crt", f"{K3S_AGENT}/client-kubelet.key"
    tree.write(certificate, pair.certificate, now - 0.95 * _YEAR, 0o600)
    tree.write(key, pair.key, now - 0.95 * _YEAR, 0o600)
    tree.kubeconfig(words.by_file(certificate, key), now, f"{K3S_AGENT}/kubelet.kubeconfig")
    tree.machine(now, Process("k3s-agent", ("/usr/local/bin/k3s agent",), 49 * DAY))


def _clone(tree: NodeTree, now: float) -> None:
    """The image was taken of a node that had joined: both have its name in their certificate, and its key."""
    tree.kubeadm(now)
    original = tree.root.parent / "image.pem"
    if not original.exists():
        pair = tree.authority.issue("system:node:edge-image", now - _MONTH / 3, now + 2 * _MONTH / 3)
        original.write_bytes(pair.certificate + b"\0" + pair.key)
    certificate, key = original.read_bytes().split(b"\0")
    tree.store().update(Pair(certificate, key), now - _MONTH / 3)


_FURNISHED: dict[Story, Callable[[NodeTree, float], None]] = {
    Story.STALLED: _stalled,
    Story.KUBELET_DOWN: _kubelet_down,
    Story.CRASH_LOOP: _fresh,
    Story.NOT_YET_VALID: _not_yet_valid,
    Story.REGULAR_FILE: _regular_file,
    Story.UPDATED_LEFTOVER: _updated_leftover,
    Story.KEY_CUT: _key_cut,
    Story.DISK_FULL: _disk_full,
    Story.EMBEDDED: _embedded,
    Story.DATED_FILE: _dated_file,
    Story.ROTATION_OFF: _rotation_off,
    Story.SELF_SIGNED_ENDING: _self_signed_ending,
    Story.K3S: _k3s,
    Story.CLONE: _clone,
}
ROTATES_BY_ITSELF = frozenset(Story) - frozenset(_FURNISHED)  # the demonstration's kubelets rotate these
