"""kubelet.conf is in use: which certificate the kubelet comes to have.

client-go's ``certificate_manager.go``, ``getCurrentCertificateOrBootstrap``: the store's pair unless it has ended, else
what kubelet.conf embeds, else none until one is signed. With rotation off kubelet.conf stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from exporter.judge.restart import conf, store
from exporter.judge.restart.outcome import comes_back, dies, exits, lives, moment, unknown, unseen
from exporter.judge.restart.pem import Pair, certificates, leaf, loads, place, why_not
from exporter.judge.restart.view import CLIENT, View
from exporter.model.kubelet_files import Kubeconfig
from exporter.model.restart import Restart, RestartReason


def judge(view: View, own: Kubeconfig) -> Iterator[Restart]:
    """Every partial verdict of a kubelet that uses ``own``."""
    yield from conf.empty_authority(own)
    pair = conf.credential(view, own)
    if not view.kubelet.rotates:
        yield _at_rest(view, own, pair)
        return
    named = pair if pair and pair.is_named else None
    found = of_store(view, named) or _from_kubeconfig(view, pair)
    yield replace(found, words=_until(view, pair)) if found.safe and pair and _is_bound(view, pair) else found


def of_store(view: View, named: Pair | None) -> Restart | None:
    """The store's pair; None where it has ended, or there is none. Only its leaf counts."""
    found = store.pair_of(view, CLIENT, named)
    if found.unseen:
        return unseen(found.unseen)
    if found.pair is None:
        return None
    loading = loads(view, found.pair)
    if loading is None:
        return unseen(f"what {found.pair.certificate.path} holds")
    if not loading:
        return broken(view, found.pair)
    return None if _has_ended(view, found.pair) else _usable(view, found.pair)


def broken(view: View, pair: Pair) -> Restart:
    """The store's first pair that exists must load, whatever else is good."""
    is_current = store.is_current(view, CLIENT, pair)
    reason = RestartReason.STORE_TARGET_BROKEN if is_current else RestartReason.CLIENT_PAIR_BROKEN
    if is_current:
        return dies(reason, f"{pair.certificate.path} is read at each start, but it {why_not(pair)}.")
    link = view.path(f"{CLIENT}-current.pem")
    words = f"{link} is not there, so the kubelet falls back to {pair.certificate.path}, which {why_not(pair)}."
    return dies(reason, words)


def _from_kubeconfig(view: View, pair: Pair | None) -> Restart:
    """Rotation on, and the store's pair has ended, or there is none."""
    if pair is None:
        return _needs_signing(view, f"what {view.kubelet.kubeconfig} holds")
    loading = loads(view, pair)
    if loading is None:
        return unseen(f"what {place(view, pair.certificate)} holds")
    if not loading:
        return _broken_in_kubeconfig(view, pair, alone=pair.is_embedded)
    if _has_ended(view, pair):
        words = f"{_ended(view, pair)}: with it every request for a new one is refused."
        return exits(RestartReason.KUBECONFIG_EXPIRED, words)
    if pair.is_embedded:
        return _usable(view, pair)
    if _begins_later(view, pair):
        return exits(RestartReason.NOT_YET_VALID, _not_yet(view, pair), leaf(pair).not_before)
    return _needs_signing(view, place(view, pair.certificate))


def _needs_signing(view: View, credential: str) -> Restart:
    why = "There is no valid certificate in the store"
    if view.is_writable is False:
        words = f"{why}, and {view.kubelet.store} is not writable: a new one could not be kept."
        return lives(RestartReason.STORE_NOT_WRITABLE, words)
    return unknown(RestartReason.NEEDS_SIGNING, f"{why}: a new one must be signed first, asked for with {credential}.")


def _at_rest(view: View, own: Kubeconfig, pair: Pair | None) -> Restart:
    """Rotation off: the store counts only where kubelet.conf names it."""
    if pair is None:
        words = f"{own.document.path} has no certificate, and no file tells whether its token or plugin is accepted."
        return unknown(RestartReason.CREDENTIAL_UNKNOWN, words)
    loading = loads(view, pair)
    if loading is None:
        return unseen(f"what {place(view, pair.certificate)} holds")
    if not loading:
        return _broken_in_kubeconfig(view, pair, alone=not pair.is_named)
    if _has_ended(view, pair):
        return lives(RestartReason.KUBECONFIG_EXPIRED, f"{_ended(view, pair)}, and rotation is off.")
    return _usable(view, pair)


def _broken_in_kubeconfig(view: View, pair: Pair, *, alone: bool) -> Restart:
    """A pair of kubelet.conf that does not load; what stands in it ``alone`` is read when the kubelet starts."""
    own = view.kubelet.kubeconfig
    if alone:
        return dies(RestartReason.KUBECONFIG_MISMATCHED, f"The pair that {own} embeds {why_not(pair)}.")
    words = f"What {own} names does not load: {place(view, pair.certificate)} {why_not(pair)}."
    return lives(RestartReason.CLIENT_PAIR_BROKEN, words)


def _usable(view: View, pair: Pair) -> Restart:
    """A certificate that loads and has not ended: it serves, or will."""
    if _begins_later(view, pair):
        return lives(RestartReason.NOT_YET_VALID, _not_yet(view, pair), leaf(pair).not_before)
    until = moment(leaf(pair).not_after)
    words = f"The certificate in {place(view, pair.certificate)} is valid until {until}, and no file stops the kubelet."
    if pair.certificate == view.healed:
        words = f"The kubelet finishes the store's rename when it starts. {words}"
    return comes_back(words)


def _is_bound(view: View, pair: Pair) -> bool:
    """Whether kubelet.conf has a certificate of its own, and no bootstrap file takes over once that has expired."""
    if view.kubelet.bootstrap is None or view.bootstrap is None or not certificates(pair.certificate):
        return False
    is_own = pair.certificate.path != view.path(f"{CLIENT}-current.pem")
    return is_own and conf.holds(conf.opens(view, view.bootstrap)) is False


def _until(view: View, pair: Pair) -> str:
    until = moment(min(certificate.not_after for certificate in certificates(pair.certificate)))
    what = f"the certificate in {place(view, pair.certificate)} expires"
    return f"The kubelet starts until {until}, when {what}; after that it does not."


def _has_ended(view: View, pair: Pair) -> bool:
    return view.now > leaf(pair).not_after


def _begins_later(view: View, pair: Pair) -> bool:
    return view.now < leaf(pair).not_before


def _ended(view: View, pair: Pair) -> str:
    return f"The certificate in {place(view, pair.certificate)} expired on {moment(leaf(pair).not_after)}"


def _not_yet(view: View, pair: Pair) -> str:
    return f"The certificate in {place(view, pair.certificate)} is valid only from {moment(leaf(pair).not_before)} on."
