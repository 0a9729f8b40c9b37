"""One exporter and one Prometheus over a site for so long, with a reload now and then; what became of it, in rows."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.prometheus import serving
from tests.running import Running, by_node, reasons, samples
from tests.soak.nodes import Hostile, Machine, Site, site
from tests.soak.watch import Look, Watch, asked
from tests.sshd import USER, place_for_trees

TIMEOUTS = {"connect": 5, "banner": 3, "handshake": 8, "auth": 8, "command": 10, "visit": 25}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. Seconds."""

    nodes: int = 2000
    seconds: float = 600.0
    interval: int = 300
    reload: float = 60.0
    scrape: int = 5
    every: int = 1  # so many-th kind of hostile peer
    concurrency: int = 128
    logins_per_second: int = 15
    engine: str = "auto"
    guests: int = 20  # nodes that come and go by reloads, and are not judged by their age

    @property
    def late(self) -> float:
        """How old a reading may be: the interval, and what a busy machine takes for a visit."""
        return self.interval + 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the verdict."""

    what: str
    is_well: bool
    told: str


def soak(plan: Plan) -> list[Row]:
    """Needs root, busybox, OpenSSH's server and Prometheus."""
    with place_for_trees() as directory, site(directory, plan.nodes + plan.guests, plan.every) as made:
        config = directory / "config.yaml"
        _write(config, one(made), plan)
        with Running(config) as exporter, _scraped(directory, exporter, plan) as prometheus:
            watch = Watch(exporter.process.pid)
            exporter.wait_for(lambda: by_node(exporter.scrape(), "kubelet_cert_node_up") == {made.machines[0].name: 1})
            before = watch.at_rest()
            guests, troubled = _lived(exporter, config, made, plan, watch)
            rows = [
                *_scrapes(prometheus, plan),
                *_nodes(exporter.scrape(), made, plan, guests=guests, troubled=troubled),
            ]
            _write(config, one(made), plan)
            exporter.process.send_signal(signal.SIGHUP)
            rows += _growth(watch, before, watch.at_rest(before))
            took = exporter.stop()
        return [*rows, *_end(exporter, took)]


def one(made: Site) -> Site:
    """A site of one machine: what is held beside it is the exporter's own."""
    return replace(made, machines=made.machines[:1], hostile=())


def without_guests(made: Site, plan: Plan) -> Site:
    return replace(made, machines=made.machines[: plan.nodes])


def _write(config: Path, made: Site, plan: Plan) -> None:
    (config.parent / "known_hosts").touch()
    here = {"paths": {"store": str(made.store)}, "host_key_policy": "insecure", "address": "127.0.0.1"}
    document = {
        "interval": f"{plan.interval}s",
        "min_interval": f"{min(60, plan.interval)}s",
        "concurrency": plan.concurrency,
        "ready_after": "1h",
        "ssh": {
            "known_hosts": "known_hosts",
            "identities": [{"file": str(made.identity)}],
            "logins_per_second": plan.logins_per_second,
            "timeouts": {phase: f"{seconds}s" for phase, seconds in TIMEOUTS.items()},
            **({} if plan.engine == "auto" else {"engine": plan.engine}),
        },
        "defaults": {"user": USER},
        "groups": {
            "machines": {
                "port": made.port,
                "host_key": made.host_key,
                "nodes": [{"name": one.name, "address": one.address} for one in made.machines],
            },
            "hostile": {"nodes": [{"name": one.name, "port": one.port, **here} for one in made.hostile]},
        },
    }
    config.write_text(json.dumps(document))


@contextlib.contextmanager
def _scraped(directory: Path, exporter: Running, plan: Plan) -> Iterator[str]:
    target = exporter.url.removeprefix("http://")
    job = {"job_name": "soak", "static_configs": [{"targets": [target]}]}
    times = {"scrape_interval": f"{plan.scrape}s", "scrape_timeout": f"{plan.scrape}s"}
    with serving(directory, {"global": times, "scrape_configs": [job]}) as url:
        exporter.wait_for(lambda: asked(url, "up") == 1)
        yield url


