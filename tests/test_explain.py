"""``explain``: the page says what is wrong, what happens next and what to type, in any terminal; JSON says the same."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from exporter.cli.glyphs import glyphs
from exporter.cli.main import main
from exporter.cli.page import NARROWEST, WIDEST, Page
from exporter.cli.reasons import MEANINGS
from exporter.cli.story import tell
from exporter.cli.story_data import story
from exporter.collect.local.transport import LocalTransport
from exporter.config.settings import Pace, Paths, TransportKind
from exporter.errors import Reason
from exporter.judge.certificate import leaf
from exporter.model.assessment import Assessment, State
from exporter.model.facts import Folder, NodeClock, NodeFacts
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.finding import Cause, Finding, Severity, Step
from exporter.model.host import Process, Service, Sight
from exporter.model.kubelet import Credential, Distribution, Kubelet
from exporter.model.node import LocalAccess, Node, SshAccess
from exporter.model.report import NodeReport, Visit
from exporter.model.restart import Ending, Restart, RestartReason
from exporter.model.snapshot import FleetSnapshot
from exporter.rounds.visit import visit
from exporter.serve.views import NodeView, views
from tests.trees import CASES, NOW, Mint, plain, unarmour

DAY = 86400
ROOT = Path(__file__).parent.parent
EMBEDDED = Finding(
    Cause.KUBECONFIG_EMBEDDED,
    Severity.CRITICAL,
    "/etc/kubernetes/kubelet.conf embeds a certificate that ended on 2026-09-01. The kubelet asks for its next one "
    "with that certificate and gets 401 each time.",
    (
        Step(
            "sed -i 's|client-certificate-data:.*|client-certificate: "
            "/var/lib/kubelet/pki/kubelet-client-current.pem|' /etc/kubernetes/kubelet.conf",
            "point the certificate at the store's link",
        ),
        Step("systemctl restart kubelet", "it reads kubelet.conf at its start alone"),
    ),
)
ORPHAN = Finding(
    Cause.ORPHAN_EMPTY,
    Severity.WARNING,
    "kubelet-client-2026-09-19-10-00-00.pem is empty: a certificate was signed and could not be stored.",
    (Step("df -h /var/lib/kubelet", "look for room"), Step("df -i /var/lib/kubelet", "and for inodes")),
)
RESTART = Restart(
    safe=False,
    reason=RestartReason.KUBECONFIG_EXPIRED,
    words="kubelet.conf comes first, and has ended.",
    ending=Ending.DIES,
)
KUBELET = Kubelet(
    distribution=Distribution.KUBEADM,
    kubeconfig="/etc/kubernetes/kubelet.conf",
    credential=Credential.EMBEDDED,
    rotates=True,
)


def worker(root: Path, age: float = 340 * DAY, life: float = 365 * DAY) -> Visit:
    """A real tree with a certificate of that age and an empty orphan, read at NOW; of the judge's words one finding."""
    pki = root / "var/lib/kubelet/pki"
    pki.mkdir(parents=True)
    issued = int(NOW - age)
    pair = Mint().issue("system:node:worker-07", issued, issued + life)
    plain(pki / "kubelet-client-2025-10-16-14-13-20.pem", (pair.certificate + pair.key).ljust(1000, b"\n"), issued)
    plain(pki / "kubelet-client-2026-09-19-10-00-00.pem", b"", NOW - 2 * DAY)
    link = pki / "kubelet-client-current.pem"
    link.symlink_to("/var/lib/kubelet/pki/kubelet-client-2025-10-16-14-13-20.pem")
    os.utime(link, (issued, issued), follow_symlinks=False)
    node = Node("worker-07.prod", LocalAccess(str(root)), Paths())
    done = visit(node, NodeReport(node), {TransportKind.LOCAL: LocalTransport()})
    facts, assessment = told(done)
    reading = assessment.client and replace(assessment.client, taken=float(NOW), witness=float(NOW))
    node = replace(node, access=SshAccess("192.0.2.7"))
    folder = Folder(filesystem="ext4", bytes_free=12_300_000_000, files_free=2_000_000)
    facts = NodeFacts(float(NOW), replace(facts.store, folder=folder), facts.client, facts.serving, uid=0)
    history = assessment.history
    judged = Assessment(None, reading, None, serving_absent=True, history=history, findings=(ORPHAN,))
    return Visit(node, NOW, 0.31, facts=facts, assessment=judged)


