"""Modes 25 to 29 and 33 to 35: attempts that were lost, a store that is no longer what the kubelet made of it."""

from __future__ import annotations

from exporter.demo.proc import DAY
from exporter.demo.store import StoreError
from tests.corpus.kubeadm import worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import CURRENT, HOUR, LIFE, PKI, Tree

UPDATED = f"{PKI}/kubelet-client-updated.pem"


def lost(tree: Tree, content: bytes, *ages: float) -> None:
    """Dated files newer than the link's target, each with this content."""
    store = tree.store()
    for age in ages:
        name = store.dated(tree.now - age).name
        tree.write(f"{PKI}/{name}", content, 0o600, age)


def refused(tree: Tree, *ages: float) -> None:
    """Rotations that wrote their file and could not move the link."""
    store = tree.store()
    for age in ages:
        when = tree.now - age
        try:
            store.update(tree.authority.client(tree.name, when, LIFE), when)
        except StoreError:
            continue
        raise AssertionError("this rotation was to fail")


def content(tree: Tree, link: str = CURRENT) -> bytes:
    """What a link leads to."""
    return tree.path(tree.target(link)).read_bytes()


@scenario
def orphans_empty(tree: Tree) -> None:
    """25: the disk was full; an empty file for each try, the link where it was."""
    worker(tree, share=0.8)
    lost(tree, b"", 3 * HOUR, 2 * HOUR, HOUR)


@scenario
def disk_full_before_the_last_rotation(tree: Tree) -> None:
    """The neighbour: an empty file older than the link's target is history."""
    worker(tree)
    lost(tree, b"", 12 * DAY)


@scenario
def disk_full(tree: Tree) -> None:
    """25: no room is left, and the next attempt will be lost."""
    worker(tree)
    tree.full.append(PKI)


@scenario
def store_read_only(tree: Tree) -> None:
    """26: the folder is mounted read-only: nothing can be stored, nothing was tried yet."""
    worker(tree)
    tree.read_only.append(PKI)


@scenario
def current_is_a_file(tree: Tree) -> None:
    """27: a copy in place of the link; each rotation is signed, written and lost."""
    worker(tree, share=0.8)
    pem = content(tree)
    tree.write(CURRENT, pem, 0o600, 5 * DAY)
    refused(tree, 2 * HOUR, HOUR)


@scenario
def current_is_a_file_and_nothing_was_tried(tree: Tree) -> None:
    """27: the same before the window: no orphan yet."""
    worker(tree)
    pem = content(tree)
    tree.write(CURRENT, pem, 0o600, 5 * DAY)


@scenario
def updated_is_a_file(tree: Tree) -> None:
    """28: a regular file where the link to be renamed would stand; the link is there and old."""
    worker(tree, share=0.8)
    tree.write(UPDATED, content(tree), 0o600, 5 * DAY)
    refused(tree, HOUR)


@scenario
def updated_is_a_link_beside_current(tree: Tree) -> None:
    """The neighbour: the next rotation replaces a stale link."""
    worker(tree)
    tree.link(UPDATED, tree.target())


@scenario
def orphan_valid(tree: Tree) -> None:
    """A good pair was stored an hour ago and the link was never moved."""
    worker(tree, share=0.8)
    pair = tree.authority.client(tree.name, tree.now - HOUR, LIFE)
    lost(tree, pair.certificate + pair.key, HOUR)


@scenario
def orphan_cut(tree: Tree) -> None:
    """29: what was stored an hour ago does not hold a whole certificate."""
    worker(tree, share=0.8)
    lost(tree, tree.issued(0.01).certificate[:400], HOUR)


@scenario
def target_empty(tree: Tree) -> None:
    """33: power was lost after the rotation: the link leads to an empty file."""
    worker(tree)
    tree.damage(tree.target(), b"")


@scenario
def target_cut_in_the_key(tree: Tree) -> None:
    """33: cut in the key block, it reads as a perfectly good, fresh certificate, and is fatal all the same."""
    worker(tree)
    tree.damage(tree.target(), content(tree)[:-80])


@scenario
def target_cut_in_the_certificate(tree: Tree) -> None:
    """33: cut in the certificate."""
    worker(tree)
    tree.damage(tree.target(), content(tree)[:300])


@scenario
def link_dangles(tree: Tree) -> None:
    """34: a clean-up job removed what the link leads to; the running kubelet does not notice."""
    worker(tree)
    tree.remove(tree.target())


@scenario
def died_in_the_gap(tree: Tree) -> None:
    """35: no current, an updated that is a link: with the bootstrap flag the next start mends it."""
    worker(tree)
    tree.path(CURRENT).rename(tree.path(UPDATED))


@scenario
def died_in_the_gap_without_the_flag(tree: Tree) -> None:
    """35: without the bootstrap flag kubelet.conf is loaded first, and it names what is not there."""
    worker(tree, bootstrap=False)
    tree.path(CURRENT).rename(tree.path(UPDATED))
