"""A fleet under the exporter's own schedule, agenda and lanes, on a clock that leaps over what brings nothing new."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping

from bench.simulation.delays import Kind
from bench.simulation.life import Life
from bench.simulation.runs import Run, Runs
from bench.simulation.tally import Tally
from exporter.config.settings import Pace
from exporter.judge import rotation
from exporter.model.assessment import State
from exporter.model.report import NodeReport
from exporter.rounds import schedule
from exporter.rounds.agenda import Agenda
from exporter.rounds.cut_off import CutOff
from exporter.rounds.lanes import Job, Lanes, way_of

LEAST_RUN = 3  # visits that are worth leaving out
GRAIN = 1e-3  # seconds


class FleetClock:
    """Visits ``lives`` from ``begin`` on. ``leaps`` off, every visit is made: slow, and the same in every figure."""

    def __init__(self, lives: Mapping[str, Life], pace: Pace, begin: float, *, leaps: bool = True) -> None:
        self.tally = Tally(pace)
        self._lives, self._pace, self._leaps = lives, pace, leaps
        self._reports = {name: NodeReport(life.node) for name, life in lives.items()}
        self._runs = Runs()
        self._awaited: dict[str, tuple[Kind, float]] = {}  # whose next visit answers something that happened then
        self._now = begin
        self._start(begin)

    def until(self, end: float) -> None:
        """Let time pass."""
        while (moment := self._agenda.nearest()) is not None and moment < end:
            self._busy(max(moment, self._now), end)
        self._now = end

    def end(self) -> Tally:
        """What came of it until now."""
        for name in self._lives:
            self._give_up(name)
        return self.tally

    def restart(self, *, with_store: bool) -> None:
        """A new process at this moment; with a store it knows what was known."""
        now = self._now
        for name in self._lives:
            self._give_up(name)
        if not with_store:
            self._reports = {name: NodeReport(life.node) for name, life in self._lives.items()}
            self._awaited = dict.fromkeys(self._lives, (Kind.RESTARTED, now))
        self._start(now)

    def readdress(self) -> None:
        """A reload after which every node is reached in another way."""
        now, fleet = self._now, len(self._lives)
        for name in self._lives:
            self._give_up(name)
            if name in self._agenda:  # else it is under way, and a visit of nobody
                self._agenda.put(name, schedule.first_due(name, now, fleet, self._pace))
                self._awaited[name] = (Kind.CHANGED, now)

    def _start(self, now: float) -> None:
        fleet = len(self._lives)
        self._cut_off = CutOff()
        self._lanes = Lanes()
        self._lanes.limit(self._pace.logins_per_second, now)
        self._under_way: list[tuple[float, str, Job, bool]] = []
        self._visiting = 0  # of those, the ones that are of no run
        self._due: dict[str, tuple[float, bool]] = {}  # of those in the queue; False where it is of a run
        self._agenda = Agenda(
            (
                name,
                schedule.first_due(name, now, fleet, self._pace)
                if report.last_visit is None
                else schedule.resumed(report, now, fleet, self._pace),
            )
            for name, report in self._reports.items()
        )

    def _give_up(self, name: str) -> None:
        """End a node's run; what its visits so far have brought is known."""
        run = self._runs.pop(name)
        if run:
            made = run.number_before(self._now)
            self.tally.visits -= run.number - made
            self._reports[name] = run.before
            if made:
                self._reports[name] = self._known(name, run.first + (made - 1) * run.interval)

    def _known(self, name: str, began: float) -> NodeReport:
        report = self._reports[name]
        return report.after(self._lives[name].visited(report, began))

    # -- A time in which visits are due ----------------------------------------------------------------------------

    def _busy(self, moment: float, end: float) -> None:
        """From a due visit until nobody waits; visits of runs that are due meanwhile take their turn in between."""
        since, now, self._second = self._now, moment, math.floor(moment)
        self._ahead = [due for due in self._runs.due_in(self._second) if due[0] > since]
        while now < end:
            self._end_visits(now)
            self._arrive(now)
            job = self._lanes.take(now)
            if job:
                self._begin(job, now)
                continue
            if not len(self._lanes) and not self._visiting and (self._agenda.nearest() or math.inf) > now + 1.0:
                break
            now = max(now, min(self._moments(now)))
        self._now = now

    def _moments(self, now: float) -> Iterator[float]:
        """When something happens next."""
        yield self._ahead[-1][0] if self._ahead else self._second + 1.0
        yield self._agenda.nearest() or math.inf
        wait = self._lanes.wait(now)
        if wait is not None:
            yield now + wait
        if self._under_way:
            yield self._under_way[0][0]

    def _arrive(self, now: float) -> None:
        """Put what is due by now into the lanes."""
        while self._ahead or self._second + 1 <= now:
            while self._ahead and self._ahead[-1][0] <= now:
                self._queue(*self._ahead.pop(), of_run=True)
            if self._ahead or self._second + 1 > now:
                break
            self._second += 1
            self._ahead = self._runs.due_in(self._second)
        while (due := self._agenda.nearest()) is not None and due <= now:
            name = self._agenda.take(now)
            assert name is not None
            run = self._runs.pop(name)
            assert run is None or run.last < due, run
            self._queue(due, name, of_run=False)

    def _queue(self, due: float, name: str, *, of_run: bool) -> None:
        is_queued = name in self._due  # a visit of its run waits still: it is the one that is due now, too
        self._due[name] = due, not of_run
        if not is_queued:
            self._lanes.put(schedule.urgency(self._reports[name]), name, way_of(self._lives[name].node))
        self.tally.due(due, len(self._lanes))

    def _begin(self, job: Job, now: float) -> None:
        """A visit; of a run's it is known that it brings nothing new."""
        life = self._lives[job.name]
        due, is_real = self._due.pop(job.name)
        self.tally.login(due, now)
        if is_real:
            self.tally.visits += 1
            self._visiting += 1
            before = self._reports[job.name]
            after = self._reports[job.name] = self._known(job.name, now)
            awaited = self._awaited.pop(job.name, None)
            if awaited:
                self.tally.saw(awaited[0], life.lifetime, due - awaited[1])
            self.tally.visited(life, before, after, due)
        heapq.heappush(self._under_way, (now + life.lasting, job.name, job, is_real))

    def _end_visits(self, now: float) -> None:
        while self._under_way and self._under_way[0][0] <= now:
            ended, name, job, is_real = heapq.heappop(self._under_way)
            self._lanes.ended(job)
            if is_real:
                self._visiting -= 1
                self._put_to_sleep(name, ended)

    def _put_to_sleep(self, name: str, ended: float) -> None:
        """As the daemon does it."""
        report = self._reports[name]
        within_reach = self._cut_off.after(report)
        due = self._cut_off.due(report, schedule.next_due(report, ended, len(self._lives), self._pace))
        self._agenda.put(name, self._leap(name, due))
        bastion = report.node.bastion
        for other in within_reach:
            rate = bastion.logins_per_second if bastion else math.inf
            first = schedule.first_due(other, ended, len(within_reach), self._pace, per_second=rate)
            self._agenda.bring_forward(other, first)
            self._awaited[other] = (Kind.BASTION, self._back_since(other, ended))

    def _back_since(self, name: str, now: float) -> float:
        return max((span.ends for span in self._lives[name].silent if span.ends <= now), default=now)

    # -- Leaving out what brings nothing new -----------------------------------------------------------------------

    def _leap(self, name: str, due: float) -> float:
        """When the node's next visit is due that may bring something new; those before it are a run."""
        report = self._reports[name]
        if not self._leaps or report.reason is not None:
            return due
        limit, interval = self._eventful(name, report), self._regular(report)
        if limit - due < LEAST_RUN * interval:
            return due
        if self._pace.max_interval:
            interval = round(schedule.due(self._known(name, due), self._pace, len(self._lives)) - due)
        number = math.floor((limit - due) / interval)
        off_slot = (due - schedule.spread(name) * interval + interval / 2) % interval - interval / 2
        if number < LEAST_RUN or abs(off_slot) > GRAIN:
            return due
        run = Run(name, report, due, interval, number)
        self._reports[name] = self._known(name, run.last)
        again = schedule.due(self._reports[name], self._pace, len(self._lives))
        assert again <= run.last + interval + GRAIN, (name, run, again)
        self.tally.share(self._runs.add(run))
        self.tally.visits += run.number
        return again

    def _regular(self, report: NodeReport) -> int:
        """The interval that the node's state has, were it not stretched."""
        if report.client is None:
            return round(self._pace.interval)
        state = rotation.state(report.client, report.last_visit or 0.0, self._pace)
        return round(rotation.regular_interval(state, report.client.certificate.lifetime, self._pace))

    def _eventful(self, name: str, report: NodeReport) -> float:
        """The first moment ahead at which a visit may bring something new, or its interval changes."""
        life, last = self._lives[name], report.last_visit or 0.0
        moments = [moment for moment, _ in schedule.boundaries(report)]
        if report.client is not None:
            start = rotation.window(report.client.certificate).start
            lifetime = report.client.certificate.lifetime
            moments += [start - rotation.regular_interval(State.WINDOW, lifetime, self._pace), start]
            if self._pace.max_interval:
                moments += _stretches(start, self._pace.interval, self._pace.max_interval)
        ahead = (moment for moment in moments if moment > last)
        return min((life.next_event(last - (report.duration or 0.0)), *ahead))  # it may have happened during the visit


def _stretches(start: float, interval: float, longest: float) -> list[float]:
    """When a stretched interval gets shorter, on the way to the window."""
    stages = [longest]
    while interval < longest:
        stages.append(interval)
        interval *= 2
    return [start - stage / schedule.STRETCH_SHARE_OF_WAIT for stage in stages]
