"""Modes 22, 30 to 32, 36, 38 and 40: dates, issuers, and a past that does not fit."""

from __future__ import annotations

import os

from exporter.demo import kubeconfig as words
from exporter.demo.proc import DAY
from exporter.demo.signer import Authority
from tests.corpus.kubeadm import flags, worker
from tests.corpus.scenario import scenario
from tests.corpus.tree import CONFIG, CURRENT, HOUR, LIFE, YEAR, Tree

MINUTE = 60


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
