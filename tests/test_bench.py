"""The bench's own arithmetic, and the page that its tables go to. Nothing here is timed."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench import page
from bench.__main__ import PARTS
from bench.clients.client import Client
from bench.growth import power
from bench.machine import machine
from bench.measure import Cost, Row, Spread, UncountedError, Verdict, alternated, markdown, measured
from bench.peers import peers
from bench.plot import Plot
from bench.race import counted, race
from bench.site import SILENT_EVERY, Site
from bench.sshds import site, through_bastion
from tests.sshd import needs_sshd

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/performance.md"
MARKED = "before\n<!-- bench: machine -->\n<!-- end -->\n<!-- bench: store -->\nold\n<!-- end -->\nafter\n"


def fixed(*values: float) -> Callable[[], Cost]:
    """A contender whose rounds cost so much."""
    costs = iter(values)
    return lambda: Cost(next(costs), 0.0)


def test_a_childs_cpu_counts() -> None:
    """What a child process burnt is in the cost of the work that waited for it."""
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    cost = measured(lambda: subprocess.run([sys.executable, "-c", burn], check=True))
    assert cost.cpu >= 0.2


def test_contenders_run_in_turns_and_every_other_round_backwards() -> None:
    """Nobody always runs after the same one."""
    order: list[str] = []

    def contender(name: str) -> Callable[[], Cost]:
        def work() -> Cost:
            order.append(name)
            return Cost(1.0, 1.0)

        return work

    alternated({name: contender(name) for name in "ab"}, rounds=3)
    assert "".join(order) == "ab" + "ba" + "ab"


def test_a_round_that_does_not_count_leaves_its_contender_out() -> None:
    """The others' figures stand."""

    def failing() -> Cost:
        raise UncountedError("bad", "1 of 2 nodes answered")

    found = alternated({"good": fixed(1.0, 3.0, 2.0), "bad": failing}, rounds=3)
    assert found == {"good": Spread((1.0, 3.0, 2.0))}


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A round that was slow for both does not move it, as a quotient of medians would."""
    ours, theirs = Spread((1.0, 10.0, 3.0)), Spread((2.0, 20.0, 4.0))
    row = Row.compared("a visit", ours, theirs, reach=0.5)
    assert row.ratio == pytest.approx(0.5)
    assert row.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("m", "1", ratio=0.32, reach=0.32), Verdict.PASS),
        (Row("m", "1", ratio=0.33, reach=0.32), Verdict.MISS),
        (Row("m", "1", ratio=0.33), Verdict.STATED),
        (Row.limited("m", 90.1, 90, "MB"), Verdict.MISS),
        (Row.limited("m", 0, 0, "nodes"), Verdict.PASS),
        (Row.limited("m", 1, 0, "nodes"), Verdict.MISS),
        (Row.failed("m", "no answer"), Verdict.MISS),
        (Row.not_measured("m", "asyncssh is not installed"), Verdict.SKIPPED),
    ],
)
def test_what_a_row_comes_to(row: Row, verdict: Verdict) -> None:
    """Pass at the reach and miss above it; what was not measured never passes."""
    assert row.verdict is verdict


def test_a_cell_keeps_its_bar() -> None:
    """A bar in a cell of Markdown does not begin another cell."""
    assert markdown([Row("a|b")]).splitlines()[-1].startswith("| a\\|b |")


def test_only_what_is_between_the_marks_is_written(tmp_path: Path) -> None:
    """The old table gives way, and the page around it stays; a second run leaves one table."""
    path = tmp_path / "performance.md"
    path.write_text(MARKED)
    for _ in range(2):
        page.write(path, {"CPU": "2 cores"}, "store", [Row("writes", "9 %")])
    text = path.read_text()
    assert (text.count("| writes | 9 % |"), text.count("- CPU: 2 cores"), "old" in text) == (1, 1, False)
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")


def test_a_page_without_a_place_for_a_part_is_refused(tmp_path: Path) -> None:
    """Figures do not get lost in silence."""
    path = tmp_path / "performance.md"
    path.write_text(MARKED)
    with pytest.raises(ValueError, match="bench: ssh"):
        page.write(path, {}, "ssh", [])


def test_a_plot_goes_beside_the_page(tmp_path: Path) -> None:
    """The row's picture is written, and shown below the table."""
    (tmp_path / "images").mkdir()
    path = tmp_path / "performance.md"
    path.write_text(MARKED)
    plot = Plot("growth", "CPU", "ms", (("", ((100.0, 1.0), (1000.0, 2.0))),))
    page.write(path, {}, "store", [Row("m", plot=plot)])
    assert "![CPU](images/growth.svg)" in path.read_text()
    assert (tmp_path / "images/growth.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_its_place_and_its_command_on_the_page(name: str) -> None:
    """docs/performance.md has one table for each part of the bench, below the command that fills it."""
    text = PAGE.read_text()
    assert page.between(text, name, "new") != text
    assert f"    make bench NAMES={name}\n" in text


def test_the_machine_has_no_name() -> None:
    """What is said of the machine is general: a host's name is nobody's business."""
    assert socket.gethostname() not in " ".join(machine().values())


def test_the_extra_names_the_peers() -> None:
    """Every library that a client of the race wants is one that `make bench` installs."""
    assert {"asyncssh", "ssh2-python", "parallel-ssh", "ansible-core"} <= set(peers())


def test_a_client_without_its_library_says_what_it_lacks() -> None:
    """It is skipped with a word."""
    assert Client("a peer", "module", "prepare", library="no_such_library").lacks == "no_such_library"
    assert Client("a peer", "module", "prepare", program="no-such-program").lacks == "no-such-program"


def test_silent_nodes_stand_evenly_among_the_others() -> None:
    """One in twenty, from the first on: none of them has the round's end to itself."""
    talking = tuple(f"127.1.0.{number}" for number in range(1, 39))
    where = Site(talking, 22, "root", "key", "known_hosts", silent=("127.3.0.1", "127.3.0.2"))
    names = [node.name for node in where.nodes(channels=1)]
    assert [number for number, name in enumerate(names) if name.startswith("127.3.")] == [0, SILENT_EVERY]
    assert set(talking) < set(names)


def test_a_site_reads_as_it_was_written() -> None:
    """What a client's process gets is what the bench has."""
    where = Site(("127.1.0.1",), 22, "root", "key", "known_hosts", "127.2.0.1", ("127.3.0.1",))
    assert Site.read(where.written()) == where


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_the_power_of_growth(exponent: float) -> None:
    """Linear growth is 1."""
    assert power([(nodes, 3 * nodes**exponent) for nodes in (100, 1_000, 10_000)]) == pytest.approx(exponent)


def test_labels_of_a_plot_do_not_cover_each_other() -> None:
    """Two curves that run together: the second's values stand below its points."""
    close = tuple((name, tuple((10.0**power, value) for power in (2, 3))) for name, value in (("a", 10.0), ("b", 10.1)))
    text = Plot("p", "t", "ms", close, logarithmic=True).svg()
    heights = {
        name: [line.split('y="')[1].split('"')[0] for line in text.splitlines() if name in line]
        for name in (">10.0<", ">10.1<")
    }
    assert len(heights[">10.0<"]) == len(heights[">10.1<"]) == 2
    assert not set(heights[">10.0<"]) & set(heights[">10.1<"])


def test_a_childs_peak_of_memory_is_its_own() -> None:
    """A process that was started by a large one is not large itself."""
    ballast = b"x" * 200_000_000
    told = subprocess.run(
        [sys.executable, "-c", "from bench.cost import peak_memory; print(peak_memory())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 1_000_000 < int(told.stdout) < len(ballast)


@needs_sshd
def test_clients_of_the_race_visit_every_node() -> None:
    """Ours and the peer that needs nothing more all get their answers of a real sshd; behind a bastion as well."""
    with site(3) as where:
        outcomes = {name: race(name, where, in_flight=2) for name in ("engine", "threads", "manual")}
        outcomes["behind"] = race("engine", through_bastion(where), in_flight=2)
    assert {name: (one.answered, one.failures) for name, one in outcomes.items()} == dict.fromkeys(outcomes, (3, {}))
    assert outcomes["engine"].threads == 2  # the main one, and the loop's


@needs_sshd
def test_a_round_that_misses_a_node_does_not_count() -> None:
    """A node that gave no answer is told with its reason, and its round is no figure."""
    with site(1) as where:
        missing = replace(where, addresses=(*where.addresses, "127.3.0.9"))
        with pytest.raises(UncountedError, match=r"engine: 1 of 2 nodes answered: .*connection_refused"):
            counted("engine", missing, in_flight=2)
