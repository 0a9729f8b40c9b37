"""For each row of the table of causes a case where it comes first, and a neighbour that differs in one detail."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

from exporter.config.settings import Rotation
from exporter.judge.case import Case
from exporter.judge.certificate import parse
from exporter.model.assessment import Memory, Reading
from exporter.model.facts import Folder, StoreEntry
from exporter.model.files import Condition, FileKind, KeyBlock, PemFile
from exporter.model.finding import Cause, Severity
from exporter.model.host import JournalLine, JournalSign, Process, Service, Sight
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, Kubeconfig
from tests.cases import AWAKE, aged, case, clock, issuer, line, using
from tests.kubelets import (
    AUTHORITY,
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
    MINT,
    OTHER,
    PKI,
    SERVER_CURRENT,
    SERVER_UPDATED,
    Worker,
    absent,
    document,
    key,
    kubeconfig,
    lasting,
    pair,
    pem,
)
from tests.trees import HOUR, NOW, YEAR, Mint, unarmour

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
MINUTE = 60
BASENAME = DATED.removeprefix(f"{PKI}/")
OLD, NEW = "kubelet-client-2026-07-01-10-00-00.pem", "kubelet-client-2026-09-21-10-00-00.pem"
LEGACY, ELSEWHERE = f"{PKI}/kubelet-client.crt", "/var/lib/other/pki/kubelet-client-current.pem"
TLS, TLS_KEY = "/etc/kubernetes/tls/kubelet.crt", "/etc/kubernetes/tls/kubelet.key"
CERTIFICATE, KEY = f"{PKI}/kubelet.crt", f"{PKI}/kubelet.key"
BOOTSTRAP = kubeconfig(BOOTSTRAP_CONF, has_token=True)
FOLDER = HEALTHY.folder
assert FOLDER


class Sick(NamedTuple):
    """A case, the cause that comes first in it, and its neighbour, in which nothing is found."""

    cause: Cause
    severity: Severity
    case: Case
    neighbour: Case


SICK: dict[str, Sick] = {}


def sick(name: str, cause: Cause, severity: Severity, it: Case, neighbour: Case) -> None:
    """Enter a case and its neighbour."""
    assert name not in SICK
    SICK[name] = Sick(cause, severity, it, neighbour)


def embedding(der: bytes, **fields: object) -> Worker:
    return HEALTHY.with_kubeconfig(pair("#2", der), **fields)


def naming(path: str, der: bytes) -> Worker:
    return HEALTHY.with_kubeconfig(pair(path, der))


def folder(**fields: object) -> Folder:
    assert FOLDER
    return replace(FOLDER, **fields)  # type: ignore[arg-type] # the fields are the test's own


def started(ago: float, **fields: object) -> Process:
    assert HEALTHY.process
    return replace(HEALTHY.process, started=NOW - ago, **fields)  # type: ignore[arg-type] # the same


def configured(condition: DocumentCondition) -> tuple[ConfigFile, ...]:
    return (ConfigFile(document(CONFIG, condition), HEALTHY.settings),)


# What ends a kubelet at each start.

for condition in (DocumentCondition.BROKEN, DocumentCondition.MISSING, DocumentCondition.EMPTY):
    it = case(replace(HEALTHY, config=configured(condition)))
    sick(f"config {condition}", Cause.CONFIG_BROKEN, CRITICAL, it, case())
drop_in = [
    (*configured(DocumentCondition.READ), ConfigFile(document("/etc/kubernetes/d/9.conf", condition)))
    for condition in (DocumentCondition.BROKEN, DocumentCondition.EMPTY, DocumentCondition.MISSING)
]
for config in drop_in:
    it = case(replace(HEALTHY, config=config))
    sick(f"drop-in {config[-1].document.condition}", Cause.CONFIG_BROKEN, CRITICAL, it, case())

SERVED = aged(0.3, serving=True)
ROTATING = HEALTHY.with_files(pair(SERVER_CURRENT, SERVED, link=f"{PKI}/kubelet-server-x.pem")).with_settings(
    server_tls_bootstrap=True
)
sick(
    "gate off",
    Cause.SERVING_GATE_OFF,
    CRITICAL,
    case(ROTATING.with_settings(serving_gate=False)),
    case(HEALTHY.with_settings(serving_gate=False)),
)

LAPSED = issuer(Mint(), NOW - YEAR, NOW - DAY)
for name, file in {
    "missing": absent(CA),
    "dangling": absent(CA, Condition.DANGLING),
    "empty": absent(CA, Condition.EMPTY),
    "of words": absent(CA, Condition.NO_CERTIFICATE),
    "of noise": pem(CA, b"noise"),
}.items():
    other = case(HEALTHY.with_files(pem(CA, LAPSED)))
    sick(f"client CA {name}", Cause.CLIENT_CA_BROKEN, CRITICAL, case(HEALTHY.with_files(file)), other)

sick("clock a year ahead", Cause.CLOCK_AHEAD, CRITICAL, case(clock=clock(YEAR)), case(clock=clock(60.5)))
sick("clock a year behind", Cause.CLOCK_BEHIND, CRITICAL, case(clock=clock(-YEAR)), case(clock=clock(-60.5)))
sick("clock ahead", Cause.CLOCK_AHEAD, WARNING, case(clock=clock(61)), case(clock=clock(60.5)))
sick("clock behind", Cause.CLOCK_BEHIND, WARNING, case(clock=clock(-61)), case(clock=clock(-60.5)))
sick("slow visit", Cause.CLOCK_AHEAD, WARNING, case(clock=clock(71, 10)), case(clock=clock(71, 12)))

# kubelet.conf and the bootstrap kubeconfig.

NO_WAY = HEALTHY.with_flags(bootstrap_kubeconfig=None)
for condition in (DocumentCondition.BROKEN, DocumentCondition.MISSING, DocumentCondition.EMPTY):
    unloadable = Kubeconfig(document("/etc/kubernetes/kubelet.conf", condition))
    it = case(replace(NO_WAY, kubeconfig=unloadable))
    sick(f"kubelet.conf {condition}", Cause.KUBECONFIG_BROKEN, CRITICAL, it, case(NO_WAY))
HERE = pair(CURRENT, GOOD, link=DATED)
for name, fields in {
    "CA missing": {"authority": absent("/etc/ca.crt")},
    "CA empty": {"authority": absent("#1", Condition.EMPTY)},
    "half embedded": {"certificate": pair("#2", GOOD), "key": pem("#3")},
    "no certificate embedded": {"certificate": absent("#2", Condition.MALFORMED)},
}.items():
    it = case(HEALTHY.with_kubeconfig(fields.pop("certificate", HERE), **fields))
    sick(f"kubelet.conf: {name}", Cause.KUBECONFIG_BROKEN, CRITICAL, it, case())
unloadable = Kubeconfig(document("/etc/kubernetes/kubelet.conf", DocumentCondition.MISSING))
FIRST_BOOT = replace(HEALTHY, kubeconfig=unloadable, bootstrap=BOOTSTRAP)
sick(
    "kubelet.conf missing, a bootstrap file there",
    Cause.KUBECONFIG_BROKEN,
    WARNING,
    case(replace(FIRST_BOOT, process=started(961))),
    case(replace(FIRST_BOOT, process=started(960))),
)

for name, path, cause in (
    ("embedded", "#2", Cause.KUBECONFIG_EMBEDDED),
    ("dated file", DATED, Cause.KUBECONFIG_DATED_FILE),
    ("legacy pair", LEGACY, Cause.KUBECONFIG_LEGACY_PAIR),
    ("other file", "/etc/kubernetes/client.crt", Cause.KUBECONFIG_OTHER_FILE),
    ("elsewhere", ELSEWHERE, Cause.STORE_ELSEWHERE),
):
    sick(f"{name} ended", cause, CRITICAL, case(naming(path, EXPIRED)), case())
    sick(f"{name} that will end", cause, WARNING, case(naming(path, OTHER)), case())
    if not path.startswith("#"):
        sick(f"{name} gone", cause, CRITICAL, case(HEALTHY.with_kubeconfig(absent(path))), case())
BY_ANOTHER_NAME = case(naming("/data/kubelet/pki/kubelet-client-current.pem", GOOD))
sick(
    "a chain that ended",
    Cause.KUBECONFIG_EMBEDDED,
    CRITICAL,
    case(HEALTHY.with_kubeconfig(pair("#2", GOOD, EXPIRED))),
    case(),
)
sick("elsewhere, another file", Cause.STORE_ELSEWHERE, WARNING, case(naming(ELSEWHERE, OTHER)), BY_ANOTHER_NAME)
young = replace(document("/etc/kubernetes/kubelet.conf"), modified=NOW - 60)
sick(
    "embedded a while ago",
    Cause.KUBECONFIG_EMBEDDED,
    WARNING,
    case(embedding(GOOD)),
    case(embedding(GOOD, document=young)),
)

sick(
    "a token and no bootstrap file",
    Cause.BOOTSTRAP_FILE_MISSING,
    CRITICAL,
    case(HEALTHY.with_kubeconfig(None, has_token=True)),
    case(replace(HEALTHY.with_kubeconfig(None, has_token=True), bootstrap=BOOTSTRAP)),
)
ENDED = replace(using(EXPIRED), process=started(DAY))
sick("ended and no bootstrap file", Cause.BOOTSTRAP_FILE_MISSING, CRITICAL, case(ENDED), case())

# The store's link.

LINKED = line("kubelet-client-updated.pem", kind=FileKind.LINK)
DIED = replace(HEALTHY.with_files(absent(CURRENT)), extra=(LINKED,))
NAMED_NOWHERE = kubeconfig(certificate=absent(CURRENT))


def in_the_gap(age: float = HOUR, worker: Worker = HEALTHY, **changes: object) -> Case:
    lines = (line("kubelet-client-updated.pem", age, kind=FileKind.LINK),)
    gone = replace(worker.with_files(absent(CURRENT)), extra=lines, **changes)  # type: ignore[arg-type] # the same
    return case(gone)


sick("gap without the flag", Cause.STORE_LINK_GAP, CRITICAL, in_the_gap(worker=NO_WAY), in_the_gap(60, NO_WAY))
sick(
    "gap, read-only", Cause.STORE_LINK_GAP, CRITICAL, in_the_gap(folder=folder(read_only=True, writable=False)), case()
)
sick("gap", Cause.STORE_LINK_GAP, WARNING, in_the_gap(), in_the_gap(60))
UNDER_WAY = replace(HEALTHY.with_files(absent(CURRENT), absent(DATED)), extra=(line(BASENAME, 60),))
sick(
    "link missing",
    Cause.STORE_LINK_MISSING,
    CRITICAL,
    case(HEALTHY.with_files(absent(CURRENT))),
    case(UNDER_WAY),
)
DANGLING = PemFile(CURRENT, Condition.DANGLING, link=DATED)
sick("link dangling", Cause.STORE_LINK_DANGLING, CRITICAL, case(HEALTHY.with_files(DANGLING)), case())
for bad in (
    Condition.EMPTY,
    Condition.TRUNCATED,
    Condition.MALFORMED,
    Condition.KEY_ONLY,
    Condition.NO_CERTIFICATE,
    Condition.NOT_REGULAR,
):
    target = PemFile(CURRENT, bad, link=DATED)
    sick(f"target {bad}", Cause.STORE_TARGET_BROKEN, CRITICAL, case(HEALTHY.with_files(target)), case())
for name, target in {
    "without a key": pem(CURRENT, GOOD, link=DATED),
    "cut in its key": pem(CURRENT, GOOD, key=KeyBlock.CUT, link=DATED),
    "of noise": pair(CURRENT, b"noise", link=DATED),
}.items():
    sick(f"target {name}", Cause.STORE_TARGET_BROKEN, CRITICAL, case(HEALTHY.with_files(target)), case())
mismatch = replace(HEALTHY, pairs=((CURRENT, CURRENT, False),))
match = replace(HEALTHY, pairs=((CURRENT, CURRENT, True),))
sick("target of two halves", Cause.STORE_TARGET_BROKEN, CRITICAL, case(mismatch), case(match))
UNREAD = PemFile(CURRENT, Condition.DENIED, link=DATED)
AS_A_USER = replace(HEALTHY.with_files(UNREAD, absent(DATED)), extra=(line(BASENAME, size=0),))
JUST_NOW = replace(HEALTHY.with_files(UNREAD, absent(DATED)), extra=(line(BASENAME, 60, size=0),))
sick("target empty, by the listing", Cause.STORE_TARGET_BROKEN, CRITICAL, case(AS_A_USER), case(JUST_NOW))

REGULAR = pair(CURRENT, GOOD)
sick("link a regular file", Cause.STORE_LINK_REGULAR_FILE, CRITICAL, case(HEALTHY.with_files(REGULAR)), case())
serving_regular = ROTATING.with_files(pair(SERVER_CURRENT, SERVED))
sick("serving link a regular file", Cause.STORE_LINK_REGULAR_FILE, CRITICAL, case(serving_regular), case(ROTATING))
with_updated = replace(HEALTHY, extra=(line("kubelet-client-updated.pem"),))
with_link = replace(HEALTHY, extra=(LINKED,))
sick("updated left over", Cause.STORE_UPDATED_LEFTOVER, CRITICAL, case(with_updated), case(with_link))
serving_updated = line(SERVER_UPDATED.removeprefix(f"{PKI}/"))
sick(
    "serving updated left over",
    Cause.STORE_UPDATED_LEFTOVER,
    CRITICAL,
    case(replace(ROTATING, extra=(serving_updated,))),
    case(replace(HEALTHY, extra=(serving_updated,))),
)

# The serving pair.

for name, files in {
    "both empty": (absent(CERTIFICATE, Condition.EMPTY), absent(KEY, Condition.EMPTY)),
    "certificate empty": (absent(CERTIFICATE, Condition.EMPTY),),
    "key empty": (absent(KEY, Condition.EMPTY),),
    "key cut": (pem(KEY, key=KeyBlock.CUT),),
}.items():
    sick(f"serving: {name}", Cause.SERVING_PAIR_BROKEN, CRITICAL, case(HEALTHY.with_files(*files)), case())
GIVEN = HEALTHY.with_files(pem(TLS, SERVED), key(TLS_KEY)).with_settings(
    tls_cert_file=TLS, tls_private_key_file=TLS_KEY
)
sick("tls key gone", Cause.SERVING_PAIR_BROKEN, CRITICAL, case(GIVEN.with_files(absent(TLS_KEY))), case(GIVEN))
two_halves, one_pair = (case(replace(GIVEN, pairs=((TLS, TLS_KEY, is_one),))) for is_one in (False, True))
sick("tls of two halves", Cause.SERVING_PAIR_BROKEN, CRITICAL, two_halves, one_pair)
current_broken = ROTATING.with_files(PemFile(SERVER_CURRENT, Condition.EMPTY, link=f"{PKI}/kubelet-server-x.pem"))
sick("serving current broken", Cause.SERVING_PAIR_BROKEN, CRITICAL, case(current_broken), case(ROTATING))
NO_PAIR = HEALTHY.with_files(absent(CERTIFICATE), absent(KEY))
for name, path in {"certificate": KEY, "key": CERTIFICATE}.items():
    sick(
        f"serving: half, no {name}",
        Cause.SERVING_PAIR_HALF,
        CRITICAL,
        case(HEALTHY.with_files(absent(path))),
        case(NO_PAIR),
    )
MAKING = replace(NO_PAIR, extra=(line("kubelet.crt", 10),))
LEFT = replace(NO_PAIR, extra=(line("kubelet.crt", HOUR),))
seen_by_listing = case(replace(LEFT, files=tuple(it for it in LEFT.files if it.path != CERTIFICATE)))
just_made = case(replace(MAKING, files=tuple(it for it in MAKING.files if it.path != CERTIFICATE)))
sick("serving: half, for long", Cause.SERVING_PAIR_HALF, CRITICAL, seen_by_listing, just_made)

# The process.

DOWN = Process(Sight.ABSENT)
REMEMBERED = Memory(process=HEALTHY.process)
down = replace(HEALTHY, process=DOWN)
STOPPED = Service("kubelet.service", "inactive", "dead")
STARTING = Service("kubelet.service", "active", "running")
sick("down", Cause.KUBELET_DOWN, CRITICAL, case(down, service=STOPPED), case(down, service=STARTING))
sick("down, and no systemd", Cause.KUBELET_DOWN, CRITICAL, case(down, service=None), case(service=None))
again = Service("kubelet.service", "activating", "auto-restart", 40, 1)
sick("systemd starts it again", Cause.KUBELET_CRASH_LOOP, CRITICAL, case(down, service=again), case())
fresh = replace(HEALTHY, process=started(120))
THRICE = Memory(starts=(NOW - 7200.0, NOW - 5400.0, NOW - 3600.0))
TWICE = Memory(starts=(NOW - 7200.0, NOW - 7200.0, NOW - 3600.0))
sick("three starts in a row", Cause.KUBELET_CRASH_LOOP, CRITICAL, case(fresh, memory=THRICE), case(fresh, memory=TWICE))
often, seldom = (Service("kubelet.service", "active", "running", restarts, 0) for restarts in (3, 2))
OTHERS = Memory(starts=(NOW - 9000.0, NOW - 5400.0))
looping = case(fresh, service=often, memory=OTHERS)
once = case(fresh, service=seldom, memory=OTHERS)
sick("restarts and young", Cause.KUBELET_CRASH_LOOP, CRITICAL, looping, once)
older = case(replace(HEALTHY, process=started(361)), service=often, memory=OTHERS)
sick("restarts, not old", Cause.KUBELET_CRASH_LOOP, CRITICAL, looping, older)
stable = Memory(starts=(NOW - 9000.0, NOW - 9000.0))
sick("restarts, seen once", Cause.KUBELET_CRASH_LOOP, CRITICAL, looping, case(fresh, service=often, memory=stable))
beginning = Service("kubelet.service", "activating", "auto-restart", 2, 1)
sick(
    "systemd starts it once",
    Cause.KUBELET_CRASH_LOOP,
    CRITICAL,
    case(down, service=again),
    case(down, service=beginning),
)
met = Memory(starts=THRICE.starts, met=NOW - 60.0)
sick("start measured anew", Cause.KUBELET_CRASH_LOOP, CRITICAL, case(fresh, memory=THRICE), case(fresh, memory=met))

# Dates, orphans.

SOON = unarmour(MINT.issue("system:node:worker-1", NOW + 60, NOW + YEAR).certificate)
sick("not yet valid", Cause.NOT_YET_VALID, CRITICAL, case(using(FUTURE)), case(using(SOON)))


def with_orphan(age: float = HOUR, size: int = 1100, name: str = NEW, file: PemFile | None = None) -> Case:
    orphaned = replace(HEALTHY, extra=(line(name, age, size),))
    return case(orphaned, newest=(file,) if file else ())


CUT = PemFile(f"{PKI}/{NEW}", Condition.TRUNCATED)
WHOLE = pair(f"{PKI}/{NEW}", OTHER)
sick("orphan empty", Cause.ORPHAN_EMPTY, WARNING, with_orphan(size=0), with_orphan(120, size=0))
sick("orphan empty, no copy", Cause.ORPHAN_EMPTY, WARNING, with_orphan(size=0), with_orphan(size=0, name=OLD))
sick("orphan invalid", Cause.ORPHAN_INVALID, WARNING, with_orphan(file=CUT), with_orphan(60, file=CUT))
keyless = pem(f"{PKI}/{NEW}", OTHER)
sick("orphan without a key", Cause.ORPHAN_INVALID, WARNING, with_orphan(file=keyless), with_orphan(60, file=keyless))
sick("orphan valid", Cause.ORPHAN_VALID, WARNING, with_orphan(file=WHOLE), with_orphan(60, file=WHOLE))
two = replace(HEALTHY, extra=(line(NEW, 3000, 0), line(NEW.replace("10-00", "11-00"), 1000, 0)))
older_two = replace(HEALTHY, extra=(line(OLD, 60 * DAY, 0), line(OLD.replace("10-00", "11-00"), 50 * DAY, 0)))
sick("two orphans", Cause.ORPHAN_EMPTY, WARNING, case(two), case(older_two))

# Names and issuers.

sick(
    "name by the flag",
    Cause.NODE_NAME_DIFFERS,
    WARNING,
    case(HEALTHY.with_flags(hostname_override="worker-2")),
    case(HEALTHY.with_flags(hostname_override="Worker-1")),
)
RENAMED = replace(AWAKE, name="worker-2")
sick(
    "name by the host",
    Cause.NODE_NAME_DIFFERS,
    WARNING,
    case(host=RENAMED),
    case(host=replace(AWAKE, name="worker-1.prod.local")),
)
sick(
    "name a while ago",
    Cause.NODE_NAME_DIFFERS,
    WARNING,
    case(host=RENAMED),
    case(replace(HEALTHY, process=started(960)), host=RENAMED),
)

OWN = Mint()
known = issuer(OWN, NOW - YEAR, NOW + 9 * YEAR)


def issued(authority: bytes, der: bytes) -> Case:
    here = pair(CURRENT, der, link=DATED)
    conf = kubeconfig(certificate=here, authority=pem("#1", authority))
    return case(replace(using(der).with_files(pem(CA, authority)), kubeconfig=conf))


ours = unarmour(OWN.issue("system:node:worker-1", NOW - 30 * DAY, NOW + 335 * DAY).certificate)
sick(
    "CA ended",
    Cause.CA_EXPIRED,
    CRITICAL,
    issued(issuer(OWN, NOW - YEAR, NOW - HOUR), ours),
    issued(issuer(OWN, NOW - YEAR, NOW + 9 * YEAR), ours),
)
capped, apart = (issuer(OWN, NOW - YEAR, NOW + 335 * DAY + more) for more in (0, HOUR))
ten_years = unarmour(OWN.issue("system:node:worker-1", NOW - DAY, NOW + 9 * YEAR).certificate)
sick("CA caps, soon", Cause.CA_CAPS_LEAF, WARNING, issued(capped, ours), issued(known, ten_years))
sick("CA caps", Cause.CA_CAPS_LEAF, WARNING, issued(capped, ours), issued(apart, ours))
STRANGER = Mint()
theirs = unarmour(STRANGER.issue("system:node:worker-1", NOW - DAY, NOW + 335 * DAY).certificate)
before = pair(f"{PKI}/{OLD}", ours)


def resigned(*authorities: bytes) -> Case:
    here = pair(CURRENT, theirs, link=DATED)
    bundle = pem(CA, *authorities)
    conf = kubeconfig(certificate=here, authority=replace(bundle, path="#1"))
    return case(replace(using(theirs).with_files(bundle), kubeconfig=conf), newest=(before,))


next_one = issuer(STRANGER, NOW - DAY, NOW + 9 * YEAR)
sick("issuer unknown", Cause.ISSUER_NOT_TRUSTED, CRITICAL, resigned(known), resigned(known, next_one))

# The past.

begun = parse(GOOD).not_before
sick(
    "store went back",
    Cause.STORE_WENT_BACK,
    WARNING,
    case(memory=Memory(newest=begun + 1)),
    case(memory=Memory(newest=begun)),
)
moved = case(replace(HEALTHY, extra=(line(NEW, 60),)), memory=Memory(newest=begun + 1), newest=(WHOLE,))
sick("store went back, nothing newer", Cause.STORE_WENT_BACK, WARNING, case(memory=Memory(newest=begun + 1)), moved)


def relinked(link_age: float, target: StoreEntry, link: str) -> Case:
    here = pair(CURRENT, GOOD, link=f"{PKI}/{link}")
    worker = using(GOOD).with_files(here, absent(DATED))
    worker = replace(worker, kubeconfig=kubeconfig(certificate=here))
    facts = replace(worker, extra=(target,)).facts
    entries = tuple(
        replace(it, modified=int(NOW - link_age)) if it.kind is FileKind.LINK else it for it in facts.store.entries
    )
    return case(replace(worker, extra=(target,)), store=replace(facts.store, entries=entries))


def dated_at(moment: float, zone: float = 0) -> str:
    return time.strftime("kubelet-client-%Y-%m-%d-%H-%M-%S.pem", time.gmtime(moment + zone))


written = int(NOW - 5 * HOUR)
ROTATED = dated_at(written - 1, 5.75 * HOUR)  # by a kubelet in Nepal, a second before its last byte
COPIED = dated_at(written - 600)
copied, rotated = (replace(line(name), modified=written) for name in (COPIED, ROTATED))
sick(
    "by hand", Cause.REPLACED_BY_HAND, WARNING, relinked(4 * HOUR, copied, COPIED), relinked(4 * HOUR, rotated, ROTATED)
)
before_the_start = relinked(30 * DAY, copied, COPIED)
sick("by hand, since", Cause.REPLACED_BY_HAND, WARNING, relinked(4 * HOUR, copied, COPIED), before_the_start)
far = dated_at(written, 15 * HOUR)
sick(
    "by hand, of no zone",
    Cause.REPLACED_BY_HAND,
    WARNING,
    relinked(4 * HOUR, replace(line(far), modified=written), far),
    relinked(4 * HOUR, rotated, ROTATED),
)
odd = replace(line("kubelet-client-mine.pem"), modified=written)
sick("by hand, any name", Cause.REPLACED_BY_HAND, WARNING, relinked(4 * HOUR, odd, odd.name), before_the_start)


def rotated_every(gap: float, times: int = 5, life: int = YEAR, before: int = YEAR, last: float = 60) -> Case:
    """``times`` files ``gap`` seconds apart, the last ``last`` seconds old; the one before lived ``before`` seconds."""
    ages = [last + gap * back for back in range(times)]
    lines = [replace(line(dated_at(NOW - age)), modified=int(NOW - age)) for age in ages]
    der = aged(0.01, life)
    here = pair(CURRENT, der, link=f"{PKI}/{lines[0].name}")
    worker = replace(using(der).with_files(here, absent(DATED)), kubeconfig=kubeconfig(certificate=here))
    previous = pair(f"{PKI}/{lines[1].name}", aged(0.02, before))
    return case(replace(worker, extra=tuple(lines), process=started(DAY)), newest=(previous,))


STORM = rotated_every(HOUR)
sick("storm", Cause.ROTATION_STORM, WARNING, STORM, rotated_every(HOUR, times=4))
sick("storm of a year", Cause.ROTATION_STORM, WARNING, STORM, rotated_every(0.36 * YEAR))
sick("storm, not since", Cause.ROTATION_STORM, WARNING, STORM, rotated_every(HOUR, last=0.36 * YEAR))
sick("storm, lives differ", Cause.ROTATION_STORM, WARNING, STORM, rotated_every(HOUR, before=HOUR + 600))

# Nobody rotates it, or somebody else does.

OFF = HEALTHY.with_settings(rotate_certificates=False)
sick("rotation off", Cause.ROTATION_DISABLED, WARNING, case(OFF), case(OFF, owner=Rotation.MANUAL))
off_late = using(aged(0.91), OFF)
sick("rotation off, late", Cause.ROTATION_DISABLED, CRITICAL, case(off_late), case(off_late, owner=Rotation.MANUAL))


def of_kops(share: float, life: int = 450 * DAY, **fields: object) -> Case:
    """A kubelet of kops': its certificate is embedded, and the node is replaced before it ends."""
    der = aged(share, life)
    path = "/srv/kubernetes/ca.crt"
    conf = kubeconfig("/var/lib/kubelet/kubeconfig", pair("#2", der))
    worker = HEALTHY.with_files(absent(CURRENT), absent(DATED), pem(path, AUTHORITY))
    worker = replace(worker, kubeconfig=conf).with_settings(client_ca_file=path, rotate_certificates=False)
    worker = worker.with_flags(kubeconfig="/var/lib/kubelet/kubeconfig", bootstrap_kubeconfig=None)
    return case(replace(worker, process=started(400 * DAY)), **fields)  # type: ignore[arg-type] # the same


