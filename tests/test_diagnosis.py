"""The table of causes: each row comes first where it should, its healthy neighbour is silent, unseen is not healthy."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from itertools import product
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.settings import Rotation
from exporter.judge.case import Case
from exporter.judge.diagnosis import TABLE, findings
from exporter.model.assessment import Memory
from exporter.model.facts import DirectoryCondition, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.finding import Cause, Finding, Severity
from exporter.model.host import Process, Service, Sight
from tests.cases import AWAKE, aged, case, clock, line, of, using
from tests.hidden import HIDE, without
from tests.kubelets import BOOTSTRAP_CONF, CURRENT, DATED, EXPIRED, HEALTHY, PKI, Worker, key, kubeconfig, pair, pem
from tests.sick import SICK, Sick, started
from tests.trees import NOW

T = TypeVar("T")
FLEET = (
    Cause.CERTIFICATE_SHARED,
    Cause.FLEET_STALLED,
    Cause.FLEET_ISSUER_CHANGED,
    Cause.FLEET_CA_CAPS,
    Cause.KUBECONFIG_CA_DIFFERS,
    Cause.EXPORTER_CLOCK_OFF,
)
CASES = [case for sick in SICK.values() for case in (sick.case, sick.neighbour)]


def causes(it: Case) -> list[Cause]:
    return [finding.cause for finding in findings(it)]


@pytest.mark.parametrize("sick", SICK.values(), ids=SICK)
def test_a_cause_comes_first(sick: Sick) -> None:
    """Where it holds it is the first finding, with its severity, a whole sentence of evidence, and commands."""
    first = findings(sick.case)[0]
    assert (first.cause, first.severity) == (sick.cause, sick.severity)
    assert first.evidence.isprintable()
    assert first.evidence.endswith(".")
    assert first.evidence.count(". ") == 0
    assert first.steps
    assert all(line.isprintable() for step in first.steps for line in (*step.command.split("\n"), step.purpose))


@pytest.mark.parametrize("sick", SICK.values(), ids=SICK)
def test_a_healthy_neighbour_is_silent(sick: Sick) -> None:
    """One detail less, and nothing at all is found."""
    assert findings(sick.neighbour) == ()


def test_every_row_has_its_case() -> None:
    """The table has a row for each cause of a node, critical before warning, and the cases reach them all."""
    assert {row.cause for row in TABLE} == set(Cause) - set(FLEET)
    assert {(row.cause, row.severity) for row in TABLE} == {(sick.cause, sick.severity) for sick in SICK.values()}
    for cause in {row.cause for row in TABLE}:
        severities = [row.severity for row in TABLE if row.cause is cause]
        assert severities == sorted(severities, key=[Severity.CRITICAL, Severity.WARNING].index)


@pytest.mark.parametrize("share", [0.0, 0.69, 0.70, 0.845, 0.899, 0.90])
@pytest.mark.parametrize("life", [3600 * 24, 45 * 86400, 365 * 86400])
def test_a_certificate_in_its_window_is_no_finding(share: float, life: int) -> None:
    """Up to the window's end, and in the grace after it, there is nothing to find (k/k#138763: 45 days at 0.845)."""
    assert findings(case(using(aged(share, life)))) == ()
    serving = pair(
        f"{PKI}/kubelet-server-current.pem", aged(share, life, serving=True), link=f"{PKI}/kubelet-server-x.pem"
    )
    assert findings(case(HEALTHY.with_files(serving).with_settings(server_tls_bootstrap=True))) == ()


def test_a_certificate_past_its_window_is_explained() -> None:
    """At 0.999 of a year a kubelet that runs, and that nothing hinders, got no answer."""
    assert causes(case(using(aged(0.999)))) == [Cause.ROTATION_NOT_SIGNED]


# A node that tells of nothing but its store.


def alone(client: PemFile, *entries: StoreEntry) -> list[Cause]:
    """What is found where an old script tells of the store and nothing else."""
    facts = NodeFacts(NOW, StoreFacts(PKI, DirectoryCondition.OK, entries, 1), client, None)
    return causes(of(facts, Memory(), Rotation.KUBELET))


LINK, TARGET = line("kubelet-client-current.pem", kind=FileKind.LINK), line(DATED.removeprefix(f"{PKI}/"))
READ = pair(CURRENT, aged(0.3), link=DATED)
GONE = PemFile(CURRENT, Condition.MISSING)
UPDATED, NEWER = "kubelet-client-updated.pem", "kubelet-client-2026-09-21-10-00-00.pem"


