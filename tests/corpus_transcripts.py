"""What ``explain`` says of every cause: ``python -m tests.corpus_transcripts`` writes tests/corpus/transcripts anew."""

from __future__ import annotations

import io
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml
from rich.console import Console

from exporter.cli.glyphs import UNICODE
from exporter.cli.page import Page
from exporter.cli.story import tell
from exporter.config.settings import Paths
from exporter.model.facts import NodeFacts
from exporter.model.files import Condition, PemFile
from exporter.model.finding import Cause
from exporter.model.host import JournalLine, JournalSign
from exporter.model.node import Node, SshAccess
from exporter.model.report import NodeReport, Visit
from exporter.model.snapshot import FleetSnapshot
from exporter.serve.views import views
from tests.corpus.build import EXPECTED, scenarios
from tests.corpus.tree import Tree
from tests.corpus_verdicts import Visited, judged, visit
from tests.trees import unarmour

FOLDER = Path(__file__).parent / "corpus/transcripts"
WIDTH = 80
NODE = "worker-1.prod"
_STATIC = ("mount, static", "dash, static")
_STALLED = "window_0_999"
_SIGNS = {
    Cause.API_CA_UNKNOWN: JournalSign.UNKNOWN_AUTHORITY,
    Cause.API_UNREACHABLE: JournalSign.UNREACHABLE,
    Cause.CSR_UNAUTHORIZED: JournalSign.UNAUTHORIZED,
    Cause.CSR_FORBIDDEN: JournalSign.FORBIDDEN,
    Cause.CSR_DENIED: JournalSign.DENIED,
    Cause.ROTATION_NOT_STORED: JournalSign.NOT_STORED,
}
# Dates, spans, sizes and identifiers that a day, a key or a machine has of its own, and what they move in a drawing.
_DATE, _SPAN = r"\d{4}-\d\d-\d\d([ -]{1,2}\d\d[:-]\d\d(-\d\d)?)?", r"\b\d+ ?(d|h|min|m|s)( ?\d+ ?(h|min|m|s))?\b"
_OF_THE_DAY = re.compile(rf"{_DATE}|{_SPAN}|\b[0-9a-f]{{40}}\b|@\d+|\d+(\.\d+)? [kMGT]?B\b|[├─┿━▲┤┄]+")


def scenes() -> Iterator[tuple[Cause, str]]:
    """Each cause that one node can show, and the scenario of the corpus that is told of it: the first of its trees."""
    wanted = yaml.safe_load(EXPECTED.read_text())
    for cause in Cause:
        name = next((name for name, verdict in wanted.items() if verdict["cause"] == cause), None)
        if name:
            yield cause, name
        elif cause in _SIGNS:
            yield cause, _STALLED
        elif cause is Cause.SERVING_LIVE_DIFFERS:
            yield cause, "serving_rotated"


def transcript(cause: Cause, name: str, width: int = WIDTH, *, colour: bool = False) -> str | None:
    """What a terminal of ``width`` columns shows; None where the tree cannot be read on this machine."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        tree = scenarios()[name].build(root, int(time.time()))
        read = _facts(visit(name, tree))
        if read is None:
            return None
        facts = _told_more(read, cause, tree)
        return _page(tree, facts, width, colour=colour)


def masked(text: str) -> str:
    """The same on every day and machine."""
    return _OF_THE_DAY.sub("…", " ".join(text.split()))


def _facts(node: Visited) -> NodeFacts | None:
    """As old as the scenario says where the tree's own /proc can tell, else beside a process that has just started."""
    able = {it.way: it.facts for it in node.able}
    ways = [way for way in (*_STATIC, *able) if way in able]
    return able[ways[0]] if ways else None


def _told_more(facts: NodeFacts, cause: Cause, tree: Tree) -> NodeFacts:
    """With what no file of a tree shows: who reads over ssh, the journal's signs, the certificate at the port."""
    facts = facts if facts.uid is not None else replace(facts, uid=0)
    if cause in _SIGNS:
        return replace(facts, journal=(JournalLine(_SIGNS[cause], 6),))
    if cause is Cause.SERVING_LIVE_DIFFERS:
        pair = tree.authority.serving(tree.name, (tree.name,), tree.now - 40 * 86400, 30 * 86400)
        return replace(facts, live=PemFile("10.20.0.21:10250", Condition.READ, (unarmour(pair.certificate),)))
    return facts


def _page(tree: Tree, facts: NodeFacts, width: int, *, colour: bool) -> str:
    assessment = judged(tree, facts)
    node = Node(NODE, SshAccess("10.20.0.21"), Paths(), serving_port=10250)
    outcome = Visit(node, facts.taken, 0.4, assessment.reason, facts=facts, assessment=assessment)
    (view,) = views(FleetSnapshot((NodeReport(node).after(outcome),)), facts.taken)
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None)
    page = Page(console)
    tell(outcome, view, facts.taken, page, UNICODE)
    page.print()
    return out.getvalue()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for cause, name in scenes():
        text = transcript(cause, name)
        if text is None:
            print(f"{cause}: {name} cannot be read on this machine; its transcript stays")
        else:
            (FOLDER / f"{cause}.txt").write_text(text)


if __name__ == "__main__":
    main()