def of_k3s(left: int, memory: Memory | None = None, begin: int = -3 * YEAR) -> Case:
    """A k3s agent; its certificates begin when their CA did."""
    der = unarmour(MINT.issue("system:node:worker-1", NOW + begin, NOW + left).certificate)
    path = "/var/lib/rancher/k3s/agent/client-kubelet.crt"
    conf = kubeconfig("/var/lib/rancher/k3s/agent/kubelet.kubeconfig", pair(path, der))
    process = Process(Sight.SEEN, "k3s-agent", 1, NOW - 100 * DAY, 0)
    worker = replace(HEALTHY.with_files(absent(CURRENT), absent(DATED)), kubeconfig=conf, process=process)
    return case(replace(worker, bootstrap=None, config=(), flags=()), memory=memory)


sick("kops ended", Cause.OWNER_RENEWAL_DUE, CRITICAL, of_kops(1.01), of_kops(0.899))
sick("kops due", Cause.OWNER_RENEWAL_DUE, WARNING, of_kops(0.9), of_kops(0.899))
sick("k3s due", Cause.OWNER_RENEWAL_DUE, WARNING, of_k3s(36 * DAY), of_k3s(37 * DAY))
sick("kops, newer than its process", Cause.OWNER_RESTART_NEEDED, WARNING, of_kops(0.5), of_kops(0.89))
seen_before = Memory(
    client=Reading(parse(lasting(-400, 60)), NOW - HOUR, NOW - HOUR),
    process=Process(Sight.SEEN, started=NOW - 100 * DAY),
)
sick("k3s renewed under it", Cause.OWNER_RESTART_NEEDED, WARNING, of_k3s(300 * DAY, seen_before), of_k3s(300 * DAY))

