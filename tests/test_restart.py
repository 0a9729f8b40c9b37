"""Would the kubelet come back: which verdict wins, what its words say, and that what was not seen is never good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.judge.kubelet import understand
from exporter.judge.restart import verdict
from exporter.model.assessment import Memory
from exporter.model.facts import DirectoryCondition, StoreFacts
from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.kubelet_files import ConfigFile, DocumentCondition
from exporter.model.restart import RestartReason
from tests.kubelets import (
    BOOTSTRAP_CONF,
    CA,
    CONFIG,
    CURRENT,
    DATED,
    DAY,
    EXPIRED,
    FUTURE,
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
    lasting,
    pem,
)
from tests.restarts import (
    BROKEN_CA,
    COMES_BACK,
    IN_THE_GAP,
    LEGACY,
    NO_FLAG,
    NO_LINK,
    NO_PROCESS,
    OFF,
    UPDATED_FILE,
    WITH_FILE,
    conf_is,
    current,
    embedding,
    linked,
    told,
)
from tests.trees import NOW


def test_not_yet_valid_heals_by_itself() -> None:
    """The verdict says until when."""
    found = verdict(linked(current(FUTURE)).facts, HEALTHY.kubelet, NOW)
    assert found is not None
    assert found.until == NOW + 2 * DAY
    after = verdict(linked(current(FUTURE)).facts, HEALTHY.kubelet, NOW + 2 * DAY)
    assert after is not None
    assert (after.safe, after.until) == (True, None)


@pytest.mark.parametrize(("seconds", "expected"), [(0, COMES_BACK), (1, "0 bootstrap-missing dies")])
def test_a_certificate_ends_after_its_last_second(seconds: int, expected: str) -> None:
    """Go's ``now.After(notAfter)``."""
    found = verdict(HEALTHY.facts, HEALTHY.kubelet, NOW + 335 * DAY + seconds)
    assert found is not None
    assert expected.startswith(f"{int(bool(found.safe))} {found.reason}")


def test_what_dies_at_once_strikes_before_what_lives() -> None:
    """Two hindrances: the words are those of the one that a person meets."""
    assert told(linked(current(FUTURE)).with_files(absent(CA))) == "0 client-ca-broken dies"
    assert (
        told(linked(current(EXPIRED), NO_FLAG).with_files(absent(f"{PKI}/kubelet.crt"))) == "0 serving-pair-half dies"
    )
    assert told(replace(linked(current()), config=(ConfigFile(document(CONFIG, DocumentCondition.BROKEN)),))) == (
        "0 config-broken dies"
    )


def test_an_old_script_gives_no_verdict() -> None:
    """Where nothing beside the store was looked at there is nothing to say."""
    facts = replace(HEALTHY.facts, process=None, kubeconfig=None)
    assert verdict(facts, understand(facts, Memory()), NOW) is None
    assert told(replace(HEALTHY, process=None)) == "? flags-unknown"


def test_remembered_flags_count_and_are_told() -> None:
    """A kubelet that is down is judged by the flags of the last visit, and the words say so."""
    before = Memory(process=HEALTHY.facts.process)
    for worker, safe in ((NO_PROCESS, True), (linked(absent(CURRENT), NO_PROCESS), False)):
        found = verdict(worker.facts, understand(worker.facts, before), NOW)
        assert found is not None
        assert found.safe is safe
        assert found.words.endswith(" (by the flags that an earlier visit saw).")


# What its users know it by.


def test_the_healthy_pair_of_a_false_alarm_comes_back() -> None:
    """k/k#138763: a 45-day certificate at 0.845 of its life is nothing."""
    assert told(linked(current(lasting(-38, 7)))) == COMES_BACK


IN_2027 = embedding(EXPIRED)
UNREAD = PemFile(CURRENT, Condition.DENIED, link=DATED)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (IN_2027, "0 bootstrap-missing dies"),
        (IN_2027.with_kubeconfig(current(GOOD)), COMES_BACK),
        (IN_2027.with_settings(rotate_certificates=False), "0 bootstrap-missing dies"),
        (IN_2027.with_kubeconfig(current(GOOD)).with_settings(rotate_certificates=False), COMES_BACK),
        (embedding(GOOD, worker=OFF.with_files(current(EXPIRED))), COMES_BACK),
    ],
)
def test_kubeadms_embedded_certificate(tree: Worker, expected: str) -> None:
    """kubeadm#1753: the store is fine, kubelet.conf embeds what ended; pointing it at the link mends that.

    With rotation off kubelet.conf alone is judged.
    """
    assert told(tree) == expected


