"""Nodes that live: a kubelet that rotates or does not, and what a visit at some moment sees of it.

Time is an argument everywhere (seconds since the epoch); certificates are real and dated as kube-controller-manager
dates them. What is not said here is a healthy kubeadm worker's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from exporter.config.settings import Paths, Rotation
from exporter.demo.signer import Authority
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, NodeClock, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import FileKind, PemFile
from exporter.model.host import Host, Process, Sight
from exporter.model.kubelet_files import ConfigFile, KubeletSettings
from exporter.model.node import Node, SshAccess
from tests.kubelets import (
    CA,
    CONFIG,
    FLAGS,
    HEALTHY,
    PKI,
    document,
    key,
    kubeconfig,
    pair,
    pem,
)
from tests.trees import NOW, unarmour

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY
KEPT = 3  # dated files that a visit reads
ROOT = Authority("kubernetes", not_before=NOW - 2 * YEAR)
OWN = unarmour(ROOT.issue("worker@1", NOW - YEAR, NOW + 9 * YEAR, serving=True).certificate)
Twist = Callable[[NodeFacts], NodeFacts]


class Chain:
    """One certificate and its successors, as the kubelet's store keeps them.

    ``u`` fixes at which share of a life the next is asked for; ``ahead`` is how far the signer's clock is ahead.
    """

    def __init__(self, name: str, ttl: float, prefix: str, root: Authority, dice: random.Random) -> None:
        self.name, self.ttl, self.prefix, self.root = name, ttl, prefix, root
        self.u: float | None = None
        self.ahead = 0.0
        self.is_answered = True  # whether anybody signs its requests
        self.signed: list[tuple[float, bytes]] = []  # when, and the DER; the last is in use
        self.count = 0
        self.due = 0.0
        self._dice = dice

    @property
    def in_use(self) -> tuple[float, bytes]:
        return self.signed[-1]

    @property
    def dates(self) -> tuple[float, float]:
        """notBefore and notAfter of the certificate in use."""
        not_before, not_after = self.root.dates(self.in_use[0] + self.ahead, self.ttl)
        return int(not_before), int(not_after)

    def share(self, share: float) -> float:
        """When that share of the life of the certificate in use is over."""
        not_before, not_after = self.dates
        return not_before + share * (not_after - not_before)

    def sign(self, now: float) -> None:
        """A new certificate, and the draw of the next deadline."""
        serving = self.prefix == "kubelet-server"
        dates = self.root.dates(now + self.ahead, self.ttl)
        issued = self.root.issue(f"system:node:{self.name}", *dates, serving=serving)
        self.signed = [*self.signed, (now, unarmour(issued.certificate))][-KEPT:]
        self.count += 1
        self.draw(now)

    def draw(self, now: float) -> None:
        """The moment of the next certificate, as a kubelet that starts now has it; the signature takes some seconds.

        Who asks at the very end of the window is answered in it all the same: the rest would be late for seconds.
        """
        u = self._dice.uniform(0.7, 0.9) if self.u is None else self.u
        asked, end = max(self.share(u), now), self.share(0.9)
        self.due = asked + min(self._dice.uniform(1, 8), (end - asked) / 2 if asked < end else 8)

    def file(self, moment: float) -> str:
        return f"{self.prefix}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime(moment))}.pem"

    def entries(self) -> list[StoreEntry]:
        """The store's listing: the link, and what it led to lately."""
        link = StoreEntry(f"{self.prefix}-current.pem", FileKind.LINK, 0o777, 0, 0, 60, int(self.in_use[0]))
        dated = [
            StoreEntry(self.file(moment), FileKind.REGULAR, 0o600, 0, 0, 1100, int(moment)) for moment, _ in self.signed
        ]
        return [link, *dated]

    def current(self) -> PemFile:
        moment, der = self.in_use
        return pair(f"{PKI}/{self.prefix}-current.pem", der, link=f"{PKI}/{self.file(moment)}")

    def newest(self) -> tuple[PemFile, ...]:
        return tuple(pair(f"{PKI}/{self.file(moment)}", der) for moment, der in reversed(self.signed))


