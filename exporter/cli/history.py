"""``history``: the rotations of one node that a running exporter saw, and how its last visits ended."""

from __future__ import annotations

import argparse
import difflib
import io
import json
import sys
from collections import Counter
from collections.abc import Collection

from rich.console import Console
from rich.text import Text

from exporter.cli.output import nobody_reads
from exporter.cli.page import Page
from exporter.cli.words import minute, moment, utc
from exporter.config.loading import load
from exporter.errors import ConfigurationError, Mistake
from exporter.inventory.catalogue import Catalogue
from exporter.rounds.store.archive import archive
from exporter.rounds.store.place import place
from exporter.rounds.store.records import Outcome, SeenRotation

_TITLES = ("SEEN", "CERTIFICATE", "AT", "VALID FROM", "UNTIL")
_SERIAL = "SERIAL"
_SHORTEST_SERIAL = 12  # cells: of less nothing is shown
_GAP = 2
NOT_KEPT_HERE = (
    "nothing is kept of it here: the exporter that has this store has not visited it yet; "
    "of a fleet in shards each has a store of its own"
)
_LEGEND = (
    "SEEN is the visit that found another certificate, AT how much of the old one's life was over when the new one's "
    "file was written; a range where only the visits before and after tell when. UTC."
)
_OF_OTHERS = "* not by the kubelet"
_SERIALS_ELSEWHERE = "--format=json has the serials."


def command(given: argparse.Namespace) -> int:
    """0. Raises ConfigurationError, also where nothing is kept of the node."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8
    with archive(kept_at(given.config_file)) as past:
        if given.node not in (known := past.names):
            raise ConfigurationError(Mistake(given.node, _unknown(given.node, known, given.config_file)))
        rotations, outcomes = past.rotations(given.node), past.outcomes(given.node)
    try:
        if given.format == "json":
            print(json.dumps(plain(given.node, rotations, outcomes), indent=2))
        else:
            page = Page(Console())
            tell(given.node, rotations, outcomes, page)
            page.print()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        nobody_reads()
    return 0


def kept_at(config_file: str) -> str:
    """Where the store of a configuration is. Raises ConfigurationError where there is none."""
    config, _ = load(config_file)
    where = place(config.store)
    if where is None:
        raise ConfigurationError(Mistake(f"{config_file}: store", "none: nothing is kept"))
    return where


def _unknown(name: str, known: Collection[str], config_file: str) -> str:
    """What to say of a node that the store does not have."""
    named = _inventory(config_file)
    if name in named:
        return NOT_KEPT_HERE
    near = difflib.get_close_matches(name, {*known, *named}, n=1)
    return "nothing is kept of a node of this name" + (f"; did you mean {near[0]}?" if near else "")


def _inventory(config_file: str) -> Collection[str]:
    """The nodes' names; none where there is a mistake in it, as it is the store that is asked."""
    try:
        return {node.name for node in Catalogue(*load(config_file)).nodes}
    except ConfigurationError:
        return ()


def tell(name: str, rotations: tuple[SeenRotation, ...], outcomes: tuple[Outcome, ...], page: Page) -> None:
    """A row for each rotation, the newest last, and a line for the visits."""
    page.header(Text(name, "bold"), Text(_counted(rotations)))
    page.blank()
    if rotations:
        _table(rotations, page)
    page.text(_visits(outcomes))


def _counted(rotations: tuple[SeenRotation, ...]) -> str:
    if not rotations:
        return "no rotation seen yet"
    return f"{len(rotations)} rotation{'s' * (len(rotations) > 1)} seen since {utc(rotations[0].seen)}"


def _table(rotations: tuple[SeenRotation, ...], page: Page) -> None:
    """A line each: serials are cut, or left out, where they have no room."""
    rows = [tuple(Text(title, "dim") for title in _TITLES), *map(_row, rotations)]
    serials = [_SERIAL, *(_as_openssl(one.serial) for one in rotations)]
    room = page.width - sum(max(cell.cell_len for cell in column) + _GAP for column in zip(*rows, strict=True))
    has_room = room >= min(_SHORTEST_SERIAL, max(map(len, serials)))
    if has_room:
        rows = [(*row, Text(_cut(serial, room), "dim")) for row, serial in zip(rows, serials, strict=True)]
    page.table(rows, indent=0)
    page.blank()
    is_whole = has_room and max(map(len, serials)) <= room
    page.text(*([] if all(one.managed for one in rotations) else [_OF_OTHERS]))
    page.text(_LEGEND if is_whole else f"{_LEGEND} {_SERIALS_ELSEWHERE}")


def _row(one: SeenRotation) -> tuple[Text, ...]:
    cert = Text(one.cert) if one.managed else Text(f"{one.cert}*", "dim")
    dates = (Text(minute(moment_)) for moment_ in (one.seen, one.not_before, one.not_after))
    seen, begins, ends = dates
    return seen, cert, _at(one), begins, ends


def _at(one: SeenRotation) -> Text:
    if one.shares is None:
        return Text()
    least, most = (f"{share:.0%}" for share in one.shares)
    return Text(most if least == most else f"{least[:-1]}-{most}", "red" if one.shares[0] > 1 else "")


def _as_openssl(serial: str) -> str:
    """Whole bytes, as openssl prints it."""
    return "0" * (len(serial) % 2) + serial


def _cut(serial: str, room: int) -> str:
    return serial if len(serial) <= room else f"{serial[: room - 1]}…"


def _visits(outcomes: tuple[Outcome, ...]) -> str:
    if not outcomes:
        return "No visit is kept."
    counted = Counter(outcome.reason for outcome in outcomes)
    read = counted.pop(None, 0)
    failed = [f"{number} ended with {reason}" for reason, number in counted.most_common()]
    span = f"{utc(outcomes[0].ended)} to {utc(outcomes[-1].ended)}"
    return f"Last visits, {span}: " + ", ".join([f"{read} brought a reading", *failed]) + "."


def plain(name: str, rotations: tuple[SeenRotation, ...], outcomes: tuple[Outcome, ...]) -> dict[str, object]:
    """The same as data: docs/commands.md."""
    return {
        "node": name,
        "rotations": [_rotation(one) for one in rotations],
        "visits": [
            {"ended": moment(one.ended), "duration_seconds": round(one.duration, 3), "reason": one.reason}
            for one in outcomes
        ],
    }


def _rotation(one: SeenRotation) -> dict[str, object]:
    least, most = one.shares or (None, None)
    return {
        "cert": one.cert,
        "by_kubelet": one.managed,
        "seen": moment(one.seen),
        "last_seen_before": moment(one.last_seen_before),
        "written": None if one.written is None else moment(one.written),
        "not_before": moment(one.not_before),
        "not_after": moment(one.not_after),
        "serial": one.serial,
        "fingerprint": one.fingerprint,
        "old_not_before": moment(one.old_not_before),
        "old_not_after": moment(one.old_not_after),
        "old_fingerprint": one.old_fingerprint,
        "share_of_old_life_least": None if least is None else round(least, 4),
        "share_of_old_life_most": None if most is None else round(most, 4),
    }
