"""Would the kubelet come back: without the bootstrap flag, and with a kubelet.conf that is in use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model.files import Condition, KeyBlock
from exporter.model.kubelet_files import DocumentCondition
from tests.kubelets import (
    EXPIRED,
    FUTURE,
    GOOD,
    HEALTHY,
    OTHER,
    Worker,
    absent,
    key,
    kubeconfig,
    pem,
)
from tests.restarts import (
    BOOTSTRAP,
    BROKEN_CA,
    COMES_BACK,
    EMPTY_CA,
    MISSING_CONF,
    NO_FLAG,
    NO_LINK,
    OFF,
    OFF_NO_FLAG,
    OFF_WITH_FILE,
    WITH_FILE,
    Row,
    conf_is,
    current,
    embedding,
    linked,
    mismatched,
    naming,
    read_only,
    rows,
    told,
)

WITHOUT_THE_FLAG: list[Row] = [
    ("must parse", conf_is(DocumentCondition.BROKEN, NO_FLAG), "0 kubeconfig-broken dies", NO_FLAG, COMES_BACK),
    ("must be there", conf_is(DocumentCondition.MISSING, NO_FLAG), "0 kubeconfig-broken dies", NO_FLAG, COMES_BACK),
    (
        "every file it names exists",
        NO_FLAG.with_kubeconfig(absent("/etc/ssl/node.crt"), key=key("/etc/ssl/node.key")),
        "0 kubeconfig-broken dies",
        NO_FLAG.with_kubeconfig(pem("/etc/ssl/node.crt"), key=pem("/etc/ssl/node.key")),
        COMES_BACK,
    ),
    (
        "pairs are not compared",
        mismatched(embedding(GOOD, worker=NO_FLAG), "#2", "#3"),
        COMES_BACK,
        mismatched(embedding(GOOD), "#2", "#3"),
        "0 bootstrap-missing dies",
    ),
    ("its CA holds PEM", replace(NO_FLAG, kubeconfig=BROKEN_CA), "0 kubeconfig-broken dies", NO_FLAG, COMES_BACK),
    (
        "expired does not matter while the store is good",
        embedding(EXPIRED, worker=NO_FLAG),
        COMES_BACK,
        embedding(EXPIRED),
        "0 bootstrap-missing dies",
    ),
    (
        "the bootstrap file does not help",
        conf_is(DocumentCondition.MISSING, replace(NO_FLAG, bootstrap=BOOTSTRAP)),
        "0 kubeconfig-broken dies",
        MISSING_CONF,
        COMES_BACK,
    ),
]

ENDED_NO_FLAG = NO_FLAG.with_files(current(EXPIRED))
TOKEN, EXEC = (kubeconfig(has_token=True), kubeconfig(command="aws-iam-authenticator"))
ROTATING: list[Row] = [
    (
        "embedded pair mismatched",
        mismatched(embedding(GOOD, worker=ENDED_NO_FLAG), "#2", "#3"),
        "0 kubeconfig-mismatched dies",
        embedding(GOOD, worker=ENDED_NO_FLAG),
        COMES_BACK,
    ),
    (
        "embedded unexpired, read-only folder or not",
        read_only(embedding(GOOD, worker=ENDED_NO_FLAG)),
        COMES_BACK,
        read_only(naming(GOOD, worker=ENDED_NO_FLAG)),
        "0 store-not-writable lives",
    ),
    (
        "embedded expired",
        embedding(EXPIRED, worker=ENDED_NO_FLAG),
        "0 kubeconfig-expired exits",
        embedding(EXPIRED, worker=NO_FLAG),
        COMES_BACK,
    ),
    (
        "named unexpired: a new one must be signed",
        naming(GOOD, worker=HEALTHY.with_files(current(EXPIRED))),
        "? needs-signing",
        naming(GOOD),
        COMES_BACK,
    ),
    (
        "named unexpired, folder not writable",
        read_only(naming(GOOD, worker=HEALTHY.with_files(current(EXPIRED)))),
        "0 store-not-writable lives",
        naming(GOOD, worker=HEALTHY.with_files(current(EXPIRED))),
        "? needs-signing",
    ),
    (
        "named and expired",
        naming(EXPIRED, worker=ENDED_NO_FLAG),
        "0 kubeconfig-expired exits",
        naming(GOOD, worker=ENDED_NO_FLAG),
        "? needs-signing",
    ),
    (
        "named and without a key",
        naming(GOOD, worker=ENDED_NO_FLAG).with_kubeconfig(
            pem("/etc/ssl/node.crt", GOOD), key=pem("/etc/ssl/node.key")
        ),
        "0 client-pair-broken lives",
        naming(GOOD, worker=ENDED_NO_FLAG),
        "? needs-signing",
    ),
    (
        "the link expired",
        linked(current(EXPIRED), NO_FLAG),
        "0 kubeconfig-expired exits",
        linked(current(GOOD), NO_FLAG),
        COMES_BACK,
    ),
    (
        "token",
        replace(ENDED_NO_FLAG, kubeconfig=TOKEN),
        "? needs-signing",
        replace(NO_FLAG, kubeconfig=TOKEN),
        COMES_BACK,
    ),
    ("exec", replace(ENDED_NO_FLAG, kubeconfig=EXEC), "? needs-signing", replace(NO_FLAG, kubeconfig=EXEC), COMES_BACK),
    (
        "token, folder not writable",
        read_only(replace(ENDED_NO_FLAG, kubeconfig=TOKEN)),
        "0 store-not-writable lives",
        replace(ENDED_NO_FLAG, kubeconfig=TOKEN),
        "? needs-signing",
    ),
]

AT_REST: list[Row] = [
    (
        "a key without a certificate is no certificate",
        replace(OFF_NO_FLAG, kubeconfig=replace(TOKEN, key=key("/etc/ssl/node.key"))),
        "? credential-unknown",
        OFF_NO_FLAG,
        COMES_BACK,
    ),
    (
        "the store counts only where kubelet.conf names it",
        embedding(EXPIRED, worker=OFF_NO_FLAG),
        "0 kubeconfig-expired lives",
        OFF_NO_FLAG,
        COMES_BACK,
    ),
    (
        "a broken store does not count",
        embedding(GOOD, worker=OFF.with_files(current())),
        COMES_BACK,
        embedding(GOOD, worker=HEALTHY.with_files(current())),
        "0 store-target-broken dies",
    ),
    (
        "embedded pair mismatched",
        mismatched(embedding(GOOD, worker=OFF_NO_FLAG), "#2", "#3"),
        "0 kubeconfig-mismatched dies",
        embedding(GOOD, worker=OFF_NO_FLAG),
        COMES_BACK,
    ),
    ("token", replace(OFF_NO_FLAG, kubeconfig=TOKEN), "? credential-unknown", OFF_NO_FLAG, COMES_BACK),
    ("exec", replace(OFF_NO_FLAG, kubeconfig=EXEC), "? credential-unknown", OFF_NO_FLAG, COMES_BACK),
    (
        "leaf expired",
        linked(current(EXPIRED), OFF_NO_FLAG),
        "0 kubeconfig-expired lives",
        linked(current(GOOD, EXPIRED), OFF_NO_FLAG),
        COMES_BACK,
    ),
    (
        "a named file that does not load",
        linked(current(GOOD, key=KeyBlock.CUT), OFF),
        "0 client-pair-broken lives",
        linked(current(GOOD), OFF),
        COMES_BACK,
    ),
    (
        "a named pair of two keys",
        mismatched(naming(GOOD, worker=OFF), "/etc/ssl/node.crt", "/etc/ssl/node.key"),
        "0 client-pair-broken lives",
        naming(GOOD, worker=OFF),
        COMES_BACK,
    ),
    (
        "leaf expired, with the flag: it bootstraps",
        linked(current(EXPIRED), OFF),
        "0 bootstrap-missing dies",
        linked(current(EXPIRED), OFF_WITH_FILE),
        "? bootstrap-token-unknown",
    ),
]

NOT_YET: list[Row] = [
    ("the store's, named", linked(current(FUTURE)), "0 not-yet-valid lives", HEALTHY, COMES_BACK),
    (
        "the store's, whatever kubelet.conf embeds",
        embedding(GOOD, worker=HEALTHY.with_files(current(FUTURE))),
        "0 not-yet-valid lives",
        embedding(FUTURE),
        COMES_BACK,
    ),
    (
        "no bootstrap file helps",
        linked(current(FUTURE), WITH_FILE),
        "0 not-yet-valid lives",
        linked(current(EXPIRED), WITH_FILE),
        "? bootstrap-token-unknown",
    ),
    (
        "the store's, bootstrapping",
        MISSING_CONF.with_files(current(FUTURE)),
        "0 not-yet-valid lives",
        MISSING_CONF,
        COMES_BACK,
    ),
    (
        "embedded",
        embedding(FUTURE, worker=NO_LINK),
        "0 not-yet-valid lives",
        embedding(GOOD, worker=NO_LINK),
        COMES_BACK,
    ),
    ("rotation off", naming(FUTURE, worker=OFF), "0 not-yet-valid lives", naming(GOOD, worker=OFF), COMES_BACK),
    (
        "what a new one is asked for with",
        naming(FUTURE, worker=ENDED_NO_FLAG),
        "0 not-yet-valid exits",
        naming(GOOD, worker=ENDED_NO_FLAG),
        "? needs-signing",
    ),
]

EMPTY_AUTHORITY: list[Row] = [
    (
        "an empty one in the file itself is none",
        replace(HEALTHY, kubeconfig=replace(EMPTY_CA, authority=absent("#1", Condition.EMPTY))),
        COMES_BACK,
        replace(HEALTHY, kubeconfig=EMPTY_CA),
        "0 kubeconfig-ca-empty lives",
    ),
    (
        "in use",
        replace(HEALTHY, kubeconfig=EMPTY_CA),
        "0 kubeconfig-ca-empty lives",
        replace(HEALTHY, kubeconfig=replace(EMPTY_CA, authority=None)),
        COMES_BACK,
    ),
    ("without the flag", replace(NO_FLAG, kubeconfig=EMPTY_CA), "0 kubeconfig-ca-empty lives", NO_FLAG, COMES_BACK),
    (
        "bootstrapping",
        replace(MISSING_CONF, bootstrap=replace(BOOTSTRAP, authority=EMPTY_CA.authority)),
        "0 kubeconfig-ca-empty lives",
        MISSING_CONF,
        COMES_BACK,
    ),
    (
        "another CA is not seen in files",
        replace(HEALTHY, kubeconfig=replace(EMPTY_CA, authority=pem("/x/ca.crt", OTHER))),
        COMES_BACK,
        replace(HEALTHY, kubeconfig=EMPTY_CA),
        "0 kubeconfig-ca-empty lives",
    ),
]


CLAUSES = rows(
    {
        "flag not set": WITHOUT_THE_FLAG,
        "in use, rotation on": ROTATING,
        "in use, rotation off": AT_REST,
        "not yet valid": NOT_YET,
        "CA file empty": EMPTY_AUTHORITY,
    }
)


@pytest.mark.parametrize(("tree", "expected", "neighbour", "of_neighbour"), CLAUSES.values(), ids=list(CLAUSES))
def test_a_clause_and_its_neighbour(tree: Worker, expected: str, neighbour: Worker, of_neighbour: str) -> None:
    """A tree that shows the clause, and one that differs in one detail and shows another verdict."""
    assert (told(tree), told(neighbour)) == (expected, of_neighbour)
    assert expected != of_neighbour