def told(done: Visit) -> tuple[NodeFacts, Assessment]:
    assert done.facts
    assert done.assessment
    return done.facts, done.assessment


def with_story(done: Visit) -> Visit:
    """The same with all that the judge may say of it."""
    facts, assessment = told(done)
    process = Process(Sight.SEEN, "kubelet", 1, started=NOW - 12 * DAY)
    mint = Mint()
    pem = mint.issue("system:node:worker-07", NOW - 400 * DAY, NOW - 20 * DAY)
    ended = leaf(replace(facts.client, certificates=(unarmour(pem.certificate),)))
    return replace(
        done,
        facts=replace(facts, process=process, clock=NodeClock(NOW + 200.0, NOW, NOW)),
        assessment=replace(
            assessment,
            findings=(EMBEDDED, ORPHAN),
            restart=RESTART,
            kubelet=KUBELET,
            kubeconfig=ended,
            unseen=("the journal: not configured", "whether the pair is of one key: not configured"),
        ),
    )


def view_of(done: Visit) -> NodeView:
    (view,) = views(FleetSnapshot((NodeReport(done.node).after(done),), (), Pace()), NOW)
    return view


def page(done: Visit, width: int = 80, encoding: str = "utf-8") -> str:
    """The page as a pipe gets it."""
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="")
    console = Console(file=screen, width=width, color_system=None)
    sheet = Page(console)
    tell(done, view_of(done), NOW, sheet, glyphs(console.encoding))
    sheet.print()
    screen.seek(0)
    return screen.read()


WHOLE = """\
worker-07.prod  CRITICAL kubeconfig-embedded, 1 more
  certificate stalled, 25d left

  issued 2025-10-16          window 2026-06-29 to 2026-09-10  expires 2026-10-16
  ├─────────────────────────────────────────────────────┿━━━━━━━━━━━━━━┿──▲────┤
                                                                   now: 25d left

  When       Before 2026-10-16, when the certificate expires; no restart, reboot
             or kubelet upgrade until it is mended
  State      The kubelet should have renewed this certificate before 2026-09-10.
             It will not before the cause is removed. The certificate expires on
             2026-10-16, and then the node drops out of the cluster.
  Cause      /etc/kubernetes/kubelet.conf embeds a certificate that ended on
             2026-09-01. The kubelet asks for its next one with that certificate
             and gets 401 each time.
             docs/causes.md#kubeconfig-embedded
  Restart    Not safe. kubelet.conf comes first, and has ended. It exits at
             once, at each start. No restart, reboot or kubelet upgrade until it
             is fixed.
  Do         # point the certificate at the store's link
             sed -i 's|client-certificate-data:.*|client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem|' /etc/kubernetes/kubelet.conf
             # it reads kubelet.conf at its start alone
             systemctl restart kubelet
  Also       orphan-empty (warning)
             kubelet-client-2026-09-19-10-00-00.pem is empty: a certificate was
             signed and could not be stored.
             # only if it is still shown after the steps above
             # look for room
             df -h /var/lib/kubelet
             # and for inodes
             df -i /var/lib/kubelet
  Kubelet    Running since 2026-09-09 14:13 UTC, for 12d.
             Distribution: kubeadm. /etc/kubernetes/kubelet.conf embeds a
             certificate. It renews its client certificate itself.
  Not seen   - the journal: not configured
             - whether the pair is of one key: not configured

  Store      /var/lib/kubelet/pki, ext4, 12 GB free; times are UTC
  NAME                                      SIZE  CHANGED     EXPIRES
  kubelet-client-current.pem                link  2025-10-16
    -> kubelet-client-2025-10-16-14-13-20.pem
  kubelet-client-2026-09-19-10-00-00.pem     0 B  2026-09-19
    empty orphan
  kubelet-client-2025-10-16-14-13-20.pem  1.0 kB  2025-10-16  2026-10-16  in use

  CERTIFICATE  ISSUED      EXPIRES                      SUBJECT
  client       2025-10-16  2026-10-16  25d left
    CN=system:node:worker-07,O=system:nodes
  kubeconfig   2025-08-17  2026-09-01  expired 20d ago
    CN=system:node:worker-07,O=system:nodes

  Visit      over ssh at 192.0.2.7 as uid 0, 2026-09-21 14:13 UTC, 0.3 s; its
             clock is 3m20s ahead
"""  # noqa: E501 - a command is never folded