# The folder.

sick(
    "folder read-only",
    Cause.STORE_NOT_WRITABLE,
    CRITICAL,
    case(replace(HEALTHY, folder=folder(read_only=True))),
    case(replace(HEALTHY, folder=folder(read_only=False))),
)
sick(
    "folder immutable",
    Cause.STORE_NOT_WRITABLE,
    CRITICAL,
    case(replace(HEALTHY, folder=folder(writable=False))),
    case(),
)
AS_UID_7 = replace(HEALTHY, process=started(DAY, uid=7))
own = case(replace(AS_UID_7, folder=folder(uid=7)))
sick("folder of another", Cause.STORE_NOT_WRITABLE, CRITICAL, case(AS_UID_7), own)
open_to_all = case(replace(AS_UID_7, folder=folder(mode=0o777)))
sick("folder not open", Cause.STORE_NOT_WRITABLE, CRITICAL, case(AS_UID_7), open_to_all)
NOT_STORED = (JournalLine(JournalSign.NOT_STORED, 3),)
sick("not stored, by the journal", Cause.ROTATION_NOT_STORED, CRITICAL, case(journal=NOT_STORED), case(journal=()))
for name, full, room in (
    ("blocks", folder(bytes_free=4095), folder(bytes_free=4096)),
    ("inodes", folder(files_free=0), folder(files_free=0, filesystem="btrfs")),
):
    sick(
        f"full: {name}",
        Cause.STORE_FULL,
        WARNING,
        case(replace(HEALTHY, folder=full)),
        case(replace(HEALTHY, folder=room)),
    )
