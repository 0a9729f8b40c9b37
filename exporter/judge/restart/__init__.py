"""Would the kubelet come back after a restart: 1 that no certificate file stops it, 0 that one does, or not known.

Every clause was seen by starting the real kubelet 1.37.2 on prepared trees. Each side of a start gives partial
verdicts: a 0 of any wins, the one that strikes first; else what is not known; else it comes back. A fact that was not
seen is never taken for a good one.
"""

from __future__ import annotations

from dataclasses import replace

from exporter.judge.restart import client, configuration, serving
from exporter.judge.restart.outcome import unknown
from exporter.judge.restart.view import View
from exporter.model.facts import NodeFacts
from exporter.model.kubelet import Kubelet
from exporter.model.restart import Ending, Restart, RestartReason

_FIRST = (Ending.DIES, Ending.EXITS, Ending.LIVES)


def verdict(facts: NodeFacts, kubelet: Kubelet, now: float) -> Restart | None:
    """The verdict at ``now`` by the node's clock; None where a visit sees nothing beside the store."""
    if facts.process is None and facts.kubeconfig is None:
        return None
    if not kubelet.flags_known:
        words = "The kubelet's flags are not known, and with them neither its paths nor its settings."
        return unknown(RestartReason.FLAGS_UNKNOWN, words)
    chosen = _chosen(_partial(View(facts, kubelet, now)))
    if not kubelet.flags_remembered:
        return chosen
    return replace(chosen, words=f"{chosen.words.removesuffix('.')} (by the flags that an earlier visit saw).")


def _partial(view: View) -> list[Restart]:
    """Every partial verdict in the order in which a start meets its cause; the client side always has one."""
    return [
        *configuration.judge(view),
        *client.judge(view),
        *configuration.client_authority(view),
        *serving.judge(view),
    ]


def _chosen(partial: list[Restart]) -> Restart:
    against = [it for it in partial if it.safe is False]
    if against:
        return min(against, key=lambda it: _FIRST.index(it.ending or Ending.DIES))
    return next((it for it in partial if it.safe is None), partial[0])