class Life:
    """One node from the moment ``born``, when its first certificate was signed."""

    def __init__(
        self,
        name: str,
        born: float,
        ttl: float = YEAR,
        *,
        cluster: str | None = "prod",
        root: Authority = ROOT,
        serving: float | None = None,
        u: float | None = None,
        ahead: float = 0.0,
    ) -> None:
        dice = random.Random(name)
        labels = () if cluster is None else (("cluster", cluster),)
        self.node = Node(name, SshAccess(f"{name}.example", name=name), Paths(), labels=labels)
        self.client = Chain(name, ttl, "kubelet-client", root, dice)
        self.serving = Chain(name, serving, "kubelet-server", root, dice) if serving else None
        self.client.u, self.client.ahead = u, ahead
        self.root = root
        self.rotates = True  # as its configuration has it
        self.started: float | None = born - DAY  # the kubelet; None: it does not run
        self.refuses: Reason | None = None  # why no visit reaches it
        self.fails: Callable[[float], bool] = lambda _: False  # a visit at that moment times out
        self.clock = 0.0  # ahead of the exporter's, seconds
        self.twist: Twist = lambda facts: facts
        for chain in self.chains:
            chain.sign(born)

    @classmethod
    def aged(cls, name: str, share: float, at: float, ttl: float = YEAR, **how: Any) -> Life:
        """One whose first certificate has that share of its life behind it at a moment."""
        not_before, not_after = ROOT.dates(0, ttl)
        return cls(name, at - not_before - share * (not_after - not_before), ttl, **how)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def chains(self) -> list[Chain]:
        return [self.client, *([self.serving] if self.serving else [])]

    def advance(self, now: float) -> None:
        """Every rotation that has come due."""
        for chain in self.chains:
            while self.started is not None and self.rotates and chain.is_answered and chain.due <= now:
                chain.sign(chain.due)

    def stalls(self, *chains: Chain) -> Life:
        """Nobody signs its requests any more."""
        for chain in chains or self.chains:
            chain.is_answered = False
        return self

    def is_heard(self, now: float) -> None:
        """Its requests are signed after all."""
        for chain in self.chains:
            chain.is_answered, chain.due = True, max(chain.due, now + 5)

    def goes(self, now: float, reason: Reason = Reason.CONNECT_TIMEOUT) -> None:
        """The machine is off."""
        self.advance(now)
        self.started, self.refuses = None, reason

    def comes_back(self, now: float) -> None:
        """It is on again; its kubelet starts, where its certificate still lets it, and draws a new deadline."""
        self.refuses = None
        if now < self.client.dates[1]:
            self.started = now
            for chain in self.chains:
                chain.draw(now)

    def is_read_by(self, owner: Rotation) -> Life:
        """The same with this word of the exporter's configuration about who rotates."""
        self.node = replace(self.node, rotation=owner)
        return self

    def facts(self, now: float) -> NodeFacts:
        """What a visit sees; raises CollectError where none gets there."""
        assert now >= self.client.signed[0][0], "read before it was born"
        self.advance(now)
        if self.refuses:
            raise CollectError(self.refuses)
        if self.fails(now):
            raise CollectError(Reason.CONNECT_TIMEOUT)
        return self.twist(self._seen(now))

    def _seen(self, now: float) -> NodeFacts:
        current, authority = self.client.current(), unarmour(self.root.certificate)
        serving = self.serving.current() if self.serving else pem(f"{PKI}/kubelet.crt", OWN)
        beside = [pem(CA, authority), *([] if self.serving else [key(f"{PKI}/kubelet.key")])]
        settings = KubeletSettings(
            rotate_certificates=self.rotates, server_tls_bootstrap=bool(self.serving) or None, client_ca_file=CA
        )
        return replace(
            HEALTHY.facts,
            taken=now,
            store=self._store(),
            client=current,
            serving=serving,
            clock=NodeClock(now + self.clock, now - 0.05, now + 0.05),
            host=Host(self.name, "ubuntu", f"{self.name}-machine", f"{self.name}-boot", uptime=9e6, awake=9e6, zone=0),
            process=self._process(),
            kubeconfig=kubeconfig(certificate=current, authority=pem("#1", authority)),
            config=(ConfigFile(document(CONFIG), settings),),
            files=tuple(beside),
        )

    def _store(self) -> StoreFacts:
        lines = [line for chain in self.chains for line in chain.entries()]
        if self.serving is None:
            lines += [
                StoreEntry(name, FileKind.REGULAR, 0o600, 0, 0, 1100, NOW - YEAR)
                for name in ("kubelet.crt", "kubelet.key")
            ]
        return StoreFacts(
            PKI,
            DirectoryCondition.OK,
            tuple(lines),
            dated_client=self.client.count,
            dated_server=self.serving.count if self.serving else 0,
            newest=self.client.newest(),
            folder=HEALTHY.folder,
        )

    def _process(self) -> Process:
        if self.started is None:
            return Process(Sight.ABSENT)
        return Process(Sight.SEEN, "kubelet", 1, self.started + self.clock, 0, tuple(FLAGS.items()))
