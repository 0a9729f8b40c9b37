"""A certificate's life as a line: to scale, and now on the right side of every edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cli.glyphs import ASCII, UNICODE
from exporter.cli.timeline import timeline
from exporter.cli.words import STYLES
from exporter.judge import rotation
from exporter.model.assessment import Certificate, Reading

DAY = 86400
NOW = 1_790_000_000  # 2026-09-21 14:13:20 UTC


def drawn(age: float, life: float, width: int = 58, *, managed: bool = True, ascii_only: bool = False) -> list[str]:
    """The lines of a certificate of that age, in days."""
    certificate = Certificate(NOW - round(age * DAY), NOW + round((life - age) * DAY), "1", "CN=ca", "CN=n", "f")
    reading = Reading(certificate, NOW, NOW, managed=managed)
    state = rotation.by_time_alone(certificate, NOW)
    return [line.plain.rstrip() for line in timeline(reading, state, NOW, width, ASCII if ascii_only else UNICODE)]


STORIES: dict[str, tuple[list[str], str]] = {
    "before the window": (
        drawn(100, 365),
        """
issued 2026-06-13                       expires 2027-06-13
                           window 2027-02-24 to 2027-05-08
├───────────────▲───────────────────────┿━━━━━━━━━━┿─────┤
                now: 265d left
""",
    ),
    "hours before the window": (
        drawn(255, 365),
        """
issued 2026-01-09                       expires 2027-01-09
                           window 2026-09-22 to 2026-12-04
├──────────────────────────────────────▲┿━━━━━━━━━━┿─────┤
                                       now: 110d left
""",
    ),
    "hours into the window": (
        drawn(256, 365),
        """
issued 2026-01-08                       expires 2027-01-08
                           window 2026-09-21 to 2026-12-03
├───────────────────────────────────────┿▲━━━━━━━━━┿─────┤
                                         now: 109d left
""",
    ),
    "hours past the window": (
        drawn(328.6, 365),
        """
issued 2025-10-27                       expires 2026-10-27
                           window 2026-07-10 to 2026-09-21
├───────────────────────────────────────┿━━━━━━━━━━┿▲────┤
                                           now: 36d9h left
""",
    ),
    "ended": (
        drawn(400, 365),
        """
issued 2025-08-17                  expires 2026-08-17
                           window 2026-04-30 to 2026-07-12
├───────────────────────────────────┿━━━━━━━━━━┿────┤┄┄┄┄▲
                                      now: expired 35d ago
""",
    ),
    "ended ten years ago": (
        drawn(4000, 365),
        """
issued 2015-10-09         expires 2016-10-08
                    window 2016-06-21 to 2016-09-02
├─────────────────────────────┿━━━━━━━━┿───┤┄┄┄┄┄┄┄┄┄┄┄┄┄▲
                                    now: expired 3635d ago
""",
    ),
    "ended two hours ago": (
        drawn(365.1, 365),
        """
issued 2025-09-21                     expires 2026-09-21
                           window 2026-06-03 to 2026-08-15
├─────────────────────────────────────┿━━━━━━━━━━━┿────┤┄▲
                                    now: expired 2h24m ago
""",
    ),
    "not yet valid": (
        drawn(-30, 365),
        """
issued 2026-10-21                       expires 2027-10-21
                           window 2027-07-04 to 2027-09-15
▲┄┄┄├────────────────────────────────────┿━━━━━━━━━━┿────┤
now: begins in 30d
""",
    ),
    "somebody else's": (
        drawn(100, 365, managed=False),
        """
issued 2026-06-13                       expires 2027-06-13
├───────────────▲────────────────────────────────────────┤
                now: 265d left
""",
    ),
    "a life of a day": (
        drawn(0.8, 1),
        """
issued 2026-09-20 19:01           expires 2026-09-21 19:01
               window 2026-09-21 11:49 to 2026-09-21 16:37
├───────────────────────────────────────┿━━━━━▲━━━━┿─────┤
                                           now: 4h48m left
""",
    ),
    "no life at all": (
        drawn(0, 0),
        """
issued 2026-09-21 14:13           expires 2026-09-21 14:13
window 2026-09-21 14:13 to 2026-09-21 14:13
▲────────────────────────────────────────────────────────┤
now: 0s left
""",
    ),
    "a life of a week, in ASCII": (
        drawn(3, 7, ascii_only=True),
        """
issued 2026-09-18                       expires 2026-09-25
                           window 2026-09-23 to 2026-09-24
|-----------------------^---------------+==========+-----|
                        now: 4d left
""",
    ),
    "room for one line of labels": (
        drawn(350, 365, width=100),
        """
issued 2025-10-06                                window 2026-06-19 to 2026-08-31  expires 2026-10-06
├────────────────────────────────────────────────────────────────────┿━━━━━━━━━━━━━━━━━━━┿─────▲───┤
                                                                                       now: 15d left
""",
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_stories(story: str) -> None:
    """Labels above the line, the line, and what is left below now."""
    lines, expected = STORIES[story]
    assert "\n" + "\n".join(lines) + "\n" == expected


@given(
    st.integers(-20000 * DAY, 20000 * DAY).map(lambda seconds: seconds / DAY),
    st.integers(0, 40000 * DAY).map(lambda seconds: seconds / DAY),
    st.integers(58, 138),
    st.booleans(),
    st.booleans(),
)
def test_now_stands_on_the_right_side_of_every_edge(
    age: float,
    life: float,
    width: int,
    managed: bool,
    ascii_only: bool,
) -> None:
    """Whatever the life and the width: no line is wider, and the mark lies where the state says."""
    lines = drawn(age, life, width, managed=managed, ascii_only=ascii_only)
    assert max(map(len, lines)) <= width
    signs = ASCII if ascii_only else UNICODE
    line = next(line for line in lines if signs.now in line and line[-1] in (signs.right, signs.now))
    here, before, after = line.index(signs.now), line.partition(signs.now)[0], line.partition(signs.now)[2]
    assert len(line) == width
    if age < 0:
        assert here == 0
    elif age > life:
        assert here == width - 1
    elif managed and life > 1:
        edges = (before.count(signs.edge), after.count(signs.edge))
        share = age / life
        assert edges == ((0, 2) if share < 0.6999 else (2, 0) if share > 0.9001 else edges)
        assert edges == ((1, 1) if 0.7001 < share < 0.8999 else edges)


@pytest.mark.parametrize("age", [100, 300, 340, 364])
def test_the_mark_has_the_colour_of_the_state(age: float) -> None:
    """The window is cyan, and now is what the table of the fleet has."""
    certificate = Certificate(NOW - round(age * DAY), NOW + round((365 - age) * DAY), "1", "CN=ca", "CN=n", "f")
    state = rotation.by_time_alone(certificate, NOW)
    labels, line, rest = timeline(Reading(certificate, NOW, NOW), state, NOW, 100, UNICODE)
    (window,) = (labels.plain[span.start : span.end] for span in labels.spans)
    assert window.startswith("window ")
    assert window.endswith(labels.plain[labels.plain.index(" to ") : labels.plain.index(" to ") + 14])
    styles = {line.plain[span.start]: span.style for span in line.spans if span.style}
    assert styles == {"━": "cyan", "┿": "cyan", "▲": STYLES[state]}
    assert {span.style for span in rest.spans} == {STYLES[state]}