in_memory = replace(HEALTHY, folder=folder(filesystem="tmpfs"))
sick("on tmpfs", Cause.STORE_ON_TMPFS, WARNING, case(in_memory), case(replace(in_memory, bootstrap=BOOTSTRAP)))

# Late and stalled.

LATE, STALLED = aged(0.9), aged(0.95)
PAST = 0.05 * YEAR  # seconds since the window's end
asleep, half_asleep = (replace(AWAKE, awake=100.0 * DAY - slept) for slept in (PAST, PAST - 1000))
sick("slept", Cause.TIMER_SUSPENDED, WARNING, case(using(STALLED), host=asleep), case(host=asleep))
sick("slept, late", Cause.TIMER_SUSPENDED, WARNING, case(using(LATE), host=asleep), case(using(LATE)))
for sign, cause in (
    (JournalSign.UNKNOWN_AUTHORITY, Cause.API_CA_UNKNOWN),
    (JournalSign.FORBIDDEN, Cause.CSR_FORBIDDEN),
    (JournalSign.DENIED, Cause.CSR_DENIED),
    (JournalSign.UNAUTHORIZED, Cause.CSR_UNAUTHORIZED),
    (JournalSign.UNREACHABLE, Cause.API_UNREACHABLE),
):
    journal = (JournalLine(sign, 4),)
    in_time = case(using(aged(0.899)), journal=journal)
    sick(f"journal: {sign}", cause, CRITICAL, case(using(STALLED), journal=journal), in_time)
    sick(f"journal: {sign}, late", cause, CRITICAL, case(using(LATE), journal=journal), case(using(LATE), journal=()))
