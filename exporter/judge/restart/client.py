"""The client side of a start: whether the kubelet uses kubelet.conf, or bootstraps.

Kubernetes' ``cmd/kubelet/app/server.go``, ``buildKubeletClientConfig``; ``bootstrap.go``, ``LoadClientConfig``.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.judge.restart import bootstrapping, conf, in_use, store
from exporter.judge.restart.outcome import comes_back, dies, unknown, unseen
from exporter.judge.restart.pem import loads
from exporter.judge.restart.view import CLIENT, View
from exporter.model.restart import Restart, RestartReason


def judge(view: View) -> Iterator[Restart]:
    """Every partial verdict of the client side, in the order in which a start meets its cause."""
    if view.kubelet.kubeconfig is None:
        yield comes_back("The kubelet has no --kubeconfig: it runs standalone, and no file stops it.")
    elif view.kubelet.rotates is None:
        words = "Whether the kubelet rotates its client certificate is not known."
        yield unknown(RestartReason.ROTATION_UNKNOWN, words)
    elif view.kubelet.bootstrap is None:
        yield from _without_flag(view)
    else:
        yield from _with_flag(view)


def _without_flag(view: View) -> Iterator[Restart]:
    """kubelet.conf must load; recovery of the store comes after it."""
    own = view.kubeconfig
    checks = conf.opens(view, own) if own else []
    if own is not None and conf.holds(checks) is False:
        words = f"{own.document.path} does not load: {conf.fault(checks)}."
        yield dies(RestartReason.KUBECONFIG_BROKEN, words)
        return
    if view.kubelet.rotates:
        yield from store.recovery(view, CLIENT)
        view = store.recovered(view, CLIENT)
    if own is not None and conf.holds(checks):
        yield from in_use.judge(view, own)
    else:
        yield from _whichever(view)


def _with_flag(view: View) -> Iterator[Restart]:
    """Recovery first, where it rotates; then kubelet.conf is in use, or the kubelet bootstraps."""
    if view.kubelet.rotates:
        yield from store.recovery(view, CLIENT)
        view = store.recovered(view, CLIENT)
    own = view.kubeconfig
    checks = conf.still_valid(view, own) if own else []
    if own is None or conf.holds(checks) is None:
        yield from _whichever(view)
    elif conf.holds(checks):
        yield from in_use.judge(view, own)
    else:
        yield from bootstrapping.judge(view, conf.fault(checks))


def _whichever(view: View) -> Iterator[Restart]:
    """kubelet.conf was not seen; a link of the store that does not load stops a rotating kubelet all the same."""
    yield unseen(f"{view.kubelet.kubeconfig}, or what it names")
    link = store.pair_of(view, CLIENT, None).pair
    if view.kubelet.rotates and link and store.is_current(view, CLIENT, link) and loads(view, link) is False:
        yield in_use.broken(view, link)
