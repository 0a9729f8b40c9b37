"""Would the kubelet come back, in words: the judge's verdict on its files, and what no file shows."""

from __future__ import annotations

from exporter.cli.standing import Standing
from exporter.model.assessment import State
from exporter.model.finding import Cause
from exporter.model.kubelet import Credential
from exporter.model.restart import Ending, Restart, RestartReason

_VERDICTS = {True: "Safe. ", False: "Not safe. ", None: "Not known. "}
_UNCHECKED = "Safe, if key and certificate match (not checked). "
_STYLES = {True: "green", False: "bold red", None: "yellow"}
_ENDINGS = {
    Ending.DIES: "It exits at once, at each start.",
    Ending.EXITS: "It exits five minutes after each start, again and again.",
    Ending.LIVES: "It would start and look healthy, and the API server would not let it in.",
}
_HEALING = {
    Ending.EXITS: "Until then it exits five minutes after each start.",
    Ending.LIVES: "Until then it would start, look healthy, and be refused (401).",
}

_ANOTHER_NAME = (
    "No file stops the kubelet, but it would register as {name}: its certificate does not allow that, and the node "
    "goes NotReady."
)
# Where no certificate file stops the kubelet, and something else does: another verdict, and why.
_ALTHOUGH = {
    Cause.NODE_NAME_DIFFERS: ("Not safe until the name is back. ", _ANOTHER_NAME),
    Cause.CA_EXPIRED: (
        "It starts, and is refused. ",
        "No file stops the kubelet, but the API server refuses it until the CA is replaced.",
    ),
}
# Where a restart is safe as such, and had better wait.
_BESIDE = {
    Cause.STORE_FULL: "Wait with it all the same until there is room.",
    Cause.STORE_NOT_WRITABLE: "Wait with it all the same until the folder can be written.",
    Cause.STORE_ON_TMPFS: "A reboot is not safe: it empties the store.",
}
_NOT_AFTER = (
    "After that it is not: about five minutes after the expiry the kubelet exits, and without a bootstrap file it does "
    "not come back."
)
# What a kubelet that runs no longer reads.
_AT_START_ALONE = (
    RestartReason.CONFIG_BROKEN,
    RestartReason.SERVING_GATE_OFF,
    RestartReason.CLIENT_CA_BROKEN,
    RestartReason.STORE_TARGET_BROKEN,
    RestartReason.CLIENT_PAIR_BROKEN,
    RestartReason.KUBECONFIG_BROKEN,
    RestartReason.SERVING_PAIR_BROKEN,
    RestartReason.SERVING_PAIR_HALF,
    RestartReason.SERVING_NOT_WRITABLE,
)


def restart_words(it: Standing, restart: Restart) -> tuple[str, str, str]:
    """Verdict, what it rests on and how it looks; and the verdict's style."""
    verdict, style = _VERDICTS[restart.safe], _STYLES[restart.safe]
    if restart.safe is None:
        return verdict, restart.words, style
    if restart.safe is False:
        return verdict, " ".join(filter(None, (restart.words, _ending(restart), _meanwhile(it, restart)))), style
    for cause, (another, words) in _ALTHOUGH.items():
        if cause in it.causes:
            return another, words.format(name=it.kubelet.node_name or "the host's present name"), "bold red"
    beside = (words for cause, words in _BESIDE.items() if cause in it.causes)
    if it.facts is None or not it.facts.pairs:
        verdict = _UNCHECKED
    return verdict, " ".join((restart.words, *beside, *_afterwards(it))), style


def forbidden(it: Standing) -> str:
    """What had better not be done before the node is mended; empty where nothing is known to speak against it."""
    is_known_to_fail = it.restart is not None and it.restart.safe is False
    if is_known_to_fail or not it.causes.isdisjoint((*_ALTHOUGH, Cause.STORE_FULL, Cause.STORE_NOT_WRITABLE)):
        return "restart, reboot or kubelet upgrade"
    return "reboot" if Cause.STORE_ON_TMPFS in it.causes else ""


def _ending(restart: Restart) -> str:
    if restart.ending is None:
        return ""
    if restart.until is not None and restart.ending in _HEALING:
        return _HEALING[restart.ending]
    return _ENDINGS[restart.ending]


def _meanwhile(it: Standing, restart: Restart) -> str:
    """Where a kubelet runs it is not to be touched."""
    if not it.runs:
        return ""
    warning = f"No restart, reboot or kubelet upgrade until {'then' if restart.until is not None else 'it is fixed'}."
    is_at_peace = it.state in (State.FRESH, State.WINDOW, State.UNKNOWN, State.UNMANAGED)
    only_at_start = restart.ending is Ending.DIES and restart.reason in _AT_START_ALONE
    return f"{warning} The running kubelet is not affected." if is_at_peace and only_at_start else warning


def _afterwards(it: Standing) -> tuple[str, ...]:
    """What waits behind the expiry of a certificate that is not renewed in time."""
    kubelet, bootstrap = it.kubelet, it.facts.bootstrap if it.facts else None
    is_overdue = it.state in (State.LATE, State.STALLED) and kubelet.rotates and kubelet.credential is Credential.LINK
    if not is_overdue or not kubelet.flags_known:
        return ()
    if kubelet.bootstrap is None:
        return ("After that it is not: the kubelet exits five minutes after each start.",)
    is_gone = bootstrap is not None and bootstrap.is_missing
    return (_NOT_AFTER,) if is_gone else ()