sick("not signed", Cause.ROTATION_NOT_SIGNED, CRITICAL, case(using(STALLED)), case(using(LATE)))
sick(
    "ended, and a bootstrap file",
    Cause.ROTATION_NOT_SIGNED,
    CRITICAL,
    case(replace(ENDED, bootstrap=BOOTSTRAP)),
    case(),
)
half_slept = case(using(STALLED), host=half_asleep)
sick("slept less than it is late", Cause.ROTATION_NOT_SIGNED, CRITICAL, half_slept, case(host=half_asleep))


def without_any(ago: float) -> Case:
    worker = HEALTHY.with_files(absent(CURRENT), absent(DATED))
    worker = replace(worker, kubeconfig=kubeconfig(certificate=absent(CURRENT)), bootstrap=BOOTSTRAP)
    facts = replace(worker, process=started(ago)).facts
    return case(replace(worker, process=started(ago)), store=replace(facts.store, dated_client=0))


sick("no first certificate", Cause.ROTATION_NOT_SIGNED, CRITICAL, without_any(961), without_any(960))

# The serving side.

HALF_SET = HEALTHY.with_settings(tls_cert_file=TLS).with_files(pem(TLS, SERVED))
sick("tls half set", Cause.SERVING_TLS_INCOMPLETE, WARNING, case(HALF_SET), case(GIVEN))
HALF_BY_FLAG = HEALTHY.with_flags(tls_cert_file=TLS)
for name, file in {"good": pem(TLS, SERVED), "missing": absent(TLS)}.items():
    it = case(HALF_BY_FLAG.with_files(file))
    sick(f"tls half set by the flag, {name}", Cause.SERVING_TLS_INCOMPLETE, WARNING, it, case(GIVEN))
