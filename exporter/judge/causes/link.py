"""The store's link: what the kubelet's store finds at ``kubelet-client-current.pem`` and ``-updated.pem``.

client-go ``util/certificate/certificate_store.go``: a rotation makes ``updated`` a link, unlinks ``current``, renames.
"""

from __future__ import annotations

import posixpath

from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED
from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.certificate import leaf
from exporter.model.facts import DirectoryCondition, StoreEntry
from exporter.model.files import Condition, FileKind, KeyBlock
from exporter.model.kubelet import Credential

_BROKEN = {
    Condition.EMPTY: "is empty",
    Condition.TRUNCATED: "holds a certificate that is cut off",
    Condition.MALFORMED: "holds a block that is no certificate",
    Condition.KEY_ONLY: "holds a key and no certificate",
    Condition.NO_CERTIFICATE: "holds no certificate",
    Condition.NOT_REGULAR: "is not a regular file",
}
_FATAL = "what runs has its certificate in memory, the next start of the kubelet fails, with a bootstrap file too"


def regular_file(case: Case) -> Answer:
    """27: "expected … to be a symlink but it is a file", after the new pair was written (website#28312)."""
    line = _entry(case, CLIENT_CURRENT)
    if not isinstance(line, StoreEntry):
        return line
    if line.kind is not FileKind.REGULAR:
        return None
    path = posixpath.join(case.facts.store.path, CLIENT_CURRENT)
    return f"{path} is a regular file where the kubelet's store wants a link: every rotation is signed and then lost"


def updated_leftover(case: Case) -> Answer:
    """28: the same refusal for ``updated``; the kubelet itself never leaves a regular file there."""
    line = _entry(case, CLIENT_UPDATED)
    if not isinstance(line, StoreEntry):
        return line
    if line.kind is not FileKind.REGULAR:
        return None
    path = posixpath.join(case.facts.store.path, CLIENT_UPDATED)
    return f"{path} is a regular file where a rotation makes a link: every rotation is signed and then lost"


def gap(case: Case) -> Answer:
    """35: died between unlink and rename. Only a kubelet with the bootstrap flag mends that when it starts."""
    line = _entry(case, CLIENT_UPDATED)
    if not isinstance(line, StoreEntry):
        return line
    absent = _is_current_absent(case)
    if line.kind is not FileKind.LINK or absent is not True or not case.is_settled(line.modified):
        return absent if isinstance(absent, Unseen) and line.kind is FileKind.LINK else None
    folder = case.facts.store.path
    return (
        f"{folder} has {CLIENT_UPDATED} and no {CLIENT_CURRENT}: "
        "a rotation died between removing the old link and putting the new one in its place"
    )


def missing(case: Case) -> Answer:
    """34: the link is gone and dated files are there: a clean-up job, a partial restore."""
    absent, line = _is_current_absent(case), _entry(case, CLIENT_UPDATED)
    if absent is not True or line is UNSEEN:
        return UNSEEN if UNSEEN in (absent, line) else None
    dated = [one for one in case.facts.store.entries if store.is_dated_client(one.name)]
    if line is not None or not dated or not all(case.is_settled(one.modified) for one in dated):
        return None
    folder = case.facts.store.path
    return (
        f"{folder} has {len(dated)} dated files and no {CLIENT_CURRENT}: "
        "what runs has its certificate in memory, the next start of the kubelet finds none"
    )


def dangling(case: Case) -> Answer:
    """34: the link's target is gone. ``stat`` follows links, so the next start finds no certificate."""
    client = case.facts.client
    counts = _counts(case)
    if counts is not True or posixpath.basename(client.path) != CLIENT_CURRENT:
        return UNSEEN if counts is UNSEEN else None
    if client.condition is not Condition.DANGLING:
        return None if client.condition.is_seen else UNSEEN
    return (
        f"{client.path} leads to {client.link or 'a file'}, which is not there: "
        "what runs has its certificate in memory, the next start of the kubelet finds none"
    )


def target_broken(case: Case) -> Answer:
    """33: empty or cut after a power loss (k/k#131111, mended in 1.34). Cut in its key it reads like a good one."""
    client, counts = case.facts.client, _counts(case)
    if counts is not True or posixpath.basename(client.path) != CLIENT_CURRENT:
        return UNSEEN if counts is UNSEEN else None
    target = store.entry(case.facts.store, posixpath.basename(client.link or client.path))
    if target and not case.is_settled(target.modified):
        return None
    is_empty = target is not None and target.kind is FileKind.REGULAR and target.size == 0
    why = _BROKEN[Condition.EMPTY] if is_empty else _BROKEN.get(client.condition)
    if client.condition is Condition.READ:
        why = _half(case) or why
    path = client.link or client.path
    return f"{path} {why}: {_FATAL}" if why else None if client.condition.is_seen else UNSEEN


def _half(case: Case) -> str | None:
    client = case.facts.client
    if leaf(client) is None:
        return _BROKEN[Condition.MALFORMED]
    if client.key is KeyBlock.CUT:
        return "holds a key that is cut off"
    if client.key is KeyBlock.NONE:
        return "holds no key"
    return (
        "holds a key that is not the certificate's" if case.facts.is_pair(client.path, client.path) is False else None
    )


def _entry(case: Case, name: str) -> StoreEntry | Unseen | None:
    """The store's line for ``name``, where the kubelet rotates into that store."""
    counts = _counts(case)
    if counts is not True:
        return UNSEEN if counts is UNSEEN else None
    return store.entry(case.facts.store, name) if _is_listed(case) else _without_listing(case)


def _is_listed(case: Case) -> bool:
    return case.facts.store.condition is DirectoryCondition.OK


def _without_listing(case: Case) -> Unseen | None:
    nothing = (DirectoryCondition.MISSING, DirectoryCondition.NOT_A_DIRECTORY)
    return None if case.facts.store.condition in nothing else UNSEEN


def _is_current_absent(case: Case) -> bool | Unseen:
    """Whether ``current`` is missing where the kubelet rotates; a dangling link is there."""
    counts, client = _counts(case), case.facts.client
    if counts is not True:
        return counts
    if posixpath.basename(client.path) != CLIENT_CURRENT:
        return False
    if not _is_listed(case):
        return _without_listing(case) or False
    if client.condition is Condition.MISSING:
        return True
    return False if client.condition.is_seen or store.entry(case.facts.store, CLIENT_CURRENT) else UNSEEN


def _counts(case: Case) -> bool | Unseen:
    """Whether the store is the kubelet's to rotate in, or what kubelet.conf names.

    A node that told nothing beside its store (an old script) is judged by the store alone.
    """
    kubelet = case.kubelet
    if kubelet.distribution.renews_itself or (kubelet.flags_known and kubelet.kubeconfig is None):
        return False
    if kubelet.rotates or case.facts.config is None:
        return True
    if kubelet.rotates is None:
        return UNSEEN
    return UNSEEN if kubelet.credential is Credential.UNKNOWN else kubelet.credential is Credential.LINK