def _lived(exporter: Running, config: Path, made: Site, plan: Plan, watch: Watch) -> tuple[bool, dict[str, str]]:
    """The whole time: whether the guests were there in the end, and who of the well ever failed."""
    guests, troubled = False, dict[str, str]()
    names = {machine.name for machine in made.machines}
    reload_at = begin = time.monotonic()
    while (now := time.monotonic()) < begin + plan.seconds:
        assert exporter.process.poll() is None, "".join(exporter.log[-20:])
        watch.look()
        if now >= reload_at:
            reload_at += plan.reload
            guests = not guests
            _write(config, made if guests else without_guests(made, plan), plan)
            exporter.process.send_signal(signal.SIGHUP)
            failing = reasons(exporter.scrape())
            troubled |= {
                name: reason for name, reason in failing.items() if name in names and reason != "not_yet_visited"
            }
        time.sleep(min(1.0, plan.seconds / 60))
    return guests, troubled


def _scrapes(prometheus: str, plan: Plan) -> Iterator[Row]:
    over = f"[{int(plan.seconds)}s]"
    taken, least = asked(prometheus, f"count_over_time(up{over})"), asked(prometheus, f"min_over_time(up{over})")
    longest = asked(prometheus, f"max_over_time(scrape_duration_seconds{over})")
    expected = int(plan.seconds / plan.scrape) - 1
    told = f"{taken:g} of {expected} or more, the longest {longest:.2f} s"
    yield Row("no scrape is missed", least == 1 and taken >= expected, told)


def _nodes(text: str, made: Site, plan: Plan, *, guests: bool, troubled: dict[str, str]) -> Iterator[Row]:
    now, why = time.time(), reasons(text)
    taken = by_node(text, "kubelet_cert_node_last_success_timestamp_seconds")
    dates = by_node(text, "kubelet_cert_not_after_timestamp_seconds")
    up = by_node(text, "kubelet_cert_node_up")
    judged, visiting = made.machines[: plan.nodes], made.machines[plan.nodes :]

    def is_fresh(machine: Machine) -> bool:
        return up.get(machine.name) == 1 and now - taken.get(machine.name, 0) < plan.late

    def is_right(hostile: Hostile) -> bool:
        return (hostile.name in up) and why.get(hostile.name) == hostile.reason

    stale = [machine.name for machine in judged if not is_fresh(machine)]
    oldest = max((now - taken.get(machine.name, 0) for machine in judged), default=0.0)
    yield Row("every healthy node is fresh", not stale, f"{_some(stale)}; the oldest reading is {oldest:.0f} s old")
    wrong = [machine.name for machine in judged if dates.get(machine.name) != machine.not_after]
    yield Row("every reading is of the node's own tree", not wrong, _some(wrong))
    yield Row("no healthy node ever failed", not troubled, _some([f"{name} {why}" for name, why in troubled.items()]))
    odd = [f"{one.name}: {why.get(one.name)}, not {one.reason}" for one in made.hostile if not is_right(one)]
    yield Row(f"each of {len(made.hostile)} hostile peers has its reason", not odd, _some(odd))
    there = sum(machine.name in up or machine.name in why for machine in visiting)
    yield Row("the last reload counts", there == (len(visiting) if guests else 0), f"{there} guests of {len(visiting)}")
    counted = samples(text)["kubelet_cert_exporter_visits_total"]
    yield Row("visits", True, f"{sum(counted.values()):g}")


def _growth(watch: Watch, before: Look, after: Look) -> Iterator[Row]:
    held = f"{before.threads} threads and {before.descriptors} descriptors"
    held += f", in the end {after.threads} and {after.descriptors}"
    most = watch.most()
    meanwhile = f"meanwhile at most {most.threads} and {most.descriptors}"
    yield Row("with one node it holds what it held before", after.is_within(before), f"{held}; {meanwhile}")
    yield Row("memory", True, f"{before.memory / 1024:.0f} MB, at most {most.memory / 1024:.0f}")


def _end(exporter: Running, took: float) -> Iterator[Row]:
    yield Row(
        "it ends within 5 s, no thread left", took < 5 and "threads_left" not in exporter.log[-1], f"{took:.1f} s"
    )
    tracebacks = [line for line in exporter.log if "Traceback" in line or "nobody foresaw" in line]
    yield Row("no surprise in the log", not tracebacks, _some(tracebacks))


def _some(names: list[str]) -> str:
    return "none" if not names else f"{len(names)}: " + "; ".join(names[:5])