def test_the_whole_story_at_80_columns(tmp_path: Path) -> None:
    """Header, timeline, cause, restart, steps, the other finding, what was not seen, store, dates, visit."""
    assert page(with_story(worker(tmp_path))) == WHOLE


@pytest.mark.parametrize("width", [60, 80, 140])
def test_short_lives_and_long_names_fit(tmp_path: Path, width: int) -> None:
    """Dates with their time, every kind of certificate, and names of any length stay within the terminal, whole."""
    done = with_story(worker(tmp_path, 0.5 * 3600, 3600))
    facts, assessment = told(done)
    assert assessment.client
    short = assessment.client.certificate
    name = "kubelet-client-" + "2026-02-30-" * 12 + ".pem"
    entries = (*facts.store.entries, replace(facts.store.entries[0], name=name))
    done = replace(
        done,
        facts=replace(facts, store=replace(facts.store, entries=entries)),
        assessment=replace(assessment, serving_live=short, authority=short, kubeconfig=short),
    )
    lines = page(done, width).splitlines()
    assert [line for line in lines if len(line) > width and EMBEDDED.steps[0].command not in line] == []
    assert name in "".join(line.strip() for line in lines)
    assert sum("30m left" in line for line in lines) == 6  # above and below the drawing, and four certificates


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [60, 61, 72, 80, 100, 140])
def test_no_line_but_a_command_is_wider_than_the_terminal(tmp_path: Path, width: int, encoding: str) -> None:
    """Whatever the width and the encoding; each command stands whole on one line."""
    done = with_story(worker(tmp_path))
    lines = page(done, width, encoding).splitlines()
    commands = [step.command for finding in (EMBEDDED, ORPHAN) for step in finding.steps]
    assert all(sum(command in line for line in lines) == 1 for command in commands)
    assert [line for line in lines if len(line) > width and EMBEDDED.steps[0].command not in line] == []
    assert all(line == line.rstrip() for line in lines)
    assert all(word in " ".join(lines) for word in ("stalled", "kubeconfig-embedded", "orphan-empty", "25d left"))


@pytest.mark.parametrize(("width", "drawn"), [(20, NARROWEST), (59, NARROWEST), (141, WIDEST), (500, WIDEST)])
def test_a_page_is_drawn_for_60_to_140_columns(tmp_path: Path, width: int, drawn: int) -> None:
    """A narrower terminal folds what is drawn for 60; a wider one gets no longer lines than can be read."""
    done = worker(tmp_path)
    assert page(done, width) == page(done, drawn)


def test_without_utf_8_the_drawing_is_ascii(tmp_path: Path) -> None:
    """No sign of the drawing is lost where the terminal has no UTF-8."""
    text = page(with_story(worker(tmp_path)), 80, "ascii")
    assert text.isascii()
    (drawn,) = (line for line in text.splitlines() if line.startswith("  |-"))
    assert re.fullmatch(r"  \|-+\+=+\+-+\^-+\|", drawn)


def test_a_purpose_is_a_comment_above_its_command(tmp_path: Path) -> None:
    """However short the two are: what is copied together can be pasted into a shell."""
    done = worker(tmp_path)
    lines = page(replace(done, assessment=replace(told(done)[1], findings=(EMBEDDED, ORPHAN)))).splitlines()
    for step in (step for finding in (EMBEDDED, ORPHAN) for step in finding.steps):
        at = next(place for place, line in enumerate(lines) if line.endswith(step.command))
        assert lines[at - 1].endswith(f"# {step.purpose}")


