"""The states that hold, as they are recorded: who has a say, what is kept, and what is put down to the fleet."""

from __future__ import annotations

import pytest

from tests.promtool import PROMTOOL
from tests.typed import Typed, Values, by, during

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="Debian's prometheus is not installed")

MINUTES, GONE = 50, 20
REMEMBERED = 10  # minutes for which a series counts that is gone
TOLD, KEPT = (f"cluster_node_cert_state:kubelet_cert_rotation_state:{kind}" for kind in ("told", "max"))
UNEXPLAINED = "cluster_node_state:kubelet_cert_rotation_state:unexplained"
OTHERS = ({"cluster": "other", "node": "w1"}, {"cluster": "prod", "node": "w2"})
ENDS: Values = ((1, GONE), (0, MINUTES - GONE))
BEGINS: Values = ((0, GONE), (1, MINUTES - GONE))


def _state(story: Typed, state: str, values: Values = 1, /, **labels: str) -> None:
    own = {"cluster": "prod", "node": "w1", "cert": "client", **labels}
    story.has("kubelet_cert_rotation_state", values, state=state, **own)


def test_an_older_certificate_has_no_say() -> None:
    """Nor has who told it last less than ten minutes ago, and tells no dates any more."""
    story = Typed(MINUTES).node()
    own = {"cluster": "prod", "node": "w1", "cert": "client"}
    story.has("kubelet_cert_not_before_timestamp_seconds", 200, **own)
    older: Values = ((100, GONE), (None, MINUTES - GONE))
    story.has("kubelet_cert_not_before_timestamp_seconds", older, **own, instance="two:10024")
    _state(story, "fresh")
    _state(story, "stalled", ENDS, instance="two:10024")
    _state(story, "unknown", BEGINS, instance="two:10024")
    fresh, unknown = by(cert="client", state="fresh"), by(cert="client", state="unknown")
    told = {fresh: during((1, MINUTES)), unknown: during((None, GONE + REMEMBERED), (1, MINUTES - GONE - REMEMBERED))}
    story.records({TOLD: told})


@pytest.mark.parametrize("state", ["late", "stalled", "expired"])
def test_an_accusation_stays_while_its_certificate_is_unknown(state: str) -> None:
    """Though the node's serving certificate is known, and namesakes and neighbours are."""
    story = Typed(MINUTES).node()
    _state(story, state, ENDS)
    _state(story, "unknown", BEGINS)
    _state(story, "fresh", cert="serving")
    for other in OTHERS:
        _state(story.node(other["node"], other["cluster"]), "fresh", **other)
    kept = {
        by(cert="client", state=state): during((1, MINUTES)),
        by(cert="client", state="unknown"): during((None, GONE), (1, MINUTES - GONE)),
        by(cert="serving", state="fresh"): during((1, MINUTES)),
    }
    story.records({KEPT: kept | {by(**other, cert="client", state="fresh"): during((1, MINUTES)) for other in OTHERS}})


def test_a_serving_certificate_is_taken_back_by_its_own_state() -> None:
    """Though nobody knows the client's."""
    story = Typed(MINUTES).node()
    _state(story, "unknown")
    _state(story, "stalled", ENDS, cert="serving")
    _state(story, "fresh", BEGINS, cert="serving")
    kept = {
        by(cert="client", state="unknown"): during((1, MINUTES)),
        by(cert="serving", state="stalled"): during((1, GONE), (None, MINUTES - GONE)),
        by(cert="serving", state="fresh"): during((None, GONE), (1, MINUTES - GONE)),
    }
    story.records({KEPT: kept})


def test_a_serving_certificate_ends_with_a_reading_of_the_client() -> None:
    """The node was read, and has none to rotate."""
    story = Typed(MINUTES).node()
    _state(story, "unknown", ((1, 40), (0, 10)))
    _state(story, "fresh", ((0, 40), (1, 10)))
    _state(story, "stalled", ((1, GONE), (None, MINUTES - GONE)), cert="serving")
    kept = {
        by(cert="client", state="unknown"): during((1, 40), (None, 10)),
        by(cert="client", state="fresh"): during((None, 40), (1, 10)),
        by(cert="serving", state="stalled"): during((1, 40), (None, 10)),
    }
    story.records({KEPT: kept})


