"""Would the kubelet come back: what it must know, and the store, which is opened first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model.files import Condition, KeyBlock
from tests.kubelets import (
    CA,
    CURRENT,
    DATED,
    EXPIRED,
    GOOD,
    HEALTHY,
    OTHER,
    PKI,
    UPDATED,
    Worker,
    absent,
    pem,
)
from tests.restarts import (
    COMES_BACK,
    IN_THE_GAP,
    LEGACY,
    NO_FLAG,
    NO_LINK,
    NO_PROCESS,
    OFF,
    STANDALONE,
    UPDATED_FILE,
    WITH_FILE,
    Row,
    current,
    embedding,
    linked,
    mismatched,
    naming,
    read_only,
    rows,
    told,
)

KNOWN: list[Row] = [
    ("flags not known", NO_PROCESS, "? flags-unknown", HEALTHY, COMES_BACK),
    ("a path not known", HEALTHY.with_flags(kubeconfig="?"), "? flags-unknown", HEALTHY, COMES_BACK),
    (
        "rotation not known",
        HEALTHY.with_flags(rotate_certificates="?"),
        "? rotation-unknown",
        HEALTHY.with_flags(rotate_certificates="true"),
        COMES_BACK,
    ),
    (
        "standalone: no client side",
        STANDALONE.with_files(current(GOOD, key=KeyBlock.CUT)),
        COMES_BACK,
        NO_FLAG.with_files(current(GOOD, key=KeyBlock.CUT)),
        "0 store-target-broken dies",
    ),
    (
        "standalone: serving counts",
        STANDALONE.with_files(absent(f"{PKI}/kubelet.key")),
        "0 serving-pair-half dies",
        STANDALONE,
        COMES_BACK,
    ),
    (
        "standalone: configuration counts",
        STANDALONE.with_files(absent(CA)),
        "0 client-ca-broken dies",
        STANDALONE,
        COMES_BACK,
    ),
]

LOADS: list[Row] = [
    ("loads: a certificate", HEALTHY.with_files(current()), "0 store-target-broken dies", HEALTHY, COMES_BACK),
    ("loads: that is one", HEALTHY.with_files(current(b"0")), "0 store-target-broken dies", HEALTHY, COMES_BACK),
    (
        "loads: a complete key block",
        HEALTHY.with_files(current(GOOD, key=KeyBlock.CUT)),
        "0 store-target-broken dies",
        HEALTHY,
        COMES_BACK,
    ),
    (
        "loads: a key block at all",
        HEALTHY.with_files(current(GOOD, key=KeyBlock.NONE)),
        "0 store-target-broken dies",
        HEALTHY,
        COMES_BACK,
    ),
    (
        "loads: both of one key",
        mismatched(HEALTHY, CURRENT, CURRENT),
        "0 store-target-broken dies",
        replace(HEALTHY, pairs=((CURRENT, CURRENT, True),)),
        COMES_BACK,
    ),
    (
        "loads: dates aside",
        embedding(OTHER, worker=NO_FLAG.with_files(current(EXPIRED))),
        COMES_BACK,
        embedding(OTHER, worker=NO_FLAG.with_files(current(EXPIRED, key=KeyBlock.CUT))),
        "0 store-target-broken dies",
    ),
    (
        "loads: an empty file does not",
        embedding(GOOD, worker=HEALTHY.with_files(absent(CURRENT, Condition.EMPTY))),
        "0 store-target-broken dies",
        embedding(GOOD, worker=NO_LINK),
        COMES_BACK,
    ),
    (
        "loads: a truncated one does not",
        embedding(GOOD, worker=HEALTHY.with_files(absent(CURRENT, Condition.TRUNCATED))),
        "0 store-target-broken dies",
        embedding(GOOD, worker=NO_LINK),
        COMES_BACK,
    ),
]

UPDATED_DANGLING = replace(absent(UPDATED, Condition.DANGLING), link=DATED)
RECOVERY: list[Row] = [
    (
        "current absent, updated a link: it becomes current",
        linked(absent(CURRENT)).with_files(*IN_THE_GAP),
        COMES_BACK,
        linked(absent(CURRENT)),
        "0 bootstrap-missing dies",
    ),
    (
        "what became current is that alone",
        naming(EXPIRED, worker=HEALTHY.with_files(*IN_THE_GAP)),
        "0 bootstrap-missing dies",
        naming(GOOD, worker=HEALTHY.with_files(*IN_THE_GAP)),
        COMES_BACK,
    ),
    (
        "updated dangles: there is still no current",
        embedding(EXPIRED, worker=NO_FLAG.with_files(absent(CURRENT), UPDATED_DANGLING)),
        "0 kubeconfig-expired exits",
        embedding(EXPIRED, worker=NO_FLAG.with_files(absent(CURRENT), UPDATED_DANGLING, *LEGACY)),
        COMES_BACK,
    ),
    (
        "what became current must load",
        HEALTHY.with_files(absent(CURRENT), pem(UPDATED, GOOD, link=DATED)),
        "0 store-target-broken dies",
        HEALTHY.with_files(*IN_THE_GAP),
        COMES_BACK,
    ),
    (
        "current dangles, updated a link",
        linked(absent(CURRENT, Condition.DANGLING)).with_files(IN_THE_GAP[1]),
        COMES_BACK,
        linked(absent(CURRENT, Condition.DANGLING)),
        "0 bootstrap-missing dies",
    ),
    (
        "folder not writable",
        read_only(HEALTHY.with_files(*IN_THE_GAP)),
        "0 store-not-writable dies",
        HEALTHY.with_files(*IN_THE_GAP),
        COMES_BACK,
    ),
    (
        "updated a regular file",
        embedding(GOOD, worker=HEALTHY.with_files(absent(CURRENT), UPDATED_FILE)),
        "0 updated-regular-file dies",
        embedding(GOOD, worker=HEALTHY.with_files(*IN_THE_GAP)),
        COMES_BACK,
    ),
    (
        "with a current in place a link does not matter either",
        HEALTHY.with_files(pem(UPDATED, GOOD, link=DATED)),
        COMES_BACK,
        HEALTHY.with_files(absent(CURRENT), pem(UPDATED, GOOD, link=DATED)),
        "0 store-target-broken dies",
    ),
    (
        "with a current in place that file does not matter",
        HEALTHY.with_files(UPDATED_FILE),
        COMES_BACK,
        HEALTHY.with_files(absent(CURRENT), UPDATED_FILE),
        "0 updated-regular-file dies",
    ),
    (
        "with a current in place a read-only folder does not matter",
        read_only(HEALTHY),
        COMES_BACK,
        read_only(HEALTHY.with_files(*IN_THE_GAP)),
        "0 store-not-writable dies",
    ),
    (
        "rotation off: there is no recovery",
        embedding(GOOD, worker=OFF.with_files(absent(CURRENT), UPDATED_FILE)),
        COMES_BACK,
        embedding(GOOD, worker=HEALTHY.with_files(absent(CURRENT), UPDATED_FILE)),
        "0 updated-regular-file dies",
    ),
    (
        "without the flag as well",
        embedding(GOOD, worker=NO_FLAG.with_files(absent(CURRENT), UPDATED_FILE)),
        "0 updated-regular-file dies",
        embedding(GOOD, worker=NO_FLAG.with_files(*IN_THE_GAP)),
        COMES_BACK,
    ),
    (
        "without the flag kubelet.conf comes before it",
        linked(absent(CURRENT), NO_FLAG).with_files(*IN_THE_GAP),
        "0 kubeconfig-broken dies",
        embedding(EXPIRED, worker=NO_FLAG.with_files(*IN_THE_GAP)),
        COMES_BACK,
    ),
]

THE_STORES_PAIR: list[Row] = [
    (
        "current, whatever kubelet.conf holds",
        embedding(EXPIRED, worker=NO_FLAG),
        COMES_BACK,
        embedding(EXPIRED, worker=NO_FLAG.with_files(absent(CURRENT))),
        "0 kubeconfig-expired exits",
    ),
    (
        "else the two files that kubelet.conf names",
        naming(GOOD, worker=NO_LINK),
        COMES_BACK,
        mismatched(naming(GOOD, worker=NO_LINK), "/etc/ssl/node.crt", "/etc/ssl/node.key"),
        "0 client-pair-broken dies",
    ),
    (
        "else kubelet-client.crt and .key",
        embedding(EXPIRED, worker=NO_FLAG.with_files(absent(CURRENT), *LEGACY)),
        COMES_BACK,
        embedding(EXPIRED, worker=NO_FLAG.with_files(absent(CURRENT), LEGACY[0])),
        "0 kubeconfig-expired exits",
    ),
    (
        "the first that exists must load",
        embedding(GOOD, worker=NO_LINK.with_files(LEGACY[0], pem(LEGACY[1].path))),
        "0 client-pair-broken dies",
        embedding(GOOD, worker=NO_LINK.with_files(*LEGACY)),
        COMES_BACK,
    ),
    (
        "0 whatever else is good",
        embedding(GOOD, worker=WITH_FILE.with_files(current(GOOD, key=KeyBlock.CUT))),
        "0 store-target-broken dies",
        embedding(GOOD, worker=WITH_FILE),
        COMES_BACK,
    ),
    (
        "only its leaf's notAfter counts",
        linked(current(GOOD, EXPIRED), NO_FLAG),
        COMES_BACK,
        linked(current(EXPIRED, GOOD), NO_FLAG),
        "0 kubeconfig-expired exits",
    ),
]


CLAUSES = rows(
    {
        "known": KNOWN,
        "loads": LOADS,
        "recovery": RECOVERY,
        "the store's pair": THE_STORES_PAIR,
    }
)


@pytest.mark.parametrize(("tree", "expected", "neighbour", "of_neighbour"), CLAUSES.values(), ids=list(CLAUSES))
def test_a_clause_and_its_neighbour(tree: Worker, expected: str, neighbour: Worker, of_neighbour: str) -> None:
    """A tree that shows the clause, and one that differs in one detail and shows another verdict."""
    assert (told(tree), told(neighbour)) == (expected, of_neighbour)
    assert expected != of_neighbour