def test_the_steps_of_another_finding_are_not_repeated(tmp_path: Path) -> None:
    """Nothing is typed twice; what remains to be typed comes with its condition."""
    done = worker(tmp_path)
    again = replace(ORPHAN, cause=Cause.STORE_FULL, steps=ORPHAN.steps[1:])
    text = page(replace(done, assessment=replace(told(done)[1], findings=(ORPHAN, again, EMBEDDED))))
    assert all(text.count(step.command) == 1 for finding in (ORPHAN, EMBEDDED) for step in finding.steps)
    assert text.count("# only if it is still shown after the steps above\n") == 1
    assert text.index("store-full (warning)") < text.index("# only if") < text.index(EMBEDDED.steps[0].command)


def test_an_address_is_never_folded(tmp_path: Path) -> None:
    """Whatever stands around it; other long words are."""
    address = "https://kubernetes.io/docs/tasks/" + "a" * 80 + "/"
    step = Step("kubeadm certs check-expiration", f"which others expire: {address} tells, " + "b" * 90)
    done = worker(tmp_path)
    text = page(replace(done, assessment=replace(told(done)[1], findings=(replace(EMBEDDED, steps=(step,)),))))
    assert f"# {address}\n" in text
    assert "b" * 66 not in text
    assert max(len(line) for line in text.splitlines() if address not in line) <= 80


def test_a_command_of_several_lines_begins_at_the_margin(tmp_path: Path) -> None:
    """A here-document still ends where it is copied."""
    step = Step("cat > /etc/kubelet <<END\nrotate: true\nEND", "write it")
    finding = replace(EMBEDDED, steps=(step,))
    done = worker(tmp_path)
    _, assessment = told(done)
    text = page(replace(done, assessment=replace(assessment, findings=(finding,))))
    assert f"# write it\n{step.command}\n" in text


def test_the_stores_own_certificate_has_a_row(tmp_path: Path) -> None:
    """Where the kubelet uses another one: whether the store's is worth going back to shows in its dates."""
    done = worker(tmp_path)
    facts, assessment = told(done)
    assert assessment.client
    assert "\n  store  " not in page(done)
    pem = Mint().issue("system:node:worker-07", NOW - 400 * DAY, NOW - 20 * DAY)
    other = leaf(replace(facts.client, certificates=(unarmour(pem.certificate),)))
    assert other
    client = replace(assessment.client, certificate=other, managed=False)
    rows = page(replace(done, assessment=replace(assessment, client=client))).partition("CERTIFICATE")[2].splitlines()
    assert [row.split()[:3] for row in rows if row.startswith(("  client", "  store"))] == [
        ["client", "2025-08-17", "2026-09-01"],
        ["store", "2025-10-16", "2026-10-16"],
    ]


def test_every_file_that_was_read_has_its_expiry(tmp_path: Path) -> None:
    """The one in use and older ones; a wide terminal tells when each was written to the minute."""
    done = worker(tmp_path)
    facts, _ = told(done)
    older = "kubelet-client-2024-11-01-10-00-00.pem"
    pem = Mint().issue("system:node:worker-07", NOW - 600 * DAY, NOW - 235 * DAY)
    read = PemFile(f"{facts.store.path}/{older}", Condition.READ, (unarmour(pem.certificate),))
    entry = replace(facts.store.entries[0], name=older, kind=FileKind.REGULAR, size=1100, modified=NOW - 600 * DAY)
    store = replace(facts.store, entries=(*facts.store.entries, entry), newest=(*facts.store.newest, read))
    text = page(replace(done, facts=replace(facts, store=store)), 140)
    assert re.search(rf"{older} +1.1 kB +2025-01-29 14:13 +2026-01-29\n", text)
    assert re.search(r"2025-10-16-14-13-20.pem +1.0 kB +2025-10-16 14:13 +2026-10-16 +in use\n", text)
    assert re.search(r"2026-09-19-10-00-00.pem +0 B +2026-09-19 14:13 +empty orphan\n", text)