@pytest.mark.parametrize(
    ("client", "entries", "found"),
    [
        (READ, [LINK, TARGET], []),
        (READ, [], []),
        (replace(READ, link=None), [line("kubelet-client-current.pem"), TARGET], [Cause.STORE_LINK_REGULAR_FILE]),
        (READ, [line("kubelet-client-current.pem", kind=FileKind.DIRECTORY), TARGET], []),
        (READ, [LINK, TARGET, line("kubelet-server-current.pem")], []),
        (READ, [LINK, TARGET, line(UPDATED)], [Cause.STORE_UPDATED_LEFTOVER]),
        (READ, [LINK, TARGET, line(UPDATED, kind=FileKind.LINK)], []),
        (GONE, [TARGET, line(UPDATED, kind=FileKind.LINK)], [Cause.STORE_LINK_GAP]),
        (GONE, [TARGET], [Cause.STORE_LINK_MISSING]),
        (GONE, [], []),
        (replace(GONE, path="/etc/kubernetes/client.pem"), [TARGET, line(UPDATED, kind=FileKind.LINK)], []),
        (READ, [LINK, line(DATED.removeprefix(f"{PKI}/"), 9e5), line(NEWER, size=0)], [Cause.ORPHAN_EMPTY]),
    ],
)
def test_a_store_alone(client: PemFile, entries: list[StoreEntry], found: list[Cause]) -> None:
    """Its listing is enough for what blocks every rotation."""
    assert alone(client, *entries) == found


def test_a_store_that_was_not_seen_proves_nothing() -> None:
    """Without a listing there is no finding."""
    facts = NodeFacts(NOW, StoreFacts(PKI, DirectoryCondition.DENIED), replace(GONE, condition=Condition.DENIED), None)
    assert causes(of(facts, Memory(), Rotation.KUBELET)) == []


# What was not seen.

# What a fact takes back rather than tells: without it a weaker finding stands, or what is left when nothing explains.
WEAKER = {"service": {Cause.KUBELET_DOWN}, "journal": {Cause.ROTATION_NOT_SIGNED}}


@pytest.mark.parametrize("sick", SICK.values(), ids=SICK)
def test_what_is_hidden_neither_accuses_nor_heals(sick: Sick) -> None:
    """Without a fact nothing is found that was not found with it, and nothing that is known ends."""
    for it, hidden in product((sick.case, sick.neighbour), HIDE):
        known = findings(it)
        there = {finding.cause for finding in known}
        assert (hidden, set(causes(without(it, hidden))) - there - WEAKER.get(hidden, set())) == (hidden, set())
        assert (hidden, there - set(causes(without(it, hidden, findings=known)))) == (hidden, set())


@pytest.mark.parametrize("sick", SICK.values(), ids=SICK)
def test_a_finding_ends_with_a_look(sick: Sick) -> None:
    """Where all is seen nothing stays for having been found before."""
    healthy = replace(sick.neighbour, memory=replace(sick.neighbour.memory, findings=findings(sick.case)))
    assert findings(healthy) == ()


def test_a_kept_finding_keeps_its_severity() -> None:
    """What was critical when it was last seen is no warning for being unseen; what was a warning stays one."""
    for severity in Severity:
        earlier = Finding(Cause.KUBECONFIG_EMBEDDED, severity, "as it was.")
        it = without(case(), "kubeconfig", findings=(earlier,))
        assert findings(it) == (earlier,)


def test_as_an_ordinary_user_nothing_is_made_up() -> None:
    """Without root the directory's listing and the process are left: a healthy node is silent, a broken link is not."""
    denied = ("kubeconfig", "client", "newest", "files", "folder", "host", "journal")
    assert findings(without(case(), *denied)) == ()
    sick = SICK["link a regular file"].case
    assert causes(without(sick, *denied)) == [Cause.STORE_LINK_REGULAR_FILE]


HAUNTED = Finding(Cause.KUBELET_CRASH_LOOP, Severity.CRITICAL, "as it was.")
ABSENT, UNSTARTED = Process(Sight.ABSENT), Process(Sight.SEEN, "kubelet", 1)
BUSY = Service("kubelet.service", "active", "running", 40, 0)
NO_NODE = replace(HEALTHY, files=(), kubeconfig=None, bootstrap=None, config=(), process=ABSENT)
NO_STORE = StoreFacts(PKI, DirectoryCondition.MISSING)
SEEN_TWICE = Memory(starts=(None, None, NOW - 7200.0))