WAITING = HEALTHY.with_settings(server_tls_bootstrap=True)
WAITING = WAITING.with_files(
    absent(CERTIFICATE), absent(KEY), absent(SERVER_CURRENT), absent(f"{PKI}/kubelet-server.crt")
)
waits = case(replace(WAITING, process=started(960)))
sick("never issued", Cause.SERVING_NEVER_ISSUED, WARNING, case(WAITING), waits)


def serving(share: float) -> Case:
    link = f"{PKI}/kubelet-server-x.pem"
    return case(ROTATING.with_files(pair(SERVER_CURRENT, aged(share, serving=True), link=link)))


sick("serving stalled", Cause.SERVING_NOT_RENEWED, WARNING, serving(0.95), serving(0.9))
sick("serving ended", Cause.SERVING_EXPIRED, WARNING, serving(1.01), serving(0.899))


def self_signed(share: float, issuer: str = "worker-1-ca@1787000000") -> Case:
    begin = NOW - int(share * YEAR)
    leaf = Mint(issuer).issue("worker-1@1787000000", begin, begin + YEAR, serving=True)
    return case(HEALTHY.with_files(pem(CERTIFICATE, unarmour(leaf.certificate))))


sick("self-signed ends", Cause.SERVING_SELF_SIGNED_ENDING, WARNING, self_signed(0.9), self_signed(0.899))
by_a_ca = self_signed(0.95, "kubernetes")
sick("self-signed, not a CA's", Cause.SERVING_SELF_SIGNED_ENDING, WARNING, self_signed(0.95), by_a_ca)
sick("self-signed ended", Cause.SERVING_EXPIRED, WARNING, self_signed(1.01), self_signed(0.899))
live, same = aged(0.1, serving=True), HEALTHY.facts.serving
assert same
sick("live differs", Cause.SERVING_LIVE_DIFFERS, WARNING, case(live=live), case(live=same.certificates[0]))