def test_a_command_that_goes_on_stands_below_its_purpose(tmp_path: Path) -> None:
    """Where each line ends in an operator, indentation changes nothing; the lines stay as they are."""
    step = Step("(umask 077 &&\n  cat a > b) &&\n  grep c b |\n  tail -1 ||\n  echo STOP", "write it")
    done = worker(tmp_path)
    text = page(replace(done, assessment=replace(told(done)[1], findings=(replace(EMBEDDED, steps=(step,)),))))
    indent = " " * 13
    assert f"# write it\n{indent}" + step.command.replace("\n", f"\n{indent}") + "\n" in text


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\u202ered\x9b31m"


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    """Escapes, bells, carriage returns and bidirectional overrides are shown as question marks, wherever they stand."""
    done = with_story(worker(tmp_path))
    facts, assessment = told(done)
    finding = Finding(Cause.ORPHAN_EMPTY, Severity.WARNING, HOSTILE, (Step(HOSTILE, HOSTILE),))
    entries = tuple(replace(entry, name=entry.name + HOSTILE) for entry in facts.store.entries)
    nasty = replace(
        done,
        node=replace(done.node, name=HOSTILE),
        facts=replace(facts, store=replace(facts.store, path=HOSTILE, entries=entries)),
        assessment=replace(
            assessment,
            findings=(finding, finding),
            unseen=(HOSTILE,),
            kubelet=replace(KUBELET, kubeconfig=HOSTILE),
            restart=replace(RESTART, words=HOSTILE),
        ),
    )
    assert {one for one in page(nasty) if not one.isprintable()} == {"\n"}
    assert json.dumps(story(nasty, view_of(nasty), NOW)).isprintable()


@pytest.mark.parametrize(
    ("age", "life", "headline", "words"),
    [
        (100, 365, "FRESH for 100d", "Not due yet"),
        (300, 365, "WINDOW for 44d", "This is no alarm"),
        (328.51, 365, "LATE for 14m", "counts as stalled"),
        (340, 365, "STALLED for 11d11h", "before 2026-09-10. The certificate expires on 2026-10-16"),
        (400, 365, "EXPIRED for 35d", "NotReady"),
        (-3, 365, "NOT YET VALID for another 3d", "The certificate is valid from 2026-09-24 on"),
        (25000, 365, "EXPIRED for 24635d", "NotReady"),  # from 1958
        (10, 200 * 365, "FRESH for 10d", "2166"),
        (0.9, 1, "LATE for 0s", "before 2026-09-21 14:13 UTC"),
    ],
)
def test_each_state_in_words(tmp_path: Path, age: float, life: float, headline: str, words: str) -> None:
    """Since when the state holds, and what it means; also before 1970 and after 2106."""
    done = worker(tmp_path, age * DAY, life * DAY)
    text = page(replace(done, assessment=replace(told(done)[1], findings=())))
    assert headline in text.splitlines()[0]
    assert words in " ".join(text.split())


def without_reading(done: Visit, reason: Reason | None) -> Visit:
    facts, assessment = told(done)
    client = replace(facts.client, certificates=())
    return replace(
        done,
        reason=reason,
        facts=replace(facts, client=client),
        assessment=replace(assessment, reason=reason, client=None, unseen=("certificates: not root",)),
    )


def test_a_certificate_that_may_not_be_read(tmp_path: Path) -> None:
    """An ordinary user is told the reason, what was seen all the same, and what was not."""
    done = without_reading(worker(tmp_path), Reason.CERTIFICATE_DENIED)
    text = page(replace(done, detail="kubelet-client-current.pem: not to be read as uid 1000"))
    assert text.startswith("worker-07.prod    WARNING orphan-empty    not read: certificate_denied\n")
    assert "no permission to read the certificate" in text
    assert "log in as root" in text
    assert "as uid 1000" in " ".join(text.split())
    assert "Not seen   certificates: not root" in text
    assert "empty orphan" in text


