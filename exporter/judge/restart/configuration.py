"""What a kubelet reads before any certificate: its configuration; and the CA of its own clients."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.judge.restart.outcome import dies, unseen
from exporter.judge.restart.pem import has_certificates
from exporter.judge.restart.view import View
from exporter.model.kubelet_files import DocumentCondition
from exporter.model.restart import Restart, RestartReason

_BROKEN = {
    DocumentCondition.MISSING: "is not there",
    DocumentCondition.EMPTY: "is empty",
    DocumentCondition.BROKEN: "cannot be parsed",
}


def judge(view: View) -> Iterator[Restart]:
    """Configuration and drop-ins must be there, parse and be valid; unknown and duplicate fields are no matter."""
    files = () if view.kubelet.config_known else view.facts.config or ()
    for file in files:
        condition = file.document.condition
        if condition in _BROKEN:
            words = f"{file.document.path}, part of the kubelet's configuration, {_BROKEN[condition]}."
            yield dies(RestartReason.CONFIG_BROKEN, words)
        elif not condition.is_seen:
            yield unseen(file.document.path)
    if not view.kubelet.config_known:
        yield unseen("the kubelet's configuration")
    if view.kubelet.server_tls_bootstrap and view.kubelet.serving_gate is False:
        words = "serverTLSBootstrap is on without its gate RotateKubeletServerCertificate: the kubelet refuses that."
        yield dies(RestartReason.SERVING_GATE_OFF, words)


def client_authority(view: View) -> Iterator[Restart]:
    """clientCAFile must hold a certificate; an expired one is no matter."""
    path = view.kubelet.client_ca_file
    if path is None:
        return
    holds = has_certificates(view.file(path))
    if holds is None:
        yield unseen(path)
    elif not holds:
        words = f"{path}, the clientCAFile of the kubelet's configuration, is not there or holds no certificate."
        yield dies(RestartReason.CLIENT_CA_BROKEN, words)
