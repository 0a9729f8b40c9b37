"""Trees that differ from a healthy worker in what a restart meets, and its verdict in short."""

from __future__ import annotations

from dataclasses import replace

from exporter.judge.restart import verdict
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.host import Process, Sight
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig
from tests.kubelets import (
    BOOTSTRAP_CONF,
    CURRENT,
    DATED,
    GOOD,
    HEALTHY,
    KUBELET_CONF,
    PKI,
    UPDATED,
    Worker,
    absent,
    document,
    key,
    kubeconfig,
    pair,
    pem,
)
from tests.trees import NOW

COMES_BACK = "1 comes-back"


def told(worker: Worker) -> str:
    """The verdict in short: 1, 0 or ?, its reason, and how a 0 ends."""
    found = verdict(worker.facts, worker.kubelet, NOW)
    assert found is not None
    assert found.words.endswith(".")
    assert (found.ending is None) is (found.safe is not False)
    figure = {True: "1", False: "0", None: "?"}[found.safe]
    return " ".join([figure, found.reason, *([found.ending] if found.ending else [])])


def linked(content: PemFile, worker: Worker = HEALTHY) -> Worker:
    """The same with another link, which kubelet.conf names."""
    return worker.with_files(content).with_kubeconfig(content)


def current(*certificates: bytes, key: KeyBlock = KeyBlock.WHOLE) -> PemFile:
    """The store's link to a dated file of some content."""
    return pem(CURRENT, *certificates, key=key, link=DATED)


def embedding(*certificates: bytes, key: KeyBlock = KeyBlock.WHOLE, worker: Worker = HEALTHY) -> Worker:
    """The same with a kubelet.conf that embeds certificate and key."""
    return worker.with_kubeconfig(pem("#2", *certificates), key=pem("#3", key=key))


def naming(*certificates: bytes, worker: Worker = HEALTHY) -> Worker:
    """The same with a kubelet.conf that names two files outside of the store."""
    files = (pem("/etc/ssl/node.crt", *certificates), key("/etc/ssl/node.key"))
    return worker.with_files(*files).with_kubeconfig(files[0], key=files[1])


def conf_is(condition: DocumentCondition, worker: Worker = HEALTHY) -> Worker:
    """The same with a kubelet.conf in another condition."""
    return replace(worker, kubeconfig=Kubeconfig(document(KUBELET_CONF, condition)))


def read_only(worker: Worker) -> Worker:
    """The same with a folder that nothing can be stored in."""
    assert worker.folder
    return replace(worker, folder=replace(worker.folder, writable=False))


def mismatched(worker: Worker, certificate: str, key: str) -> Worker:
    """The same where two files were compared and are not of one key."""
    return replace(worker, pairs=((certificate, key, False),))


BOOTSTRAP = kubeconfig(BOOTSTRAP_CONF, has_token=True)
WITH_FILE = replace(HEALTHY, bootstrap=BOOTSTRAP)
NO_FLAG = HEALTHY.with_flags(bootstrap_kubeconfig=None)
OFF, OFF_NO_FLAG, OFF_WITH_FILE = (it.with_settings(rotate_certificates=False) for it in (HEALTHY, NO_FLAG, WITH_FILE))
STANDALONE = NO_FLAG.with_flags(kubeconfig=None)
NO_LINK = HEALTHY.with_files(absent(CURRENT))
NO_PROCESS = replace(HEALTHY, process=Process(Sight.ABSENT))
IN_THE_GAP = (absent(CURRENT), pair(UPDATED, GOOD, link=DATED))
UPDATED_FILE = pair(UPDATED, GOOD)
LEGACY = pem(f"{PKI}/kubelet-client.crt", GOOD), key(f"{PKI}/kubelet-client.key")
BROKEN_CA = kubeconfig(
    certificate=current(GOOD), authority=absent("/etc/kubernetes/api-ca.crt", Condition.NO_CERTIFICATE)
)
EMPTY_CA = kubeconfig(certificate=current(GOOD), authority=absent("/etc/kubernetes/api-ca.crt", Condition.EMPTY))
MISSING_CONF = conf_is(DocumentCondition.MISSING, WITH_FILE)

Row = tuple[str, Worker, str, Worker, str]  # the clause, a tree, its verdict, its neighbour, that one's verdict


def rows(tables: dict[str, list[Row]]) -> dict[str, tuple[Worker, str, Worker, str]]:
    """The rows of some tables, each by its clause."""
    return {f"{part}: {row[0]}": row[1:] for part, table in tables.items() for row in table}