@pytest.mark.parametrize(
    "quiet",
    [
        case(memory=Memory(findings=(HAUNTED,)), service=None),  # it has run for weeks
        case(replace(HEALTHY, process=started(120)), memory=Memory(findings=(HAUNTED,))),
        case(replace(HEALTHY, process=replace(UNSTARTED, flags=HEALTHY.flags)), service=BUSY),
        case(replace(HEALTHY, process=started(120)), memory=SEEN_TWICE),
        case(replace(HEALTHY, process=started(120)), service=BUSY),  # forty restarts: since when, nobody knows
        case(replace(HEALTHY, process=started(120)), service=BUSY, memory=Memory(starts=(NOW - 9000.0,))),
        case(replace(HEALTHY, process=ABSENT), service=Service("kubelet.service", "activating", "auto-restart", 1, 1)),
        case(NO_NODE, store=NO_STORE, client=GONE, service=None),  # a machine, and no node
        case(using(EXPIRED), owner=Rotation.MANUAL, bootstrap=kubeconfig(BOOTSTRAP_CONF, has_token=True)),
        case(using(aged(0.95)), store=replace(HEALTHY.facts.store, folder=None)),  # stalled, and not all was seen
    ],
)
def test_nothing_is_found(quiet: Case) -> None:
    """What looks like a fault and is none, or cannot be told."""
    assert findings(quiet) == ()


OFF = HEALTHY.with_settings(rotate_certificates=False)
UNUSED = [
    OFF.with_kubeconfig(pair("#2", aged(0.3))),
    OFF.with_files(pair(CURRENT, aged(0.3))),
    replace(OFF, extra=(line(UPDATED),)),
    replace(OFF, extra=(line(NEWER, size=0),)),
    replace(OFF, folder=replace(HEALTHY.folder, read_only=True) if HEALTHY.folder else None),
    OFF.with_flags(hostname_override="worker-2"),
    OFF.with_files(PemFile(CURRENT, Condition.DANGLING, link=DATED)).with_kubeconfig(pair("#2", aged(0.3))),
]


@pytest.mark.parametrize("worker", UNUSED)
def test_what_rotation_needs_is_nothing_without_it(worker: Worker) -> None:
    """Where rotation is off, that is the one thing to say of an embedded certificate, a full or odd store, a name."""
    assert set(causes(case(worker))) <= {Cause.ROTATION_DISABLED}


ALONE = replace(HEALTHY.with_flags(kubeconfig=None, bootstrap_kubeconfig=None), kubeconfig=None, bootstrap=None)
TLS, TLS_KEY = "/etc/kubernetes/tls.crt", "/etc/kubernetes/tls.key"
GIVEN = HEALTHY.with_files(pem(TLS, aged(0.95, serving=True)), key(TLS_KEY)).with_settings(
    tls_cert_file=TLS, tls_private_key_file=TLS_KEY
)
NO_SERVER = [
    PemFile(f"{PKI}/{name}", Condition.MISSING) for name in ("kubelet-server-current.pem", "kubelet-server.crt")
]
MAKING = [PemFile(f"{PKI}/{name}", Condition.EMPTY) for name in ("kubelet.crt", "kubelet.key")]
YOUNG = tuple(
    replace(it, modified=NOW - 10) if it.name.startswith("kubelet.") else it for it in HEALTHY.facts.store.entries
)


@pytest.mark.parametrize(
    "quiet",
    [
        case(ALONE),
        case(ALONE.with_files(PemFile(CURRENT, Condition.DANGLING, link=DATED), *NO_SERVER)),
        case(GIVEN),  # whoever gave it renews it
        case(GIVEN.with_settings(server_tls_bootstrap=True).with_files(*NO_SERVER)),  # it serves with that meanwhile
        case(HEALTHY.with_files(*MAKING), store=replace(HEALTHY.facts.store, entries=YOUNG)),
        case(live=aged(0.2, serving=True), store=replace(HEALTHY.facts.store, entries=YOUNG)),
    ],
)
def test_other_kubelets_are_silent(quiet: Case) -> None:
    """Standalone, with a serving pair of somebody's, or just about to write its own."""
    assert findings(quiet) == ()


@pytest.mark.parametrize("process", [None, Process(Sight.HIDDEN), UNSTARTED])
def test_a_loop_that_cannot_be_seen_goes_on(process: Process | None) -> None:
    """Without a start time nothing ends it."""
    it = case(replace(HEALTHY, process=process), memory=Memory(findings=(HAUNTED,), process=HEALTHY.facts.process))
    assert findings(it) == (HAUNTED,)


