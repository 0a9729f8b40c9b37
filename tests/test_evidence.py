"""Evidence: one sentence made from the node's own paths and dates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.judge.case import Case
from exporter.judge.causes.wording import names, span, when
from exporter.judge.diagnosis import findings
from exporter.model.host import Process, Sight
from exporter.model.kubelet_files import ConfigFile
from exporter.model.restart import Restart, RestartReason
from tests.cases import case, using
from tests.kubelets import CONFIG, DATED, EXPIRED, HEALTHY, PKI, document, pair
from tests.sick import SICK, started
from tests.trees import NOW

BOTH_ENDED = case(replace(using(EXPIRED).with_kubeconfig(pair("#2", EXPIRED)), process=started(86400)))
ASKS = (
    "/etc/kubernetes/kubelet.conf embeds a certificate that expired on 2026-08-17; "
    "the kubelet asks for its next certificate with it and gets 401 each time; "
)
SENTENCES = {
    "embedded ended": f"{ASKS}its other traffic uses the one in the store, so the node looks healthy.",
    "two orphans": (
        f"{PKI} has 2 dated files newer than the one in use (kubelet-client-2026-09-21-11-00-00.pem, "
        "kubelet-client-2026-09-21-10-00-00.pem); each is empty: a rotation was signed and could not be written."
    ),
    "clock ahead": (
        "The node's clock is 1 min 1 s ahead of the exporter's: "
        "the kubelet goes by it, and takes a certificate for expired that much too early."
    ),
    "down": "No kubelet process runs; kubelet.service is inactive (dead).",
    "systemd starts it again": (
        "kubelet.service is activating (auto-restart), restarted 40 times, last exit status 1: "
        "systemd starts the kubelet again and again."
    ),
    "tls half set": (
        "tlsCertFile is set and tlsPrivateKeyFile is not: "
        "the kubelet serves with no certificate, so logs and exec fail."
    ),
    "target empty": (
        f"{DATED} is empty: the running kubelet keeps its certificate in memory, "
        "the next start of the kubelet fails, with a bootstrap file too."
    ),
    "kubelet.conf: CA missing": (
        "/etc/kubernetes/kubelet.conf names the CA file /etc/ca.crt, which is not there: "
        "the kubelet exits at its next start."
    ),
    "kops due": (
        "The client certificate expires on 2026-11-05, 90 % of its lifetime is over "
        "(who renews it: nobody: kops replaces the node)."
    ),
    "rotation off": (
        "rotateCertificates is false in /var/lib/kubelet/config.yaml: "
        "nothing renews the client certificate, which expires on 2027-08-22."
    ),
    "folder of another": f"{PKI} belongs to uid 0 and the kubelet runs as uid 7: it cannot write there.",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_evidence_is_of_this_node(name: str) -> None:
    """Paths, dates, counts and names are those of the facts."""
    assert findings(SICK[name].case)[0].evidence == SENTENCES[name]


def test_a_store_that_has_ended_as_well_is_said() -> None:
    """Then the node looks healthy no longer."""
    it: Case = BOTH_ENDED
    assert findings(it)[0].evidence == f"{ASKS}the one in its store has expired as well, on 2026-08-17."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (-3660, "1 h 1 min"), (187200, "2 d 4 h"), (86401, "1 d")],
)
def test_a_span_in_words(seconds: float, text: str) -> None:
    """The largest unit that fits, and the next where it is not 0."""
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (0, "2026-09-21 14:13 UTC"),
        (2 * 86400 - 1, "2026-09-23 14:13 UTC"),
        (2 * 86400, "2026-09-23"),
        (-2 * 86400, "2026-09-19"),
        (1e14, "second 100001790000000 of the epoch"),
    ],
)
def test_a_date_in_words(away: float, text: str) -> None:
    """UTC, to the minute where it is near."""
    assert when(NOW + away, NOW) == text


def test_a_list_in_words() -> None:
    """The first few by name, and how many more."""
    assert names(["/a/b", "/a/c"]) == "b, c"
    assert names([f"/a/{letter}" for letter in "bcdef"]) == "b, c, d and 2 more"


def off(place: int) -> Case:
    """Rotation that a file says is off: none of them, the first, or a drop-in."""
    worker = HEALTHY.with_settings(rotate_certificates=None)
    files = [ConfigFile(document(path), worker.settings) for path in (CONFIG, "/etc/kubernetes/d/9.conf")]
    if place >= 0:
        files[place] = replace(files[place], settings=replace(worker.settings, rotate_certificates=False))
    return case(replace(worker, config=tuple(files)))


@pytest.mark.parametrize(
    ("place", "where"),
    [
        (-1, "set nowhere, so it is false"),
        (0, "false in /var/lib/kubelet/config.yaml"),
        (1, "false by the drop-in /etc/kubernetes/d/9.conf"),
    ],
)
def test_where_rotation_is_off_is_said(place: int, where: str) -> None:
    """The file, the drop-in, or that nothing sets it."""
    assert findings(off(place))[0].evidence.startswith(f"rotateCertificates is {where}: ")


def test_a_flag_that_switches_rotation_off_is_named() -> None:
    """A flag wins, also one that was remembered of a kubelet that is down."""
    it = case(HEALTHY.with_flags(rotate_certificates="false"))
    assert "false by the flag --rotate-certificates: " in findings(it)[0].evidence


def test_a_good_certificate_is_not_why_a_kubelet_exits() -> None:
    """Said where its files are known to let it start, and only there."""
    it, word = SICK["systemd starts it again"].case, "the certificate is not why it exits (valid until 2027-08-22"
    assert word not in findings(it)[0].evidence
    safe = Restart(safe=True, reason=RestartReason.COMES_BACK, words="")
    assert word in findings(replace(it, restart=safe))[0].evidence


def test_what_is_in_memory_is_said_of_a_kubelet_that_runs() -> None:
    """One that is down has nothing in memory."""
    it = SICK["link dangling"].case
    assert "the running kubelet keeps its certificate" in findings(it)[0].evidence
    down = replace(it, facts=replace(it.facts, process=Process(Sight.ABSENT)))
    assert "running" not in findings(down)[0].evidence
