"""Names with ranges."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.ranges import MOST_NAMES, expand

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="[]"), max_size=12)
BOUNDS = st.tuples(st.integers(0, 500), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("worker-1", ["worker-1"]),
        ("", [""]),
        ("worker[1-3]", ["worker1", "worker2", "worker3"]),
        ("worker[1-3].prod", ["worker1.prod", "worker2.prod", "worker3.prod"]),
        ("[1-2]a", ["1a", "2a"]),
        ("w[001-003]", ["w001", "w002", "w003"]),
        ("w[08-11]", ["w08", "w09", "w10", "w11"]),
        ("w[8-11]", ["w8", "w9", "w10", "w11"]),
        ("w[099-101]", ["w099", "w100", "w101"]),
        ("w[99-100]", ["w99", "w100"]),
        ("w[5]", ["w5"]),
        ("w[005]", ["w005"]),
        ("w[7-7]", ["w7"]),
        ("w[0-1]", ["w0", "w1"]),
        ("w[1-3,7]", ["w1", "w2", "w3", "w7"]),
        ("w[01,3-4]", ["w01", "w3", "w4"]),
        ("w[1,1]", ["w1", "w1"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("r[1-2][a]".replace("[a]", "[3-4]"), ["r13", "r14", "r23", "r24"]),
    ],
)
def test_a_pattern_is_expanded(pattern: str, names: list[str]) -> None:
    """A pattern is every name it stands for, in order, leading zeros kept."""
    assert expand(pattern) == names


@pytest.mark.parametrize(
    "pattern",
    [
        "w[]",
        "w[",
        "w]",
        "w[1-3",
        "w1-3]",
        "w[a-c]",
        "w[1-]",
        "w[-3]",
        "w[1,]",
        "w[,1]",
        "w[1,,2]",
        "w[1-2-3]",
        "w[[1]]",
    ],
)
def test_what_is_no_range_is_refused(pattern: str) -> None:
    """Brackets that hold no numbers, or do not close, are a mistake."""
    with pytest.raises(ValueError, match=r"range|brackets"):
        expand(pattern)


@pytest.mark.parametrize("pattern", ["w[3-1]", "w[10-09]", "w[100-1]"])
def test_a_range_that_ends_before_it_begins_is_refused(pattern: str) -> None:
    """A range from a larger to a smaller number is a mistake, not an empty range."""
    with pytest.raises(ValueError, match="ends before it begins"):
        expand(pattern)


def test_the_largest_range_is_read() -> None:
    """As many names as are allowed come out of one range, or of two."""
    assert len(expand("w[0-99999]")) == MOST_NAMES == 100_000
    assert len(expand("w[001-100]n[0-999]")) == 100_000


@pytest.mark.parametrize(
    "pattern",
    [
        "w[0-100000]",
        "w[1-999999999999999999]",
        "w[0-999][0-100]",
        "w[1-9]" * 30,
        "w[0-99999]" * 20,
        "w[" + "9" * 5000 + "]",
        "w[0-" + "9" * 5000 + "]",
        "w[" + ",".join(["0-99999"] * 20) + "]",
    ],
    ids=lambda pattern: pattern[:24],
)
def test_an_absurd_range_is_refused(pattern: str) -> None:
    """More names than a fleet can have are refused before they are made."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        with pytest.raises(ValueError, match=r"more than|absurdly|limit"):
            expand(pattern)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024 * 1024
    assert time.monotonic() - started < 5


@settings(deadline=None)
@given(PLAIN)
def test_a_name_without_brackets_is_itself(name: str) -> None:
    """Whatever holds no brackets stands for itself alone."""
    assert expand(name) == [name]


@settings(deadline=None)
@given(PLAIN, BOUNDS, PLAIN)
def test_a_range_counts_from_its_first_to_its_last(before: str, bounds: tuple[int, int], after: str) -> None:
    """A range is each number from the first to the last, between what stands around it."""
    first, last = bounds
    assert expand(f"{before}[{first}-{last}]{after}") == [
        f"{before}{number}{after}" for number in range(first, last + 1)
    ]


@settings(deadline=None)
@given(BOUNDS, st.integers(0, 6))
def test_leading_zeros_give_the_width(bounds: tuple[int, int], width: int) -> None:
    """Every number of a range is at least as wide as its first one is written."""
    first, last = bounds
    names = expand(f"[{first:0{width}d}-{last}]")
    least = max(width, len(str(first)))
    assert [int(name) for name in names] == list(range(first, last + 1))
    assert all(len(name) == max(least, len(str(int(name)))) for name in names)


@settings(deadline=None)
@given(st.lists(BOUNDS, min_size=1, max_size=2))
def test_ranges_multiply(ranges: list[tuple[int, int]]) -> None:
    """Several ranges stand for every combination, each once."""
    names = expand("n" + "-".join(f"[{first}-{last}]" for first, last in ranges))
    size = 1
    for first, last in ranges:
        size *= last - first + 1
    assert len(names) == len(set(names)) == size


@settings(deadline=None)
@given(st.text("0123456789-,[]w", max_size=14))
def test_any_text_is_names_or_a_mistake(text: str) -> None:
    """Nothing that can be written between brackets does anything but expand or raise ValueError."""
    try:
        names = expand(text)
    except ValueError:
        return
    assert 1 <= len(names) <= MOST_NAMES