ENDED, CONF, THEN = "2026-08-17 14:13 UTC", KUBELET_CONF, f"so the kubelet turns to {BOOTSTRAP_CONF}, which"
VALID = f"The certificate in {CURRENT} is valid until 2027-08-22 14:13 UTC, and no file stops the kubelet."
FALLS_BACK = f"so the kubelet falls back to {LEGACY[0].path}, which"
OLDER = f"{PKI}/kubelet-client-2025-10-26-14-13-20.pem"
NODE_CRT, NODE_KEY, API_CA = "/etc/ssl/node.crt", "/etc/ssl/node.key", "/etc/kubernetes/api-ca.crt"
NO_CONF = replace(conf_is(DocumentCondition.MISSING), bootstrap=replace(BROKEN_CA, document=document(BOOTSTRAP_CONF)))


def bound(path: str, until: str) -> str:
    """Of a start that the certificate in kubelet.conf decides."""
    return f"The kubelet starts until {until} UTC, when the certificate in {path} expires; after that it does not."


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (HEALTHY, VALID),
        (
            embedding(GOOD, worker=NO_LINK),
            bound(CONF, "2027-08-22 14:13"),
        ),
        (
            embedding(GOOD, worker=WITH_FILE),
            VALID,
        ),
        (
            linked(current(lasting(-300, 300))).with_kubeconfig(pem(OLDER, lasting(-330, 20)), key=key(OLDER)),
            bound(OLDER, "2026-10-11 14:13"),
        ),
        (
            replace(NO_CONF, bootstrap=kubeconfig(BOOTSTRAP_CONF, has_token=True)),
            f"{CONF} cannot be used (it is not there), so the kubelet writes it anew from {BOOTSTRAP_CONF}. {VALID}",
        ),
        (
            HEALTHY.with_files(*IN_THE_GAP),
            f"The kubelet finishes the store's rename when it starts. {VALID}",
        ),
        (
            embedding(GOOD, worker=NO_LINK.with_files(LEGACY[0], absent(LEGACY[1].path, Condition.EMPTY))),
            f"{CURRENT} is not there, {FALLS_BACK} has no whole private key in {LEGACY[1].path} (it is empty).",
        ),
        (
            IN_2027,
            f"{CONF} cannot be used (a certificate in it expired on {ENDED}), {THEN} is not there.",
        ),
        (
            linked(absent(CURRENT)),
            f"{CONF} cannot be used ({CURRENT}, which it names, is not there), {THEN} is not there.",
        ),
        (
            NO_CONF,
            f"{CONF} cannot be used (it is not there), {THEN} does not load: its CA cannot be read from {API_CA}.",
        ),
        (
            linked(current(EXPIRED), NO_FLAG),
            f"The certificate in {CURRENT} expired on {ENDED}: with it every request for a new one is refused.",
        ),
        (
            linked(current(EXPIRED), NO_FLAG).with_settings(rotate_certificates=False),
            f"The certificate in {CURRENT} expired on {ENDED}, and rotation is off.",
        ),
        (linked(current(FUTURE)), f"The certificate in {CURRENT} is valid only from 2026-09-23 14:13 UTC on."),
        (
            linked(current(GOOD, key=KeyBlock.CUT)),
            f"{CURRENT} is read at each start, but it has no whole private key.",
        ),
        (
            embedding(GOOD, worker=HEALTHY.with_files(absent(CURRENT, Condition.TRUNCATED))),
            f"{CURRENT} is read at each start, but it holds no certificate that can be read (it is cut off).",
        ),
        (
            embedding(GOOD, key=KeyBlock.CUT, worker=NO_FLAG.with_files(current(EXPIRED))),
            f"The pair that {CONF} embeds has no whole private key.",
        ),
        (
            OFF.with_kubeconfig(pem(NODE_CRT, GOOD), key=pem(NODE_KEY)),
            f"What {CONF} names does not load: {NODE_CRT} has no whole private key in {NODE_KEY}.",
        ),
        (conf_is(DocumentCondition.BROKEN, NO_FLAG), f"{CONF} does not load: it cannot be parsed."),
        (
            HEALTHY.with_files(absent(f"{PKI}/kubelet.crt")),
            f"{PKI}/kubelet.key is there and {PKI}/kubelet.crt is not: both or neither must be.",
        ),
        (
            HEALTHY.with_files(PemFile(f"{PKI}/kubelet.key", Condition.DENIED)),
            f"That the kubelet would come back depends on {PKI}/kubelet.key, which was not seen.",
        ),
        (
            replace(HEALTHY, config=(ConfigFile(document(CONFIG, DocumentCondition.INTRICATE)),)),
            f"That the kubelet would come back depends on {CONFIG}, which was not seen.",
        ),
        (
            linked(UNREAD),
            f"That the kubelet would come back depends on {CONF}, or what it names, which was not seen.",
        ),
    ],
)
def test_the_words_are_about_this_node(tree: Worker, words: str) -> None:
    """One sentence with the node's own paths and dates, for a person at night."""
    found = verdict(tree.facts, tree.kubelet, NOW)
    assert found is not None
    assert found.words == words


