"""The kubelet in words: its process, its kubeconfig, who renews its certificate."""

from __future__ import annotations

from exporter.cli.words import duration, utc
from exporter.model.facts import Handshake, NodeFacts
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Credential, Kubelet

_CREDENTIALS = {
    Credential.LINK: "uses the store's link",
    Credential.LINK_ELSEWHERE: "uses a link outside the store",
    Credential.DATED: "names a dated file of the store",
    Credential.LEGACY_PAIR: "names kubelet-client.crt and kubelet-client.key",
    Credential.OTHER_FILE: "names a file outside the store",
    Credential.EMBEDDED: "embeds a certificate",
    Credential.TOKEN: "logs in with a token",
    Credential.EXEC: "logs in with a plugin",
    Credential.NONE: "has no credential",
}
_ROTATION = {
    True: "It renews its client certificate itself.",
    False: "It does not renew its client certificate itself.",
    None: "Whether it renews its client certificate itself is not known.",
}
_HANDSHAKES = {
    Handshake.REFUSED: "nothing listens there",
    Handshake.NO_ANSWER: "no answer in time",
    Handshake.NO_CERTIFICATE: "something there shows no certificate",
    Handshake.UNREACHABLE: "no way there from the exporter",
}


_STARTING = 120.0  # seconds: a kubelet that exits again and again may be met like this as well


def starting_words(facts: NodeFacts | None) -> str:
    """What a single visit cannot tell of a kubelet that has only just started; empty where it runs for longer."""
    started = facts.process.started if facts and facts.process else None
    if facts is None or started is None or _shown(facts) - started >= _STARTING:
        return ""
    return (
        f"The kubelet started {duration(_shown(facts) - started)} ago: one visit cannot tell a start from a crash "
        "loop. Ask its unit and its journal on the node, or visit again minutes later."
    )


def _shown(facts: NodeFacts) -> float:
    """This visit by the node's clock."""
    return facts.clock.shown if facts.clock else facts.taken


def kubelet_words(facts: NodeFacts, kubelet: Kubelet | None) -> list[str]:
    """One line each: the process, and its configuration; nothing where nobody looked."""
    told = [_process(facts)] if facts.process else []
    return told + ([_configuration(kubelet)] if kubelet else [])


def _process(facts: NodeFacts) -> str:
    process = facts.process or Process(Sight.HIDDEN)
    if process.sight is Sight.HIDDEN:
        return "Its process is not to be seen."
    if process.sight is Sight.ABSENT:
        return "Not running." + (f" {facts.service.unit} is {facts.service.active}." if facts.service else "")
    name = f"{process.name}: " if process.name not in ("", "kubelet") else ""
    if process.started is None:
        return f"{name}Running."
    return f"{name}Running since {utc(process.started)}, for {duration(_shown(facts) - process.started)}."


def _configuration(kubelet: Kubelet) -> str:
    words = [f"Distribution: {kubelet.distribution}."] if kubelet.distribution else []
    if kubelet.kubeconfig and kubelet.credential in _CREDENTIALS:
        words.append(f"{kubelet.kubeconfig} {_CREDENTIALS[kubelet.credential]}.")
    words.append(_ROTATION[kubelet.rotates])
    if kubelet.flags_remembered:
        words.append("Its flags are those of an earlier visit.")
    return " ".join(words)


def handshake_words(facts: NodeFacts) -> list[str]:
    """Why the certificate that the kubelet serves with was not seen; nothing where it was, or nobody asked."""
    if facts.handshake is None or facts.handshake is Handshake.SERVED:
        return []
    return [f"the certificate at the kubelet's port: {_HANDSHAKES[facts.handshake]}"]
