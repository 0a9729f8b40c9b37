"""What ``explain`` says of every cause, word for word as it is committed, in the widths that terminals have."""

from __future__ import annotations

import re

import pytest

from exporter.model.finding import Cause
from tests.corpus_transcripts import FOLDER, masked, scenes, transcript

SCENES = dict(scenes())
OF_A_FLEET = {
    *(Cause.CERTIFICATE_SHARED, Cause.FLEET_STALLED, Cause.FLEET_ISSUER_CHANGED, Cause.FLEET_CA_CAPS),
    *(Cause.KUBECONFIG_CA_DIFFERS, Cause.EXPORTER_CLOCK_OFF),
}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
# a command is never folded, so that it can be copied
_COMMAND = re.compile(r"\s*\S.*[|&$'=]|\s*(?:grep|sed|kubectl|journalctl|scp|openssl|ls|rm) ")


def told(cause: Cause, width: int, *, colour: bool = False) -> str:
    """The page, or a skip where this machine cannot have the tree."""
    text = transcript(cause, SCENES[cause], width, colour=colour)
    if text is None:
        pytest.skip("the tree needs a mount namespace, or openssl")
    return text


def test_every_cause_of_a_node_has_a_transcript() -> None:
    """One file each, and no other."""
    assert set(SCENES) == set(Cause) - OF_A_FLEET
    assert {path.stem for path in FOLDER.iterdir()} == set(map(str, SCENES))


@pytest.mark.parametrize("cause", SCENES)
def test_the_page_is_the_committed_one(cause: Cause) -> None:
    """At 80 columns; dates and identifiers are the day's and the machine's. The cause is the first thing told."""
    text = told(cause, 80)
    assert masked(text) == masked((FOLDER / f"{cause}.txt").read_text())
    assert str(cause) in text.splitlines()[0] + text.splitlines()[1]


@pytest.mark.parametrize("width", [60, 140])
@pytest.mark.parametrize("cause", [Cause.KUBECONFIG_EMBEDDED, Cause.ROTATION_NOT_SIGNED, Cause.STORE_LINK_DANGLING])
def test_other_widths_and_colours(cause: Cause, width: int) -> None:
    """Nothing but a command is wider than the terminal; colours change no word."""
    plain, coloured = told(cause, width), told(cause, width, colour=True)
    assert masked(_ESCAPE.sub("", coloured)) == masked(plain)
    assert "\x1b[" in coloured
    assert [line for line in plain.splitlines() if len(line) > width and not _COMMAND.match(line)] == []