def test_a_cause_knows_better_than_a_reason(tmp_path: Path) -> None:
    """Where the diagnosis says what to do about a broken file, the general advice is left out."""
    done = without_reading(worker(tmp_path), Reason.LINK_DANGLING)
    _, assessment = told(done)
    broken = Finding(Cause.STORE_LINK_DANGLING, Severity.CRITICAL, "the link leads nowhere.", ORPHAN.steps)
    text = page(replace(done, assessment=replace(assessment, findings=(broken,))))
    assert "No reading link_dangling: the link's target is gone." in text
    assert "Cause      The link leads nowhere." in text
    assert "Look at" not in text
    assert "in memory alone" not in text  # no kubelet was seen
    assert "Look at" in page(replace(done, assessment=replace(assessment, findings=())))
    running = replace(told(done)[0], process=Process(Sight.SEEN, "kubelet", 1))
    text = page(replace(done, facts=running, assessment=replace(assessment, findings=(broken,))))
    assert "The running kubelet has its certificate in memory alone" in text


@pytest.mark.parametrize(
    ("evidence", "told_so"),
    [("no kubelet process runs.", "No kubelet process runs."), ("kubelet.conf is empty.", "kubelet.conf is empty.")],
)
def test_evidence_begins_like_a_sentence(tmp_path: Path, evidence: str, told_so: str) -> None:
    """With a capital; a file keeps its name."""
    done = worker(tmp_path)
    _, assessment = told(done)
    findings = (replace(ORPHAN, evidence=evidence),)
    assert f"Cause      {told_so}\n" in page(replace(done, assessment=replace(assessment, findings=findings)))


def test_a_node_without_a_certificate_by_design(tmp_path: Path) -> None:
    """A kubelet that logs in by a plugin is unmanaged, and nothing is wrong with it."""
    done = without_reading(worker(tmp_path), None)
    _, assessment = told(done)
    done = replace(done, assessment=replace(assessment, findings=(), kubelet=replace(KUBELET, rotates=False)))
    text = page(done)
    assert text.startswith("worker-07.prod    UNMANAGED\n")
    assert "no client certificate by design" in text
    assert story(done, view_of(done), NOW)["state"] is State.UNMANAGED


def test_a_certificate_that_somebody_else_renews(tmp_path: Path) -> None:
    """There is no window to draw, and the owner is told until when it must be renewed."""
    done = worker(tmp_path)
    _, assessment = told(done)
    assert assessment.client
    client = replace(assessment.client, managed=False)
    text = page(replace(done, assessment=replace(assessment, client=client, findings=())))
    assert "UNMANAGED" in text
    assert "window" not in text
    assert "its owner must, before 2026-10-16." in " ".join(text.split())


@pytest.mark.parametrize(
    ("process", "words"),
    [
        (Process(Sight.HIDDEN), "Its process is not to be seen."),
        (Process(Sight.ABSENT), "Not running. kubelet.service is failed."),
        (Process(Sight.SEEN, "k3s-agent", 1), "k3s-agent: Running."),
    ],
)
def test_the_process_in_words(tmp_path: Path, process: Process, words: str) -> None:
    """Whether the kubelet runs, as far as it was seen."""
    done = worker(tmp_path)
    facts, _ = told(done)
    service = Service("kubelet.service", "failed", "failed")
    assert words in page(replace(done, facts=replace(facts, process=process, service=service)))


@pytest.mark.parametrize(("age", "is_told"), [(3, True), (119, True), (120, False), (DAY, False)])
def test_a_start_is_no_all_clear(tmp_path: Path, age: int, is_told: bool) -> None:
    """One visit meets a kubelet that exits again and again as one that runs: what it cannot tell is said, once."""
    done = worker(tmp_path)
    facts, assessment = told(done)
    process = Process(Sight.SEEN, "kubelet", 1, started=NOW - age)
    done = replace(done, facts=replace(facts, process=process, clock=None, taken=NOW))
    words = "ago: one visit cannot tell a start from a crash loop."
    assert (words in " ".join(page(done).split())) is is_told
    loop = Finding(Cause.KUBELET_CRASH_LOOP, Severity.CRITICAL, "three visits, three processes")
    assert words not in " ".join(page(replace(done, assessment=replace(assessment, findings=(loop,)))).split())


