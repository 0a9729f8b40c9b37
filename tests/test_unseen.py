"""What could not be seen, told with its reason: by who looked, and how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.judge.unseen import unseen
from exporter.model.host import JournalLine, JournalSign
from tests.kubelets import CURRENT, HEALTHY

FACTS = HEALTHY.facts
NOT_OVER_A_MOUNT = "not to be had over a mount"


@pytest.mark.parametrize(
    ("uid", "keys", "journal"),
    [
        (None, NOT_OVER_A_MOUNT, NOT_OVER_A_MOUNT),
        (0, "compare_keys is off, or the node has no openssl", "journal is off, or the node has none"),
        (
            1000,
            "compare_keys is off, or not to be read as uid 1000",
            "journal is off, or not to be read as uid 1000",
        ),
    ],
)
def test_keys_and_journal_by_who_looked(uid: int | None, keys: str, journal: str) -> None:
    """A mount never tells them, root may, another user may not."""
    found = unseen(replace(FACTS, uid=uid, pairs=(), journal=None))
    assert found[-2:] == (f"whether keys fit their certificates: {keys}", f"the journal: {journal}")


def test_what_was_seen_is_not_told() -> None:
    """One pair that was compared and a journal that was read leave nothing to say of them."""
    facts = replace(FACTS, pairs=((CURRENT, CURRENT, True),), journal=(JournalLine(JournalSign.ROTATED, 1),))
    assert not [line for line in unseen(facts) if "journal" in line or "keys fit" in line]
