"""The CAs of a cluster's nodes side by side: who signed their certificates, until when, and whom their kubelets trust.

More predicates of ``judge/cohort.py``'s table, in the manner of ``judge/peers.py``.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta

from exporter.judge.peers import Clues, Hit, Member, Members, listed
from exporter.model.assessment import Certificate, State
from exporter.model.report import NodeReport

SEVERAL = 2
LATELY = 7 * 86400.0  # or half of the certificate's life, where that is less
FAR_APART = 86400.0  # certificates that begin so far apart end at one moment only where something caps them
COMPARED_NODES, CLEAR_MAJORITY = 5, 0.75


def issuer_has_changed(members: Members, now: float) -> Hit | None:
    """31: signed by a key that the API server may not trust yet. A CA rotation that was planned looks the same.

    Only nodes count that had a certificate of another key before, and only while others still have one of that key:
    so clusters that share a label, or none, accuse nobody.
    """
    keys = Counter(member.client.authority_identifier for member in members if member.client)
    changed: defaultdict[tuple[str, str], list[Member]] = defaultdict(list)
    for member in members:
        old, new = member.report.ties.issuer_before, member.client.authority_identifier if member.client else ""
        if old and new and old != new and keys[old] and _is_new(member.client, now):
            changed[old, new].append(member)
    (old, new), group = max(changed.items(), key=lambda item: (len(item[1]), item[0]), default=(("", ""), []))
    if len(group) < SEVERAL:
        return None
    since = min(member.client.not_before for member in group if member.client)
    return Hit(
        f"{len(group)} nodes have had client certificates of another CA key since {_day(since)} ({new[:16]}), while "
        f"{keys[old]} still have those of the key before ({old[:16]}): this is as it should be while a CA is being "
        "rotated; if none is, or the API server does not trust the new CA yet, each rotation cuts off one more node",
        group,
    )


def issuer_clue(report: NodeReport, _state: State, now: float) -> Hashable:
    """The key that signed a node's certificate, and the one before where that is another and this is new."""
    if report.client is None:
        return None
    client, before = report.client.certificate, report.ties.issuer_before
    return client.authority_identifier, before if _is_changed(report) and _is_new(client, now) else ""


def may_have_changed(clues: Clues) -> bool:
    """Whether enough nodes have a new certificate of another key than before."""
    return sum(1 for clue in clues if isinstance(clue, tuple) and clue[1]) >= SEVERAL


def not_new_from(report: NodeReport, now: float) -> float:
    """When time alone makes a certificate of another key than before one that is not new; infinity if never."""
    if report.client is None or not _is_changed(report) or not _is_new(report.client.certificate, now):
        return math.inf
    return _new_until(report.client.certificate)


def _is_changed(report: NodeReport) -> bool:
    new = report.client.certificate.authority_identifier if report.client else ""
    return "" not in (report.ties.issuer_before, new) and report.ties.issuer_before != new


def _is_new(client: Certificate | None, now: float) -> bool:
    return client is not None and now < _new_until(client)


def _new_until(client: Certificate) -> float:
    return client.not_before + min(LATELY, client.lifetime / 2)


def ca_caps_leaves(everybody: Members, _now: float) -> Hit | None:
    """32: what the kubelet rotates ends with its CA; where that is not known, at one moment though it began days apart.

    A CA that was renewed with its key ends later than the certificates that it capped before: these are no sign of it.
    """
    ends: defaultdict[tuple[str, int], list[Member]] = defaultdict(list)
    for member in everybody:
        if member.client and member.managed:
            ends[member.client.authority_identifier or member.client.issuer, member.client.not_after].append(member)
    capped = {end: group for (_, end), group in ends.items() if _is_capped(end, [_span(one) for one in group])}
    members = [member for group in capped.values() for member in group]
    if len(members) < SEVERAL:
        return None
    return Hit(
        f"the client certificates of {len(members)} nodes end on {_day(min(capped))}, because their CA does: each "
        "renewal is shorter than the one before, and none outlives the CA",
        members,
    )


def _span(member: Member) -> tuple[int, int | None]:
    authority = member.report.authority
    return member.client.not_before if member.client else 0, authority.not_after if authority else None


def cap_clue(report: NodeReport, _state: State, _now: float) -> Hashable:
    """Who signed what the kubelet rotates, its end, its begin and its CA's end; None where it rotates nothing."""
    if report.client is None or not report.client.managed:
        return None
    client, authority = report.client.certificate, report.authority
    signed = client.authority_identifier or client.issuer, client.not_after
    return signed, client.not_before, authority.not_after if authority else None


def may_cap(clues: Clues) -> bool:
    """Whether certificates enough end with their CA, or where that is not known, at one moment."""
    told = [clue for clue in clues if isinstance(clue, tuple)]
    counts = Counter([clue[0] for clue in told])
    alike = {signed for signed, number in counts.items() if number > 1} if len(counts) < len(told) else set()
    ends: defaultdict[tuple[str, int], list[tuple[int, int | None]]] = defaultdict(list)
    for signed, begin, authority_end in told:
        if signed in alike or signed[1] == authority_end:
            ends[signed].append((begin, authority_end))
    return sum(len(group) for (_, end), group in ends.items() if _is_capped(end, group)) >= SEVERAL


def _is_capped(end: int, group: list[tuple[int, int | None]]) -> bool:
    """``group`` are the begins of the certificates that end then, and the ends of their CAs where these are known."""
    authorities = [authority_end for _, authority_end in group if authority_end is not None]
    if authorities:
        return max(authorities) == end
    begins = [begin for begin, _ in group]
    return max(begins) - min(begins) > FAR_APART


def ca_of_kubeconfig_differs(members: Members, _now: float) -> Hit | None:
    """12: kubelet.conf trusts no CA that most others trust. By key: a CA that was renewed with its key is the same.

    Without a label ``cluster`` the inventory may hold several clusters, so there the server that kubelet.conf names
    says who belongs together.
    """
    peers: defaultdict[str, list[Member]] = defaultdict(list)
    for member in members:
        ties, cluster = member.report.ties, member.report.node.cluster
        if ties.trusted and (cluster or ties.server):
            peers["" if cluster else ties.server].append(member)
    strangers = [member for group in peers.values() for member in _strangers(group)]
    if not strangers:
        return None
    return Hit(
        f"kubelet.conf of {listed(strangers)} trusts another CA than the cluster's other nodes do: a kubelet refuses "
        "an API server whose certificate is of a CA that it does not know",
        strangers,
    )


def trust_clue(report: NodeReport, _state: State, _now: float) -> Hashable:
    """Whom a node's kubelet.conf trusts at which server; None where that is not known."""
    return (report.ties.server, report.ties.trusted) if report.ties.trusted else None


def may_differ(clues: Clues) -> bool:
    """Whether not all nodes trust the same."""
    return len({clue[1] for clue in clues if isinstance(clue, tuple)}) > 1


def _strangers(peers: list[Member]) -> list[Member]:
    trusted = Counter(key for member in peers for key in member.report.ties.trusted)
    common = {key for key, number in trusted.items() if number >= CLEAR_MAJORITY * len(peers)}
    if len(peers) < COMPARED_NODES or not common:
        return []
    return [member for member in peers if common.isdisjoint(member.report.ties.trusted)]


def _day(moment: float) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment):%Y-%m-%d}"