@pytest.mark.parametrize(
    ("restart", "words"),
    [
        (
            Restart(safe=True, reason=RestartReason.COMES_BACK, words="The store's pair is good."),
            "Safe, if key and certificate match (not checked). The store's pair is good.",
        ),
        (Restart(safe=None, reason=RestartReason.NEEDS_SIGNING, words="w."), "Not known. w."),
        (
            Restart(safe=False, reason=RestartReason.KUBECONFIG_EXPIRED, words="w.", ending=Ending.EXITS),
            "w. It exits five minutes after each start, again and again.",
        ),
        (
            Restart(safe=False, reason=RestartReason.NOT_YET_VALID, words="w.", ending=Ending.LIVES, until=NOW),
            "w. Until then it would start, look healthy, and be refused (401).",
        ),
    ],
)
def test_the_verdict_in_words(tmp_path: Path, restart: Restart, words: str) -> None:
    """Would the kubelet come back, why, and how it looks where it does not."""
    done = worker(tmp_path)
    _, assessment = told(done)
    text = page(replace(done, assessment=replace(assessment, restart=restart)))
    assert words in " ".join(text.split())


@pytest.mark.parametrize(
    ("cause", "printed"),
    [
        (None, "Safe, if key and certificate match (not checked). The store's pair is good."),
        (Cause.NODE_NAME_DIFFERS, "Not safe until the name is back. No file stops the kubelet, but it would register"),
        (Cause.CA_EXPIRED, "It starts, and is refused. No file stops the kubelet, but the API server refuses it"),
        (Cause.STORE_FULL, "The store's pair is good. Wait with it all the same until there is room."),
    ],
)
def test_the_runbooks_gate_has_the_pages_words(tmp_path: Path, cause: Cause | None, printed: str) -> None:
    """No file speaks against a restart, and something else does: who asks for data is told as much as who reads."""
    done = worker(tmp_path)
    findings = (Finding(cause, Severity.CRITICAL, "seen"),) if cause else ()
    restart = Restart(safe=True, reason=RestartReason.COMES_BACK, words="The store's pair is good.")
    done = replace(done, assessment=replace(told(done)[1], restart=restart, findings=findings))
    runbook = (Path(__file__).parent.parent / "docs/runbooks/KubeletCertRotationStalled.md").read_text()
    (gate,) = re.findall(r"python3 -c '([^']*\"restart\"[^']*)'", runbook)
    given = json.dumps(story(done, view_of(done), NOW))
    ran = subprocess.run([sys.executable, "-c", gate], input=given, capture_output=True, text=True, check=True)
    assert printed in ran.stdout
    assert " ".join(ran.stdout.split()) in " ".join(page(done).split())


