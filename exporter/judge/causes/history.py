"""What the store's past tells: it went back, somebody moved its link, or it rotates all the time."""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime
from itertools import pairwise

from exporter.config.settings import CLIENT_CURRENT
from exporter.judge import store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.wording import span, when
from exporter.judge.certificate import leaf
from exporter.model.facts import DirectoryCondition
from exporter.model.files import FileKind
from exporter.model.host import Sight

SLACK = 2  # seconds between a dated file's name and its last write
_QUARTER = 900  # seconds: every zone of the world is whole quarters of an hour from UTC
_WIDEST_ZONE = 14 * 3600
_DATE = re.compile(r"kubelet-client-(\d{4}(?:-\d{2}){5})\.pem")
STORM_SHARE = 0.35  # half of the least that a kubelet waits
STORM_GAPS = 4


def went_back(case: Case) -> Answer:
    """36: a snapshot or backup was restored: a newer certificate was read from this node and is gone from its disk."""
    certificate, newest = case.certificate(), case.memory.newest
    if newest is None or certificate is None or isinstance(certificate, Unseen):
        return certificate if newest is not None and isinstance(certificate, Unseen) else None
    if certificate.not_before >= newest or leaf(case.facts.client) != certificate:
        return None
    if case.facts.store.condition is not DirectoryCondition.OK:
        return UNSEEN
    others = [leaf(file) for file in case.facts.store.newest]
    if any(other is not None and other.not_before >= newest for other in others):
        return None  # the newer one is still there: somebody moved the link
    if not _are_seen(case):
        return UNSEEN
    begun, later = when(certificate.not_before, newest), when(newest, certificate.not_before)
    return (
        f"the client certificate is of {begun}, and one of {later} "
        "was read from this node before: its disk was restored from an older copy"
    )


def replaced_by_hand(case: Case) -> Answer:
    """38: a file that no rotation wrote became current while the kubelet ran; it never re-reads its store."""
    client, process = case.facts.client, case.facts.process
    if not _is_store(case):
        return None
    if process is None or process.sight is Sight.HIDDEN or (process.sight is Sight.SEEN and process.started is None):
        return UNSEEN
    link = store.entry(case.facts.store, CLIENT_CURRENT)
    if case.facts.store.condition in (DirectoryCondition.DENIED, DirectoryCondition.OUTSIDE_ROOT):
        return UNSEEN
    if link is None or link.kind is not FileKind.LINK or client.link is None:
        return UNSEEN if link and link.kind is FileKind.LINK else None
    if process.started is None or link.modified is None or link.modified <= process.started + SLACK:
        return None
    name = posixpath.basename(client.link)
    target = store.entry(case.facts.store, name)
    if target is not None and (target.modified is None or _was_made_by_a_rotation(name, target.modified)):
        return None
    if target is None and store.is_dated_client(name):
        return None  # one of so many that it is not listed
    return (
        f"{client.path} was pointed at {client.link} on {when(link.modified, case.by_the_node)}, by hand, while "
        f"the kubelet ran (since {when(process.started, case.by_the_node)}): it still uses the previous certificate"
    )


def _are_seen(case: Case) -> bool:
    """Whether the newest dated files were read."""
    return all(file.condition.is_seen for file in case.facts.store.newest)


def _is_store(case: Case) -> bool:
    kubelet, path = case.kubelet, case.facts.client.path
    return posixpath.basename(path) == CLIENT_CURRENT and not kubelet.distribution.renews_itself


def _was_made_by_a_rotation(name: str, modified: int) -> bool:
    """Whether a dated file is as old as its name says, in some zone: names are in the kubelet's local time."""
    found = _DATE.fullmatch(name)
    if not found:
        return False
    try:
        named = datetime.strptime(found[1], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return False
    apart = named - modified
    beside_a_quarter = abs(apart - _QUARTER * round(apart / _QUARTER))
    return abs(apart) <= _WIDEST_ZONE + SLACK and beside_a_quarter <= SLACK


def storm(case: Case) -> Answer:
    """40: four gaps in a row below 0.35 of the certificates' lifetime, while a kubelet waits 0.7 of it at least
    (addresses that change: k/k#77489, k/k#69471; a lifetime that is hardly longer than the backdate).
    """
    if case.kubelet.distribution.renews_itself or not _is_store(case):
        return None
    if case.facts.store.condition in (DirectoryCondition.DENIED, DirectoryCondition.OUTSIDE_ROOT):
        return UNSEEN
    certificate = case.certificate()
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    if not _are_seen(case):
        return UNSEEN
    orphans = {line.name for line, _ in store.orphans(case.facts.store, case.facts.client)}
    dated = [line for line in case.facts.store.entries if store.is_dated_client(line.name)]
    times = sorted(line.modified for line in dated if line.modified is not None and line.name not in orphans)
    read = [leaf(file) for file in case.facts.store.newest if posixpath.basename(file.path) not in orphans]
    shortest = min([certificate.lifetime, *(other.lifetime for other in read if other)])
    gaps = [later - earlier for earlier, later in pairwise(times)][-STORM_GAPS:]
    longest = STORM_SHARE * shortest
    if len(gaps) < STORM_GAPS or max(gaps) >= longest or case.by_the_node - times[-1] >= longest:
        return None
    return (
        f"the kubelet replaced its certificate {STORM_GAPS} times within {span(times[-1] - times[-1 - STORM_GAPS])}, "
        f"though each is valid for {span(shortest)}"
    )
