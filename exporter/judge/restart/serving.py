"""The serving side of a start: the certificate that the kubelet answers with, if it can have one.

Kubernetes' ``InitializeTLS`` in ``cmd/kubelet/app/server.go``, and the store of ``kubelet-server``. That a certificate
has ended never matters.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.judge.restart import store
from exporter.judge.restart.outcome import dies, unseen
from exporter.judge.restart.pem import Pair, exists, loads, why_not
from exporter.judge.restart.view import SELF_SIGNED, SERVER, View
from exporter.model.restart import Restart, RestartReason

_COUNT_NO_FILES = ("btrfs", "vfat", "exfat", "")  # whose df shows no free inodes, ever; or not known


def judge(view: View) -> Iterator[Restart]:
    """Every hindrance of the serving side."""
    kubelet = view.kubelet
    certificate, key = kubelet.tls_cert_file, kubelet.tls_private_key_file
    named = Pair(view.file(certificate), view.file(key)) if certificate and key else None
    if kubelet.server_tls_bootstrap is None:
        yield unseen("whether the kubelet rotates its serving certificate")
    elif kubelet.server_tls_bootstrap:
        yield from _rotating(view, named)
    elif named is not None:
        yield from _must_load(view, named)
    elif not certificate and not key:
        yield from _self_signed(view)


def _rotating(view: View, named: Pair | None) -> Iterator[Restart]:
    """The first pair that exists must load; that there is none is no hindrance."""
    yield from store.recovery(view, SERVER)
    view = store.recovered(view, SERVER)
    found = store.pair_of(view, SERVER, named)
    if found.unseen:
        yield unseen(found.unseen)
    elif found.pair is not None:
        yield from _must_load(view, found.pair)


def _self_signed(view: View) -> Iterator[Restart]:
    """kubelet.crt and kubelet.key, which the kubelet makes where neither is there."""
    pair = Pair(view.file(view.path(f"{SELF_SIGNED}.crt")), view.file(view.path(f"{SELF_SIGNED}.key")))
    there = (exists(pair.certificate), exists(pair.key))
    if None in there:
        yield unseen((pair.certificate if there[0] is None else pair.key).path)
    elif all(there):
        yield from _must_load(view, pair)
    elif any(there):
        one, other = (pair.certificate, pair.key) if there[0] else (pair.key, pair.certificate)
        yield dies(
            RestartReason.SERVING_PAIR_HALF, f"{one.path} is there and {other.path} is not: both or neither must be."
        )
    else:
        yield from _can_be_made(view)


def _must_load(view: View, pair: Pair) -> Iterator[Restart]:
    loading = loads(view, pair)
    if loading is None:
        yield unseen(f"what {pair.certificate.path} and its key hold")
    elif not loading:
        words = f"{pair.certificate.path}, the serving certificate, {why_not(pair)}."
        yield dies(RestartReason.SERVING_PAIR_BROKEN, words)


def _can_be_made(view: View) -> Iterator[Restart]:
    why = f"There is no {view.path('kubelet.crt')}, and the kubelet cannot make it"
    if view.is_writable is False:
        yield dies(RestartReason.SERVING_NOT_WRITABLE, f"{why}: the folder is not writable.")
    elif _is_full(view):
        yield dies(RestartReason.SERVING_NOT_WRITABLE, f"{why}: there is no room in the folder.")
    elif view.is_writable is None or view.folder.bytes_free is None:
        yield unseen(f"whether there is room in {view.kubelet.store}")


def _is_full(view: View) -> bool:
    folder = view.folder
    return folder.bytes_free == 0 or (folder.files_free == 0 and folder.filesystem not in _COUNT_NO_FILES)
