"""Would the kubelet come back: with the bootstrap flag set, which file it uses and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig
from tests.kubelets import (
    AUTHORITY,
    BOOTSTRAP_CONF,
    CA,
    CURRENT,
    EXPIRED,
    GOOD,
    HEALTHY,
    KUBELET_CONF,
    OTHER,
    Worker,
    absent,
    document,
    key,
    kubeconfig,
    pem,
)
from tests.restarts import (
    BOOTSTRAP,
    BROKEN_CA,
    COMES_BACK,
    IN_THE_GAP,
    LEGACY,
    MISSING_CONF,
    OFF,
    OFF_WITH_FILE,
    UPDATED_FILE,
    WITH_FILE,
    Row,
    conf_is,
    current,
    embedding,
    mismatched,
    naming,
    read_only,
    rows,
    told,
)

# Every reason for which a kubelet with the flag does not use its kubelet.conf; the store is good.
TO_BOOTSTRAP: dict[str, Kubeconfig] = {
    "kubelet.conf absent": Kubeconfig(document(KUBELET_CONF, DocumentCondition.MISSING)),
    "unloadable: empty": Kubeconfig(document(KUBELET_CONF, DocumentCondition.EMPTY)),
    "unloadable: not parsed": Kubeconfig(document(KUBELET_CONF, DocumentCondition.BROKEN)),
    "unloadable: named file absent": kubeconfig(certificate=absent("/etc/ssl/node.crt"), key=key("/etc/ssl/node.key")),
    "unloadable: named key absent": kubeconfig(
        certificate=pem("/etc/ssl/node.crt", GOOD), key=absent("/etc/ssl/node.key")
    ),
    "unloadable: named file without PEM": kubeconfig(
        certificate=pem("/etc/ssl/node.crt"), key=key("/etc/ssl/node.key")
    ),
    "unloadable: CA file absent": kubeconfig(certificate=current(GOOD), authority=absent("/etc/ssl/ca.crt")),
    "unloadable: CA file without PEM": BROKEN_CA,
    "unloadable: embedded without its key": kubeconfig(certificate=pem("#2", GOOD), key=pem("#3", key=KeyBlock.CUT)),
    "unloadable: a certificate without a key": kubeconfig(certificate=pem("#2", GOOD), key=None),
    "no certificate: token": kubeconfig(has_token=True),
    "no certificate: exec": kubeconfig(command="aws"),
    "its certificate past notAfter": kubeconfig(certificate=pem("#2", EXPIRED), key=key("#3")),
    "any certificate in its PEM past notAfter": kubeconfig(certificate=pem("#2", GOOD, EXPIRED), key=key("#3")),
    "a named one past notAfter": kubeconfig(
        certificate=pem("/etc/ssl/node.crt", EXPIRED), key=key("/etc/ssl/node.key")
    ),
}
EMBEDDED_EXPIRED = pem("#2", EXPIRED)
UNWRITABLE = document(KUBELET_CONF, DocumentCondition.MISSING, writable=False)

BOOTSTRAPPING: list[Row] = [
    (
        "kubelet.conf in use: the bootstrap file does not matter",
        replace(HEALTHY, bootstrap=Kubeconfig(document(BOOTSTRAP_CONF, DocumentCondition.BROKEN))),
        COMES_BACK,
        replace(MISSING_CONF, bootstrap=Kubeconfig(document(BOOTSTRAP_CONF, DocumentCondition.BROKEN))),
        "0 bootstrap-broken dies",
    ),
    (
        "halves embedded and of two keys: it bootstraps",
        mismatched(embedding(GOOD), "#2", "#3"),
        "0 bootstrap-missing dies",
        embedding(GOOD),
        COMES_BACK,
    ),
    (
        "bootstrap file unloadable: a file that it names",
        replace(
            MISSING_CONF, bootstrap=replace(BOOTSTRAP, certificate=absent("/etc/ssl/b.crt"), key=key("/etc/ssl/b.key"))
        ),
        "0 bootstrap-broken dies",
        replace(
            MISSING_CONF,
            bootstrap=replace(BOOTSTRAP, certificate=pem("/etc/ssl/b.crt", GOOD), key=key("/etc/ssl/b.key")),
        ),
        COMES_BACK,
    ),
    (
        "bootstrap file unloadable: its CA",
        replace(MISSING_CONF, bootstrap=replace(BOOTSTRAP, authority=BROKEN_CA.authority)),
        "0 bootstrap-broken dies",
        MISSING_CONF,
        COMES_BACK,
    ),
    (
        "kubelet.conf not writable",
        replace(MISSING_CONF, kubeconfig=Kubeconfig(UNWRITABLE)),
        "0 kubeconfig-not-writable dies",
        MISSING_CONF,
        COMES_BACK,
    ),
    (
        "the store's pair unexpired: the token is not used",
        MISSING_CONF,
        COMES_BACK,
        MISSING_CONF.with_files(current(EXPIRED)),
        "? bootstrap-token-unknown",
    ),
    (
        "the store has none",
        MISSING_CONF.with_files(absent(CURRENT)),
        "? bootstrap-token-unknown",
        MISSING_CONF.with_files(absent(CURRENT), *LEGACY),
        COMES_BACK,
    ),
    (
        "the store's pair must load",
        MISSING_CONF.with_files(current(GOOD, key=KeyBlock.CUT)),
        "0 store-target-broken dies",
        MISSING_CONF,
        COMES_BACK,
    ),
    (
        "the files that an unused kubelet.conf names do not count",
        naming(EXPIRED, worker=WITH_FILE.with_files(absent(CURRENT))),
        "? bootstrap-token-unknown",
        naming(EXPIRED, worker=WITH_FILE),
        COMES_BACK,
    ),
    (
        "another server",
        replace(embedding(EXPIRED), bootstrap=replace(BOOTSTRAP, server="https://10.0.0.2:6443")),
        "? bootstrap-ca-differs",
        embedding(EXPIRED, worker=WITH_FILE),
        COMES_BACK,
    ),
    (
        "servers that were not shown are not the same",
        replace(
            embedding(EXPIRED, worker=WITH_FILE).with_kubeconfig(None, server="?"),
            bootstrap=replace(BOOTSTRAP, server="?"),
        ),
        "? bootstrap-ca-differs",
        embedding(EXPIRED, worker=WITH_FILE).with_kubeconfig(None),
        COMES_BACK,
    ),
    (
        "a CA that was not seen",
        replace(embedding(EXPIRED), bootstrap=replace(BOOTSTRAP, authority=PemFile(CA, Condition.DENIED))),
        "? not-seen",
        embedding(EXPIRED, worker=WITH_FILE),
        COMES_BACK,
    ),
    (
        "kubelet.conf without a CA",
        WITH_FILE.with_kubeconfig(EMBEDDED_EXPIRED, key=key("#3"), authority=None),
        "? bootstrap-ca-differs",
        WITH_FILE.with_kubeconfig(EMBEDDED_EXPIRED, key=key("#3")),
        COMES_BACK,
    ),
    (
        "kubelet.conf with a CA that was not seen",
        WITH_FILE.with_kubeconfig(EMBEDDED_EXPIRED, key=key("#3"), authority=PemFile(CA, Condition.DENIED)),
        "? bootstrap-ca-differs",
        WITH_FILE.with_kubeconfig(EMBEDDED_EXPIRED, key=key("#3"), authority=pem(CA, AUTHORITY)),
        COMES_BACK,
    ),
    (
        "another CA",
        replace(embedding(EXPIRED), bootstrap=replace(BOOTSTRAP, authority=pem("#9", OTHER))),
        "? bootstrap-ca-differs",
        replace(embedding(EXPIRED), bootstrap=replace(BOOTSTRAP, authority=pem(CA, AUTHORITY))),
        COMES_BACK,
    ),
    (
        "another server without a kubelet.conf to differ from",
        replace(MISSING_CONF, bootstrap=replace(BOOTSTRAP, server="https://10.0.0.2:6443")),
        COMES_BACK,
        replace(embedding(EXPIRED), bootstrap=replace(BOOTSTRAP, server="https://10.0.0.2:6443")),
        "? bootstrap-ca-differs",
    ),
    (
        "a new one cannot be stored",
        read_only(MISSING_CONF.with_files(current(EXPIRED))),
        "0 store-not-writable lives",
        MISSING_CONF.with_files(current(EXPIRED)),
        "? bootstrap-token-unknown",
    ),
    (
        "rotation off: it first asks, whatever the store holds",
        conf_is(DocumentCondition.MISSING, OFF_WITH_FILE),
        "? bootstrap-token-unknown",
        MISSING_CONF,
        COMES_BACK,
    ),
    (
        "rotation off: folder not writable",
        read_only(conf_is(DocumentCondition.MISSING, OFF_WITH_FILE)),
        "0 store-not-writable dies",
        conf_is(DocumentCondition.MISSING, OFF_WITH_FILE),
        "? bootstrap-token-unknown",
    ),
    (
        "rotation off: recovery fails",
        conf_is(DocumentCondition.MISSING, OFF_WITH_FILE).with_files(absent(CURRENT), UPDATED_FILE),
        "0 updated-regular-file dies",
        conf_is(DocumentCondition.MISSING, OFF_WITH_FILE).with_files(*IN_THE_GAP),
        "? bootstrap-token-unknown",
    ),
    (
        "rotation off: a broken current does not matter",
        conf_is(DocumentCondition.MISSING, OFF_WITH_FILE).with_files(current(GOOD, key=KeyBlock.CUT)),
        "? bootstrap-token-unknown",
        MISSING_CONF.with_files(current(GOOD, key=KeyBlock.CUT)),
        "0 store-target-broken dies",
    ),
    (
        "rotation off: no bootstrap file",
        conf_is(DocumentCondition.MISSING, OFF),
        "0 bootstrap-missing dies",
        conf_is(DocumentCondition.MISSING, OFF_WITH_FILE),
        "? bootstrap-token-unknown",
    ),
]


CLAUSES = rows(
    {
        "bootstrap flag set": BOOTSTRAPPING,
    }
)


@pytest.mark.parametrize(("tree", "expected", "neighbour", "of_neighbour"), CLAUSES.values(), ids=list(CLAUSES))
def test_a_clause_and_its_neighbour(tree: Worker, expected: str, neighbour: Worker, of_neighbour: str) -> None:
    """A tree that shows the clause, and one that differs in one detail and shows another verdict."""
    assert (told(tree), told(neighbour)) == (expected, of_neighbour)
    assert expected != of_neighbour


@pytest.mark.parametrize("conf", TO_BOOTSTRAP.values(), ids=list(TO_BOOTSTRAP))
@pytest.mark.parametrize(
    ("bootstrap", "expected"),
    [
        (HEALTHY.bootstrap, "0 bootstrap-missing dies"),
        (Kubeconfig(document(BOOTSTRAP_CONF, DocumentCondition.BROKEN)), "0 bootstrap-broken dies"),
        (Kubeconfig(document(BOOTSTRAP_CONF, DocumentCondition.DENIED)), "? not-seen"),
        (None, "? not-seen"),
        (BOOTSTRAP, COMES_BACK),
    ],
    ids=["missing", "unloadable", "denied", "not looked at", "there"],
)
def test_what_makes_a_kubelet_bootstrap(conf: Kubeconfig, bootstrap: Kubeconfig | None, expected: str) -> None:
    """With the flag set: then the bootstrap file decides, and a good store is used without its token."""
    assert told(replace(HEALTHY, kubeconfig=conf, bootstrap=bootstrap)) == expected


@pytest.mark.parametrize("conf", TO_BOOTSTRAP.values(), ids=list(TO_BOOTSTRAP))
def test_a_kubelet_that_bootstraps_writes_its_kubelet_conf(conf: Kubeconfig) -> None:
    """Where that cannot be written it dies; whether it can, only root knows."""
    for writable, expected in ((False, "0 kubeconfig-not-writable dies"), (None, "? not-seen")):
        closed = replace(conf, document=replace(conf.document, writable=writable))
        assert told(replace(WITH_FILE, kubeconfig=closed)) == expected
