"""What the kubelet's configuration says that keeps it from starting, or from rotating."""

from __future__ import annotations

from exporter.config.settings import Rotation
from exporter.judge.case import UNSEEN, Answer, Case
from exporter.judge.causes.wording import when
from exporter.judge.certificate import bundle
from exporter.judge.rotation import window
from exporter.model.files import Condition
from exporter.model.host import Sight
from exporter.model.kubelet_files import DocumentCondition

_WHY = {
    DocumentCondition.BROKEN: "does not parse as a KubeletConfiguration",
    DocumentCondition.MISSING: "is not there",
    DocumentCondition.EMPTY: "is empty",
}
_LOST = (DocumentCondition.DENIED, DocumentCondition.OUTSIDE_ROOT, DocumentCondition.UNREADABLE)


def config_broken(case: Case) -> Answer:
    """No number: a configuration that the kubelet refuses ends it at each start (cmd/kubelet/app/server.go).

    An empty file is refused too, and of drop-ins the same (pkg/kubelet/kubeletconfig/configfiles); so is a folder for
    them that is not there.
    """
    if case.facts.config is None:
        return UNSEEN
    for document in (config.document for config in case.facts.config):
        if document.condition in _WHY:
            return f"{document.path} {_WHY[document.condition]}: the kubelet exits at each start"
    return UNSEEN if any(config.document.condition in _LOST for config in case.facts.config) else None


def serving_gate_off(case: Case) -> Answer:
    """3: ``serverTLSBootstrap`` with its gate off is refused (pkg/kubelet/apis/config/validation/validation.go)."""
    asked, gate = case.kubelet.server_tls_bootstrap, case.kubelet.serving_gate
    if asked is False or gate is True:
        return None
    if asked is None or gate is None:
        return UNSEEN
    return (
        "serverTLSBootstrap is true and the feature gate RotateKubeletServerCertificate is off: "
        "the kubelet refuses that configuration at each start"
    )


def client_ca_broken(case: Case) -> Answer:
    """No number: without a certificate in ``clientCAFile`` the kubelet does not start; an expired one is no matter."""
    path = case.kubelet.client_ca_file
    if path is None:
        return None if case.kubelet.config_known else UNSEEN
    file = case.facts.pem(path)
    if file is None or not file.condition.is_seen:
        return UNSEEN
    if file.condition is Condition.READ and bundle(file):
        return None
    why = "is not there" if file.condition.is_absent else "holds no certificate"
    process = case.facts.process
    is_running = process is not None and process.sight is Sight.SEEN
    then = (
        "the running kubelet is not affected, it will not start again" if is_running else "the kubelet does not start"
    )
    return f"{path}, the kubelet's clientCAFile, {why}: {then}"


def rotation_disabled_late(case: Case) -> Answer:
    """1, and 90 % of the certificate's lifetime is over."""
    answer, certificate = rotation_disabled(case), case.certificate()
    if not isinstance(answer, str) or certificate is None:
        return answer if answer is UNSEEN else None
    if certificate is UNSEEN:
        return UNSEEN
    return answer if case.certainly >= window(certificate).end else None


def rotation_disabled(case: Case) -> Answer:
    """1: ``rotateCertificates`` is false unless it is set (mmontes11/k8s-bootstrap#26), and nobody else is said to
    renew the certificate.
    """
    kubelet = case.kubelet
    if kubelet.distribution.renews_itself or case.owner is not Rotation.KUBELET or kubelet.rotates:
        return None
    if kubelet.flags_known and kubelet.kubeconfig is None:
        return None  # standalone: it has no client certificate
    certificate = case.certificate()
    if kubelet.rotates is None or certificate is UNSEEN:
        return UNSEEN
    if certificate is None:
        return None  # a token, an exec plugin, or nothing: there is nothing to rotate
    now = case.facts.taken
    verb = "expired" if case.has_ended(certificate) else "expires"
    end = when(certificate.not_after, now)
    return f"rotateCertificates is {_where_off(case)}: nothing renews the client certificate, which {verb} on {end}"


def _where_off(case: Case) -> str:
    """``false``, and where that is said; a flag wins over a drop-in, a later drop-in over the file."""
    process = case.facts.process
    if process is None or not process.flags:
        process = case.memory.process or process
    if process and process.flag("rotate-certificates") is not None:
        return "false by the flag --rotate-certificates"
    files = case.facts.config or ()
    said = [place for place, file in enumerate(files) if file.settings.rotate_certificates is False]
    if not said:
        return "set nowhere, so it is false"
    path = files[said[-1]].document.path
    return f"false by the drop-in {path}" if said[-1] else f"false in {path}"