@pytest.mark.parametrize(("start", "stays"), [(0, True), (3600, False)])
def test_a_renewal_under_a_process_is_told_until_that_ends(start: int, stays: bool) -> None:
    """The change is seen at one visit; it holds for as long as the process is the one that saw the old certificate."""
    first = SICK["k3s renewed under it"].case
    known = findings(first)
    process = first.facts.process
    assert process
    assert process.started
    memory = Memory(client=first.client, process=replace(process, started=process.started - start), findings=known)
    assert findings(replace(first, memory=memory)) == (known if stays else ())


# Any facts at all.


def shuffled(facts: NodeFacts, dice: random.Random) -> NodeFacts:
    """The same facts in another order; that of drop-ins and flags means something and stays."""

    store = replace(
        facts.store, entries=any_order(facts.store.entries, dice), newest=any_order(facts.store.newest, dice)
    )
    files, pairs = any_order(facts.files, dice), any_order(facts.pairs, dice)
    journal = facts.journal and any_order(facts.journal, dice)
    return replace(facts, store=store, files=files, pairs=pairs, journal=journal)


def any_order(items: tuple[T, ...], dice: random.Random) -> tuple[T, ...]:
    return tuple(dice.sample(items, len(items)))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_mixture_of_facts_is_judged(data: st.DataObject) -> None:
    """Facts of different nodes thrown together: no exception, no order that matters, no accusation by blindness."""
    mixed = {field.name: getattr(data.draw(st.sampled_from(CASES)).facts, field.name) for field in fields(NodeFacts)}
    memory = data.draw(st.sampled_from(CASES)).memory
    it = of(NodeFacts(**mixed), memory, data.draw(st.sampled_from(Rotation)))
    found = findings(it)
    again = of(shuffled(it.facts, random.Random(data.draw(st.integers(0, 9)))), memory, it.owner)
    assert findings(again) == found
    hidden = data.draw(st.sampled_from(sorted(HIDE)))
    known = {finding.cause for finding in found}
    assert known <= set(causes(without(it, hidden, findings=found)))


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_no_date_is_too_odd(modified: int, begun: int, shown: float) -> None:
    """mtimes, starts and clocks beyond any calendar are judged like others."""
    entries = tuple(replace(it, modified=modified) for it in HEALTHY.facts.store.entries)
    worker = replace(HEALTHY, extra=(replace(line(NEWER), modified=modified + 1),))
    facts = replace(worker.facts, store=replace(worker.facts.store, entries=entries), host=AWAKE)
    process = Process(Sight.SEEN, "kubelet", 1, float(begun), 0, tuple(HEALTHY.flags))
    odd = replace(facts, process=process, clock=replace(clock(0), shown=shown))
    findings(of(odd, Memory(newest=modified, starts=(shown, None, float(begun))), Rotation.KUBELET))


def test_what_the_first_steps_resolve_needs_none_of_its_own() -> None:
    """kubelet.conf's certificate ended, no bootstrap file, the kubelet down: one way out, and evidence of all three."""
    worker = replace(HEALTHY.with_kubeconfig(pair("#2", EXPIRED)), process=Process(Sight.ABSENT))
    first, *others = findings(case(worker, memory=Memory(process=HEALTHY.facts.process), service=None))
    assert first.steps
    assert [bool(finding.evidence) for finding in others] == [True, True]
    assert [finding.steps for finding in others] == [(), ()]
    alone = findings(case(replace(HEALTHY, process=Process(Sight.ABSENT)), memory=Memory(), service=None))
    assert [(finding.cause, bool(finding.steps)) for finding in alone] == [(Cause.KUBELET_DOWN, True)]


def test_only_causes_below_are_resolved() -> None:
    """A row resolves what stands below it in the table: the first finding is never without steps."""
    order = list(dict.fromkeys(row.cause for row in TABLE))
    for row in TABLE:
        assert all(order.index(cause) > order.index(row.cause) for cause in row.resolves)


def test_the_first_finding_of_two_faults() -> None:
    """Two faults at once: in the order of judgement, and the rest stays."""
    worker = replace(HEALTHY.with_kubeconfig(pair("#2", EXPIRED)), process=Process(Sight.ABSENT))
    memory = Memory(process=HEALTHY.facts.process)
    assert causes(case(worker, memory=memory, service=None)) == [
        Cause.KUBECONFIG_EMBEDDED,
        Cause.BOOTSTRAP_FILE_MISSING,
        Cause.KUBELET_DOWN,
    ]
    bootstrap = kubeconfig(BOOTSTRAP_CONF, has_token=True)
    again = replace(worker, process=started(86400), bootstrap=bootstrap)
    assert causes(case(again, memory=memory)) == [Cause.KUBECONFIG_EMBEDDED]
