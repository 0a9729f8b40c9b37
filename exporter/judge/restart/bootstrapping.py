"""kubelet.conf is not used: what the kubelet does with its bootstrap kubeconfig.

Kubernetes' ``bootstrap.go``: with rotation on ``LoadClientConfig`` writes a new kubelet.conf that names the store's
link, and the store decides; with rotation off ``LoadClientCert`` asks for a certificate first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from exporter.judge.restart import conf, in_use, store
from exporter.judge.restart.outcome import dies, lives, unknown, unseen
from exporter.judge.restart.view import CLIENT, View
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig
from exporter.model.restart import Restart, RestartReason

_NOT_PLAIN = "?"  # a value that is there and not shown


def judge(view: View, reason: str) -> Iterator[Restart]:
    """Every partial verdict of a kubelet that bootstraps for this ``reason``."""
    why = f"{view.kubelet.kubeconfig} cannot be used ({reason}), so the kubelet"
    yield from _file(view, why)
    yield from _kubeconfig(view, why)
    yield from _rotating(view, why) if view.kubelet.rotates else _at_rest(view)


def _file(view: View, why: str) -> Iterator[Restart]:
    """The bootstrap kubeconfig must load; its CA becomes kubelet.conf's."""
    path, bootstrap = view.kubelet.bootstrap, view.bootstrap
    checks = conf.opens(view, bootstrap) if bootstrap else []
    loading = conf.holds(checks) if bootstrap else None
    if bootstrap is None or loading is None:
        yield unseen(f"{path}")
    elif loading:
        yield from conf.empty_authority(bootstrap)
    else:
        is_missing = bootstrap.document.condition is DocumentCondition.MISSING
        cause = RestartReason.BOOTSTRAP_MISSING if is_missing else RestartReason.BOOTSTRAP_BROKEN
        what = "is not there" if is_missing else f"does not load: {conf.fault(checks)}"
        yield dies(cause, f"{why} turns to {path}, which {what}.")


def _kubeconfig(view: View, why: str) -> Iterator[Restart]:
    writable = view.kubeconfig.document.writable if view.kubeconfig else None
    if writable is False:
        words = f"{why} has to write it anew, and it cannot be written."
        yield dies(RestartReason.KUBECONFIG_NOT_WRITABLE, words)
    elif writable is None:
        yield unseen(f"whether {view.kubelet.kubeconfig} can be written")


def _rotating(view: View, why: str) -> Iterator[Restart]:
    """A pair of the store that has not ended is used, and the token is not."""
    verdict = in_use.of_store(view, None)
    if verdict is None:
        lack = "There is no valid certificate in the store"
        if view.is_writable is False:
            words = f"{lack}, and {view.kubelet.store} is not writable: a new one could not be kept."
            yield lives(RestartReason.STORE_NOT_WRITABLE, words)
        yield _token_unknown(view, lack)
    elif verdict.safe:
        yield replace(verdict, words=f"{why} writes it anew from {view.kubelet.bootstrap}. {verdict.words}")
        yield from _same_cluster(view)
    else:
        yield verdict


def _at_rest(view: View) -> Iterator[Restart]:
    """It first asks for a certificate, whatever the store holds."""
    yield from store.recovery(view, CLIENT)
    why = "Rotation is off, so a new certificate is asked for first"
    if view.is_writable is False:
        words = f"{why}, and {view.kubelet.store} is not writable: it could not be kept."
        yield dies(RestartReason.STORE_NOT_WRITABLE, words)
    yield _token_unknown(view, why)


def _token_unknown(view: View, why: str) -> Restart:
    words = f"{why}, and no file tells whether the credential in {view.kubelet.bootstrap} still holds."
    return unknown(RestartReason.BOOTSTRAP_TOKEN_UNKNOWN, words)


def _same_cluster(view: View) -> Iterator[Restart]:
    """Server and CA of the bootstrap file replace those of kubelet.conf."""
    own, other = view.kubeconfig, view.bootstrap
    if own is None or other is None or not own.is_read:
        return
    is_told = own.server not in (None, _NOT_PLAIN)
    if not is_told or own.server != other.server or not _is_same_authority(own, other):
        words = f"Server and CA of {other.document.path}, which would be used, are not those of {own.document.path}."
        yield unknown(RestartReason.BOOTSTRAP_CA_DIFFERS, words)


def _is_same_authority(own: Kubeconfig, other: Kubeconfig) -> bool:
    """Where kubelet.conf's CA is known to be unusable there is nothing to compare."""
    if own.authority is not None and not own.authority.condition.is_seen:
        return False
    is_unusable = own.authority is not None and not own.authority.certificates
    return is_unusable or _authority(own) == _authority(other)


def _authority(conf: Kubeconfig) -> frozenset[bytes]:
    return frozenset(conf.authority.certificates if conf.authority else ())
