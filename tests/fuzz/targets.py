"""What is fuzzed: each target takes any bytes, and raises nothing, as its own documented errors are caught here."""

from __future__ import annotations

from collections.abc import Callable

from exporter.collect.answer import answer
from exporter.collect.documents import kubeconfig, kubelet_config, outline
from exporter.collect.pem import PemScanner
from exporter.config.settings import Paths, Rotation
from exporter.errors import CollectError
from exporter.judge.assess import assess
from exporter.judge.certificate import NotACertificate, parse
from exporter.model.assessment import Memory
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet_files import Document, DocumentCondition

Target = Callable[[bytes], None]
_BITE = 16


def node_answer(data: bytes) -> None:
    """An answer is facts that can be judged, or refused with a reason."""
    try:
        facts = answer.parse(data, Paths(), 1_790_000_000.0, 1_790_000_001.0)
    except CollectError:
        return
    assess(facts, Rotation.KUBELET, Memory())


def document(data: bytes) -> None:
    """A document has an outline, and that is a kubeconfig and a configuration, or it is told why not."""
    condition, lines = outline.lines_of(data)
    found = Document("/etc/kubernetes/kubelet.conf", condition)
    if condition is DocumentCondition.READ:
        kubeconfig.parse(found, lines, lambda path: PemFile(path, Condition.MISSING))
        kubelet_config.parse(found, lines)


def pem_file(data: bytes) -> None:
    """A PEM file has certificates, or a condition that says why not."""
    scanner = PemScanner()
    for at in range(0, len(data), _BITE):
        if scanner.feed(data[at : at + _BITE]):
            break
    condition, certificates = scanner.result()
    assert (condition is Condition.READ) == bool(certificates)


def certificate(data: bytes) -> None:
    """DER is a certificate, or it is none."""
    try:
        parse(data)
    except NotACertificate:
        return


TARGETS: dict[str, Target] = {
    "answer": node_answer,
    "document": document,
    "pem": pem_file,
    "certificate": certificate,
}
