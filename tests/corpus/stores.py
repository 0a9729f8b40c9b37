"""Modes 25 to 38 and 40: attempts that were lost, a store that is no longer what the kubelet made of it, dates."""

from __future__ import annotations

import os

from exporter.demo.signer import Authority
from exporter.demo.store import StoreError
from tests.corpus import kubeconfig as words
from tests.corpus.kubeadm import flags, worker
from tests.corpus.process import DAY
from tests.corpus.scenario import scenario
from tests.corpus.tree import CONFIG, CURRENT, HOUR, LIFE, PKI, YEAR, Tree

UPDATED = f"{PKI}/kubelet-client-updated.pem"
MINUTE = 60


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
def not_yet_valid(tree: Tree) -> None:
    """30: the signer's clock was two hours ahead: the kubelet uses the certificate and gets 401 until then."""
    worker(tree, share=0.85)
    when = tree.now - HOUR
    pair = tree.authority.client(tree.name, when + 3 * HOUR, LIFE)
    tree.store().update(pair, when)


@scenario
def signed_by_another_authority(tree: Tree) -> None:
    """31: the last rotation brought a certificate from a CA that no file of this node knows."""
    worker(tree, share=0.8)
    other = Authority("kubernetes", tree.now + 9 * YEAR, not_before=tree.now - DAY)
    when = tree.now - HOUR
    tree.store().update(other.client(tree.name, when, LIFE), when)


@scenario
def signed_by_the_next_authority(tree: Tree) -> None:
    """The neighbour: the new CA stands in the bundles already; that is how a CA is replaced."""
    worker(tree, share=0.8)
    other = Authority("kubernetes", tree.now + 9 * YEAR, not_before=tree.now - DAY)
    bundle = tree.authority.certificate + other.certificate
    tree.write("/etc/kubernetes/pki/ca.crt", bundle, age=DAY)
    tree.kubeconfig(words.by_file(CURRENT), ca=f"certificate-authority-data: {words.encoded(bundle)}")
    when = tree.now - HOUR
    tree.store().update(other.client(tree.name, when, LIFE), when)


@scenario
def capped_by_its_authority(tree: Tree) -> None:
    """32: the CA ends in ten days, and the last certificate ends with it."""
    begin = tree.now - 10 * YEAR + 10 * DAY
    tree.authority = Authority("kubernetes", tree.now + 10 * DAY, not_before=begin, serial=None)
    worker(tree)


@scenario
def authority_expired(tree: Tree) -> None:
    """22: the CA in the node's files has ended; a renewed one of the same key still signs."""
    worker(tree)
    old = tree.cluster_authority()
    old.not_before, old.not_after = tree.now - 10 * YEAR, tree.now - DAY
    tree.write("/etc/kubernetes/pki/ca.crt", old.certificate)
    tree.kubeconfig(words.by_file(CURRENT), ca=f"certificate-authority-data: {words.encoded(old.certificate)}")


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


@scenario
def store_went_back(tree: Tree) -> None:
    """36: a snapshot was restored: an earlier visit saw a certificate that was issued five days ago."""
    worker(tree, share=0.5)
    tree.earlier.newest = 5 * DAY


@scenario
def store_went_on(tree: Tree) -> None:
    """The neighbour: the latest that was ever seen is the one of today."""
    worker(tree, share=0.5)
    tree.earlier.newest = 15 * DAY


@scenario
def replaced_by_hand(tree: Tree) -> None:
    """38: yesterday somebody put a copy of the last pair back and linked it; the running kubelet has the old one."""
    worker(tree)
    path = tree.path(tree.target())
    os.utime(path, (tree.now - DAY, tree.now - DAY))
    os.utime(tree.path(CURRENT), (tree.now - DAY, tree.now - DAY), follow_symlinks=False)
    tree.real = False


@scenario
def replaced_by_hand_and_restarted(tree: Tree) -> None:
    """The neighbour: the kubelet was restarted after it."""
    replaced_by_hand(tree)
    tree.kubelet_age = HOUR


@scenario
def rotation_storm(tree: Tree) -> None:
    """40: thirty rotations two minutes apart, of certificates that last a month."""
    worker(tree)
    store = tree.store()
    for back in reversed(range(30)):
        when = tree.now - 5 * MINUTE - back * 2 * MINUTE
        store.update(tree.authority.client(tree.name, when, LIFE), when)


@scenario
def certificates_of_an_hour(tree: Tree) -> None:
    """The neighbour: thirty rotations in a day and a half, as certificates of an hour bring them."""
    flags(tree)
    tree.rotated(0.3, life=HOUR, times=30)
    tree.serving_self_signed()
    tree.kubeconfig(words.by_file(CURRENT))
    tree.config(CONFIG, rotateCertificates=True)