def test_a_node_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason in words, where to look, and what is not known; exit status 2."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    config = tmp_path / "c.yaml"
    config.write_text(
        f"ssh: {{known_hosts: [], identities: [{{file: {key}}}]}}\n"
        "defaults: {host_key_policy: insecure, port: 1}\ngroups: {a: {nodes: [127.0.0.1]}}\n"
    )
    assert main(["explain", "127.0.0.1", "--config.file", str(config)]) == 2
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("127.0.0.1 UNKNOWN connection_refused")
    assert "nothing listens on that port" in text
    assert "is sshd up? is port right?" in text
    assert "whether its kubelet would survive a restart" in text
    assert main(["explain", "127.0.0.1", "--config.file", str(config), "--format=json"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert (data["state"], data["reason"], data["store"]) == ("unknown", "connection_refused", None)
    assert data["reason_look_at"] == "is sshd up? is `port` right?"


@pytest.mark.parametrize("case", CASES)
def test_every_tree_has_its_page_and_the_status_of_visit(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stands in a store, explain tells it, and ends as visit does."""
    directory = tmp_path / "w1/var/lib/kubelet/pki"
    directory.parent.mkdir(parents=True)
    CASES[case](directory, Mint(), int(time.time()) - DAY)
    expected = main(["visit", "--root", str(tmp_path / "w1")])
    capsys.readouterr()
    assert main(["explain", "--root", str(tmp_path / "w1")]) == expected
    assert {one for one in capsys.readouterr().out if not one.isprintable()} == {"\n"}
    assert main(["explain", "--root", str(tmp_path / "w1"), "--format=json"]) == expected
    assert json.loads(capsys.readouterr().out)["node"] == "w1"


def test_one_node_or_one_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither of both, and both, are mistakes."""
    for words in ([], ["w1", "--root", str(tmp_path)]):
        assert main(["explain", *words]) == 2
        assert capsys.readouterr().err == "explain: needs one NODE of the inventory, or --root=DIR\n"


def test_the_page_of_reasons_has_the_same_words() -> None:
    """Each reason is told in a terminal as docs/reasons.md has it."""
    page_of_reasons = (ROOT / "docs/reasons.md").read_text()
    assert set(MEANINGS) == set(Reason)
    rows = {reason: f"| `{reason}` | {meaning.seen} | {meaning.look} |" for reason, meaning in MEANINGS.items()}
    assert [row for row in rows.values() if row not in page_of_reasons] == []


def keys(data: object, path: str = "") -> set[str]:
    """Every leaf's path, as docs/commands.md writes them."""
    if isinstance(data, dict) and path != "labels":
        below = ((f"{path}." if path else "") + ("<cert>" if path == "certificates" else key) for key in data)
        return set().union(*(keys(value, its_path) for value, its_path in zip(data.values(), below, strict=True)))
    if isinstance(data, list):
        return set().union(*(keys(value, f"{path}[]") for value in data))
    return {path}


def test_the_keys_of_json_are_documented(tmp_path: Path) -> None:
    """docs/commands.md lists every key of ``explain --format json``, and no other."""
    done = with_story(worker(tmp_path))
    section = (ROOT / "docs/commands.md").read_text().partition("## explain")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    assert keys(story(done, view_of(done), NOW)) == set(re.findall(r"`([^`]+)`", " ".join(rows)))


def on_a_terminal(root: Path, columns: int, **environment: str) -> str:
    """What ``explain --root`` writes to a real terminal of that width."""
    ours, theirs = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": str(columns), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "explain", "--root", root],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**variables, **environment},
        cwd=ROOT,
    ):
        os.close(theirs)
        received = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
    return received.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end was closed
        return b""


ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["colour", "NO_COLOR", "dumb"],
)
@pytest.mark.parametrize("columns", [80, 140])
def test_colour_and_width_on_a_real_terminal(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    columns: int,
    environment: dict[str, str],
    *,
    coloured: bool,
) -> None:
    """Colour where the terminal has it and nobody forbids it; the same text either way, in the terminal's width."""
    drawn = 80 if environment.get("TERM") == "dumb" else columns  # rich asks no dumb terminal for its width
    worker(tmp_path / "w7", age=NOW + 340 * DAY - time.time())
    text = on_a_terminal(tmp_path / "w7", columns, **environment)
    codes = set(itertools.chain(*(found.split(";") for found in ESCAPE.findall(text))))
    assert bool(codes & {"31", "32", "33", "35", "36"}) is coloured
    lines = ESCAPE.sub("", text).splitlines()
    assert "\x1b" not in "".join(lines)
    assert main(["explain", "--root", str(tmp_path / "w7"), "--format=json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    commands = [step["command"] for finding in findings for step in finding["steps"]]
    others = [line for line in lines if not any(line.strip().startswith(command) for command in commands)]
    assert drawn - 2 <= max(map(len, others)) <= drawn
    assert any("▲" in line for line in lines)