def test_what_left_the_inventory_accuses_nobody() -> None:
    """A namesake and a neighbour are still there."""
    story = Typed(MINUTES)
    until_gone: Values = ((1, GONE), (None, MINUTES - GONE))
    story.has("kubelet_cert_node_info", until_gone, cluster="prod", node="w1")
    _state(story, "stalled", until_gone)
    for other in OTHERS:
        story.has("kubelet_cert_node_info", **other)
    kept = {by(cert="client", state="stalled"): during((1, GONE + REMEMBERED), (None, MINUTES - GONE - REMEMBERED))}
    story.records({KEPT: kept})


# Of critical causes these say nothing of the node: who signs is to blame, or they follow from the expiry.
OF_THE_FLEET = (
    *("api-unreachable", "ca-expired", "csr-denied", "issuer-not-trusted", "rotation-not-signed"),
    *("kubelet-crash-loop", "bootstrap-file-missing"),
)
# And of the others these do, whatever their severity.
OF_THE_NODE = (
    *(
        "node-name-differs",
        "orphan-valid",
        "owner-restart-needed",
        "replaced-by-hand",
        "rotation-disabled",
        "store-full",
    ),
    "timer-suspended",
)


@pytest.mark.parametrize(
    ("cause", "severity", "is_explained"),
    [
        *((cause, "critical", False) for cause in OF_THE_FLEET),
        *((cause, "warning", True) for cause in OF_THE_NODE),
        ("store-not-writable", "critical", True),
        ("store-not-writable", "warning", False),
        ("rotation-not-signed", "warning", False),
    ],
)
def test_what_explains_a_certificate_past_its_window(cause: str, severity: str, is_explained: bool) -> None:
    """A fault of the node's own does; a namesake's and a neighbour's do not."""
    story = Typed(5)
    nodes = ({"cluster": "prod", "node": "w1"}, *OTHERS)
    for node in nodes:
        _state(story.node(node["node"], node["cluster"]), "stalled", **node)
    story.has("kubelet_cert_finding", cause=cause, severity=severity, **nodes[0])
    without = nodes[1:] if is_explained else nodes
    story.records({UNEXPLAINED: {by(**node, state="stalled"): [1.0] * 5 for node in without}})


def test_what_the_kubelet_does_not_rotate_has_a_lifetime_of_a_year_at_most() -> None:
    """Clients alone, and neither those that are rotated."""
    day, own = 86400, {"cluster": "prod", "node": "w1"}
    story = Typed(5).node()
    for cert, begin, end in (("client", 0, 3650), ("serving", 0, 365), ("ca", 0, 3650)):
        story.has("kubelet_cert_not_before_timestamp_seconds", begin * day, cert=cert, **own)
        story.has("kubelet_cert_not_after_timestamp_seconds", end * day, cert=cert, **own)
    story.node("w2").certificate(500, "fresh", 200, node="w2")
    year = {by(cert="client"): [365.0 * day] * 5}
    story.records({"cluster_node_cert:kubelet_cert_unmanaged_lifetime_seconds:max": year})


@pytest.mark.parametrize(("lifetime", "share"), [(0, None), (1, 0.5)])
def test_a_lifetime_of_nothing_has_no_share(lifetime: float, share: float | None) -> None:
    """Of a broken certificate; what lives for a second has one."""
    own = {"cluster": "prod", "node": "w1"}
    story = Typed(1).node()
    for cert in ("client", "serving"):
        story.has("kubelet_cert_not_before_timestamp_seconds", -0.5, cert=cert, **own)
        story.has("kubelet_cert_not_after_timestamp_seconds", -0.5 + lifetime, cert=cert, **own)
    shares = {} if share is None else {by(cert=cert): [share] for cert in ("client", "serving")}
    story.records({"cluster_node_cert:kubelet_cert_lifetime_used:ratio": shares})