# What was not seen.


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (linked(UNREAD), "? not-seen"),
        (linked(current(GOOD, key=KeyBlock.UNSEEN)), "? not-seen"),
        (embedding(GOOD, worker=HEALTHY.with_files(UNREAD)), "? not-seen"),
        (embedding(GOOD, worker=HEALTHY.with_files(current(GOOD, key=KeyBlock.UNSEEN))), "? not-seen"),
        (embedding(GOOD, key=KeyBlock.UNSEEN, worker=NO_FLAG.with_files(current(EXPIRED))), "? not-seen"),
        (linked(current(GOOD, key=KeyBlock.UNSEEN), OFF), "? not-seen"),
        (conf_is(DocumentCondition.INTRICATE), "? not-seen"),
        (conf_is(DocumentCondition.DENIED), "? not-seen"),
        (replace(HEALTHY, kubeconfig=None), "? not-seen"),
        (replace(NO_FLAG, kubeconfig=None), "? not-seen"),
        (replace(HEALTHY, kubeconfig=kubeconfig("/another/kubelet.conf", current(GOOD))), "? not-seen"),
        (conf_is(DocumentCondition.INTRICATE, NO_FLAG), "? not-seen"),
        (HEALTHY.with_flags(cert_dir="/srv/pki"), "? not-seen"),
        (replace(HEALTHY, config=(ConfigFile(document(CONFIG, DocumentCondition.INTRICATE)),)), "? not-seen"),
        (HEALTHY.with_files(PemFile(CA, Condition.DENIED)), "? not-seen"),
        (HEALTHY.with_files(PemFile(f"{PKI}/kubelet.key", Condition.DENIED)), "? not-seen"),
        (replace(HEALTHY.with_files(*IN_THE_GAP), folder=None), "? not-seen"),
        (
            linked(absent(CURRENT)).with_files(absent(CURRENT), PemFile(UPDATED, Condition.UNREADABLE, link=DATED)),
            "? not-seen",
        ),
        (linked(UNREAD).with_files(UPDATED_FILE), "? not-seen"),
        # a 0 that holds whichever way the rest is
        (
            conf_is(DocumentCondition.INTRICATE, HEALTHY.with_files(current(GOOD, key=KeyBlock.CUT))),
            "0 store-target-broken dies",
        ),
        (conf_is(DocumentCondition.DENIED, HEALTHY.with_files(absent(CA))), "0 client-ca-broken dies"),
        (linked(UNREAD).with_files(absent(f"{PKI}/kubelet.key")), "0 serving-pair-half dies"),
        # a pair of the store that a kubelet.conf which was not seen may come before
        (conf_is(DocumentCondition.INTRICATE, NO_LINK.with_files(LEGACY[0], pem(LEGACY[1].path))), "? not-seen"),
        # rotation off: the store's link says nothing of a kubelet.conf that was not seen
        (conf_is(DocumentCondition.INTRICATE, OFF.with_files(current(GOOD, key=KeyBlock.CUT))), "? not-seen"),
        # not seen, and no matter
        (replace(HEALTHY, bootstrap=None), COMES_BACK),
        (replace(HEALTHY, folder=None), COMES_BACK),
    ],
)
def test_what_was_not_seen_is_never_taken_for_good(tree: Worker, expected: str) -> None:
    """Absent where it decides, unless something else already gives a 0; nothing where it does not matter."""
    assert told(tree) == expected


FRESH = HEALTHY.with_files(absent(f"{PKI}/kubelet.crt"), absent(f"{PKI}/kubelet.key"))
IN_A_GAP = linked(absent(CURRENT)).with_files(*IN_THE_GAP)


@pytest.mark.parametrize("tree", [linked(absent(CURRENT)), linked(absent(CURRENT), WITH_FILE), FRESH, IN_A_GAP])
def test_a_folder_that_was_not_listed_proves_nothing_absent(tree: Worker) -> None:
    """No permission on the folder: what has no line there may well be there, and be mended by the start."""
    hidden = replace(tree.facts, store=StoreFacts(PKI, DirectoryCondition.DENIED))
    found = verdict(hidden, tree.kubelet, NOW)
    assert found is not None
    assert (found.safe, found.reason) == (None, RestartReason.NOT_SEEN)
