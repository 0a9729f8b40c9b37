"""The store's link: what the kubelet's store finds at ``kubelet-client-current.pem`` and ``-updated.pem``.

client-go ``util/certificate/certificate_store.go``: a rotation makes ``updated`` a link, unlinks ``current``, renames.
"""

from __future__ import annotations

import posixpath

from exporter.config.settings import CLIENT_CURRENT, CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED
from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.certificate import leaf
from exporter.model.facts import DirectoryCondition, StoreEntry
from exporter.model.files import Condition, FileKind, KeyBlock
from exporter.model.host import Sight
from exporter.model.kubelet import Credential

_BROKEN = {
    Condition.EMPTY: "is empty",
    Condition.TRUNCATED: "holds a certificate that is cut off",
    Condition.MALFORMED: "holds a block that is no certificate",
    Condition.KEY_ONLY: "holds a key and no certificate",
    Condition.NO_CERTIFICATE: "holds no certificate",
    Condition.NOT_REGULAR: "is not a regular file",
}
_FATAL = "the next start of the kubelet fails, with a bootstrap file too"


def regular_file(case: Case) -> Answer:
    """27: "expected … to be a symlink but it is a file", after the new pair was written (website#28312)."""
    what = "is a regular file where the kubelet's store wants a link: every rotation is signed and then lost"
    return _either(_regular(case, CLIENT_CURRENT, what), _regular_of_serving(case, SERVER_CURRENT, what))


def updated_leftover(case: Case) -> Answer:
    """28: the same refusal for ``updated``; the kubelet itself never leaves a regular file there."""
    what = "is a regular file where a rotation makes a link: every rotation is signed and then lost"
    return _either(_regular(case, CLIENT_UPDATED, what), _regular_of_serving(case, SERVER_UPDATED, what))


def gap_for_good(case: Case) -> Answer:
    """35: died between unlink and rename, and no start mends it: without the bootstrap flag kubelet.conf is loaded
    first, with it the folder must be writable, and rotation on [lab].
    """
    answer, kubelet, folder = gap(case), case.kubelet, case.facts.store.folder
    if not isinstance(answer, str):
        return answer
    names_it = kubelet.flags_known and kubelet.bootstrap is None and kubelet.credential is Credential.LINK
    if names_it or kubelet.rotates is False or (folder and (folder.writable is False or folder.read_only)):
        return f"{answer}; the kubelet's next start does not mend it"
    seen = kubelet.flags_known and folder and folder.writable is not None and kubelet.rotates is not None
    return None if seen and kubelet.credential is not Credential.UNKNOWN else UNSEEN


def gap(case: Case) -> Answer:
    """35: died between unlink and rename: the next start of a kubelet that bootstraps renames it."""
    line = _entry(case, CLIENT_UPDATED)
    if not isinstance(line, StoreEntry):
        return line
    absent = _is_current_absent(case)
    if line.kind is not FileKind.LINK or absent is not True or not case.is_settled(line.modified):
        return absent if isinstance(absent, Unseen) and line.kind is FileKind.LINK else None
    folder = case.facts.store.path
    return (
        f"{folder} has {CLIENT_UPDATED} and no {CLIENT_CURRENT}: "
        "a rotation broke off between removing the old link and putting the new one in its place"
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
        f"{folder} has dated files ({len(dated)}) and no {CLIENT_CURRENT}: "
        f"{_in_memory(case)}the next start of the kubelet finds none"
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
        f"{client.path} points to {client.link or 'a file'}, which is not there: "
        f"{_in_memory(case)}the next start of the kubelet finds none"
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
    if why is None:
        has_whole_key = client.condition is not Condition.READ or client.key is not KeyBlock.UNSEEN
        return None if client.condition.is_seen and has_whole_key else UNSEEN
    return f"{client.link or client.path} {why}: {_in_memory(case)}{_FATAL}"


def _in_memory(case: Case) -> str:
    process = case.facts.process
    runs = process is not None and process.sight is Sight.SEEN
    return "the running kubelet keeps its certificate in memory, " if runs else ""


def _regular(case: Case, name: str, what: str) -> Answer:
    if case.kubelet.rotates is False:
        return None  # whoever does not rotate may well name a file
    line = _entry(case, name)
    if not isinstance(line, StoreEntry):
        return line
    return f"{posixpath.join(case.facts.store.path, name)} {what}" if line.kind is FileKind.REGULAR else None


def _regular_of_serving(case: Case, name: str, what: str) -> Answer:
    """The serving store follows the same code."""
    if case.kubelet.server_tls_bootstrap is False:
        return None
    if not _is_listed(case):
        return _without_listing(case)
    line = store.entry(case.facts.store, name)
    if line is None or line.kind is not FileKind.REGULAR:
        return None
    is_asked = case.kubelet.server_tls_bootstrap  # for a serving certificate
    return f"{posixpath.join(case.facts.store.path, name)} {what}" if is_asked else UNSEEN


def _either(*answers: Answer) -> Answer:
    """The first that holds; UNSEEN where none does and one cannot be told."""
    return next((answer for answer in answers if isinstance(answer, str)), UNSEEN if UNSEEN in answers else None)


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

    A node that told nothing beside its store (an old script, a mount of that folder) is judged by what it told before,
    and where it never did, by the store alone.
    """
    facts = case.facts
    is_process_seen = facts.process is not None and facts.process.sight is Sight.SEEN
    tells = is_process_seen or facts.config or (facts.kubeconfig and not facts.kubeconfig.is_missing)
    if tells and not case.kubelet.flags_known and not is_process_seen and _is_without_conf(case):
        return UNSEEN  # it may well be standalone
    kubelet = case.kubelet if tells or not case.memory.kubelet else case.memory.kubelet
    if kubelet.distribution.renews_itself or (kubelet.flags_known and kubelet.kubeconfig is None):
        return False
    if kubelet.rotates or not (tells or case.memory.kubelet):
        return True
    if kubelet.rotates is None:
        return UNSEEN
    return UNSEEN if kubelet.credential is Credential.UNKNOWN else kubelet.credential is Credential.LINK


def _is_without_conf(case: Case) -> bool:
    kubeconfig = case.facts.kubeconfig
    return kubeconfig is None or kubeconfig.is_missing
