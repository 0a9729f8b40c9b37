"""Breaks one rule at a time in a copy of the tree and looks whether the suite notices: `make test-long` runs it.

Each mutant is a rule that must never be lost. The tests named beside it are part of `make test`; a mutant that
survives them is told, and makes this program fail.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from exporter.judge.diagnosis import TABLE, Row

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule, the text that carries it, what it becomes, and the tests that should fail."""

    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


RESTARTS = ("tests/test_restart.py", "tests/test_restart_store.py", "tests/test_restart_serving.py")
MUTANTS = (
    Mutant(
        "the key filter of the script holds a block until its END line",
        "exporter/collect/node_script/pem.sh",
        "        broken=truncated over=y inside=''\n    elif",
        "        blocks=$blocks$block\n    elif",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "the key filter of the script looks at a block's first bytes and length",
        "exporter/collect/node_script/pem.sh",
        "is_certificate() {\n",
        "is_certificate() {\n    return 0\n",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "of a key that a kubeconfig embeds no block is told",
        "exporter/collect/node_script/outline.sh",
        "        blocks=''\n        [ \"$condition\" != read ] || condition=key_only",
        "        blocks=$value",
        ("tests/test_node_script.py",),
    ),
    Mutant(
        "the script shows no value but those of the list",
        "exporter/collect/node_script/outline.sh",
        "    *) word='*' ;;",
        "    *) word='*' told= ;;",
        ("tests/test_node_script.py",),
    ),
    Mutant(
        "the script tells no flag but those of the list",
        "exporter/collect/node_script/process.sh",
        '        case $word in *=*) add_flag "$name" "${word#*=}" ;; *) awaited=$name ;; esac\n        ;;\n    esac',
        '        case $word in *=*) add_flag "$name" "${word#*=}" ;; *) awaited=$name ;; esac\n        ;;\n'
        "    *) awaited=config ;;\n    esac",
        ("tests/test_node_script.py",),
    ),
    Mutant(
        "the reader takes no value of a key that is not on the list",
        "exporter/collect/answer/documents.py",
        "if key not in VALUES or value == words.UNSHOWABLE:",
        "if value == words.UNSHOWABLE:",
        ("tests/test_answer.py",),
    ),
    Mutant(
        "a process of root's comes before others",
        "exporter/collect/node_script/process.sh",
        '[ "$its_user" = 0 ] && rank=4',
        "rank=0",
        ("tests/test_node_script.py",),
    ),
    Mutant(
        "the exporter drops an answer with key material",
        "exporter/collect/answer/answer.py",
        "if holds_key_material(output):",
        "if not output:",
        ("tests/test_answer.py",),
    ),
    Mutant(
        "the local reader stops where a key begins",
        "exporter/collect/pem.py",
        "return self._is_over or bool(is_open and self._is_foreign_begin())",
        "return False",
        ("tests/test_local.py",),
    ),
    Mutant(
        "restart: what was not seen is never taken for good",
        "exporter/judge/restart/pem.py",
        "return None if None in facts else True",
        "return True",
        RESTARTS,
    ),
    Mutant(
        "restart: a 0 of any side wins",
        "exporter/judge/restart/__init__.py",
        "    if against:\n",
        "    if against and partial[0].safe is False:\n",
        RESTARTS,
    ),
    Mutant(
        "restart: a cut key does not load",
        "exporter/judge/restart/pem.py",
        "file.key is KeyBlock.WHOLE",
        "file.key is not KeyBlock.NONE",
        RESTARTS,
    ),
    Mutant(
        "restart: the store is recovered before kubelet.conf is looked at",
        "exporter/judge/restart/client.py",
        "        view = store.recovered(view, CLIENT)\n",
        "",
        RESTARTS,
    ),
    Mutant(
        "restart: a broken link stops the kubelet whatever kubelet.conf holds",
        "exporter/judge/restart/in_use.py",
        "        return broken(view, found.pair)\n",
        "        return None\n",
        RESTARTS,
    ),
    Mutant(
        "a flag wins over the kubelet's configuration",
        "exporter/judge/kubelet.py",
        "    if value is None:\n        return otherwise\n",
        "    if value is None or otherwise is not None:\n        return otherwise\n",
        ("tests/test_kubelet.py",),
    ),
    Mutant(
        "a configuration that was not understood leaves rotation unknown",
        "exporter/judge/kubelet.py",
        "_settings(files if understood else (), path",
        "_settings(files, path",
        ("tests/test_kubelet.py",),
    ),
    Mutant(
        "the host key is checked",
        "exporter/collect/ssh/login.py",
        "            self._check.verify(key)\n",
        "",
        ("tests/test_ssh_hostile.py", "tests/test_bastions.py"),
    ),
    Mutant(
        "the host key is checked in the loop",
        "exporter/collect/ssh/loop/login.py",
        "            self._check.verify(key)\n",
        "            pass\n",
        ("tests/test_ssh_hostile.py", "tests/test_bastions.py"),
    ),
    Mutant(
        "a host certificate must name the node",
        "exporter/collect/ssh/host_certificate.py",
        "if not any(_names(",
        "if principals and not any(_names(",
        ("tests/test_host_certificates.py",),
    ),
    Mutant(
        "a host certificate must be in time",
        "exporter/collect/ssh/host_certificate.py",
        "if now >= certificate.valid_before:",
        "if now < 0:",
        ("tests/test_host_certificates.py",),
    ),
    Mutant(
        "an unknown critical option is refused",
        "exporter/collect/ssh/host_certificate.py",
        "if certificate.critical_options:",
        "if not certificate:",
        ("tests/test_host_certificates.py",),
    ),
    Mutant(
        "a revoked authority vouches for nothing",
        "exporter/collect/ssh/host_key.py",
        "if signer in self._known.revoked:",
        "if signer in ():",
        ("tests/test_host_certificates.py",),
    ),
    Mutant(
        "a host has one first key",
        "exporter/collect/ssh/accepted.py",
        "                if before.keys:\n",
        "                if not name:\n",
        ("tests/test_accepted.py",),
    ),
    Mutant(
        "our own certificate is not shown after its end",
        "exporter/collect/ssh/keyring.py",
        "identity.not_after - MARGIN <= now",
        "identity.not_after + 1e9 <= now",
        ("tests/test_keyring.py",),
    ),
    Mutant(
        "many refused logins pause all",
        "exporter/rounds/brake.py",
        "if refused >= LEAST and",
        "if refused > LAST and",
        ("tests/test_brakes.py",),
    ),
    Mutant(
        "no more logins are under way than a pause could still stop",
        "exporter/rounds/lanes.py",
        "if not lane.logs_in or len(self._logins) < logins",
        "if not lane.logs_in or len(self._logins) < max(logins, 1024)",
        ("tests/test_brakes.py",),
    ),
    Mutant(
        "what is under way on the engine counts for concurrency",
        "exporter/rounds/pool.py",
        "len(self._under_way) < self._wanted",
        "len(self._under_way) < 1024",
        ("tests/test_dispatch.py",),
    ),
    Mutant(
        "few file descriptors lower what is under way",
        "exporter/rounds/descriptors.py",
        "        return found\n",
        "        return fleet.concurrency\n",
        ("tests/test_descriptors.py",),
    ),
    Mutant(
        "a node whose address changed while its visit ended is looked at again",
        "exporter/rounds/daemon.py",
        "            anew = changed or (",
        "            anew = (",
        ("tests/test_dispatch.py",),
    ),
    Mutant(
        "a visit's end is dated by the clock that there is then",
        "exporter/rounds/worker.py",
        "began = self._clock() - duration",
        "began = report.last_visit or self._clock()",
        ("tests/test_daemon_clock.py",),
    ),
    Mutant(
        "a reload ends the pause",
        "exporter/rounds/daemon.py",
        "            self._state.release_brake()\n",
        "",
        ("tests/test_brakes.py",),
    ),
    Mutant(
        "a dead bastion is tried once for all of its nodes",
        "exporter/collect/ssh/bastion_standing.py",
        "if self._failure and time.monotonic() < self._again_at:",
        "if self._failure and not self._again_at:",
        ("tests/test_bastions.py",),
    ),
    Mutant(
        "a forced command's key can do nothing else",
        "exporter/collect/installation.py",
        '        options.append("restrict")\n',
        "",
        ("tests/test_ways_in.py",),
    ),
    Mutant(
        "the rule of sudo takes no arguments",
        "exporter/collect/installation.py",
        """NOPASSWD: {self.path} ""'""",
        "NOPASSWD: {self.path}'",
        ("tests/test_ways_in.py",),
    ),
    Mutant(
        "a changed host key is no unknown one",
        "exporter/collect/ssh/known_hosts.py",
        "return Reason.HOST_KEY_CHANGED",
        "return Reason.HOST_KEY_UNKNOWN",
        ("tests/test_known_hosts.py",),
    ),
    Mutant(
        "the window closes at 90 %",
        "exporter/judge/rotation.py",
        "WINDOW_CLOSES = 0.9",
        "WINDOW_CLOSES = 0.89",
        ("tests/test_rotation.py",),
    ),
    Mutant(
        "the window opens at 70 %",
        "exporter/judge/rotation.py",
        "WINDOW_OPENS = 0.7",
        "WINDOW_OPENS = 0.71",
        ("tests/test_rotation.py",),
    ),
    Mutant(
        "a claim needs a reading: stalled",
        "exporter/judge/rotation.py",
        "and reading.witness >= max(edges.grace_end, reading.excused_until)",
        "",
        ("tests/test_rotation.py",),
    ),
    Mutant(
        "a claim needs a reading: late",
        "exporter/judge/rotation.py",
        "timely.is_accusation and reading.witness >= edges.end",
        "timely.is_accusation",
        ("tests/test_rotation.py",),
    ),
    Mutant(
        "a claim needs a reading: expired",
        "exporter/judge/rotation.py",
        "if reading.taken <= reading.certificate.not_after:\n        return False",
        "pass",
        ("tests/test_rotation.py",),
    ),
    Mutant(
        "both clocks must have passed a boundary",
        "exporter/judge/rotation.py",
        "min(taken, taken + clock.offset - clock.half_round_trip)",
        "taken",
        ("tests/test_rotation.py",),
    ),
    Mutant(
        "an excuse holds a stall back",
        "exporter/judge/rotation.py",
        "reading.witness >= max(edges.grace_end, reading.excused_until)",
        "reading.witness >= edges.grace_end",
        ("tests/test_excuse.py",),
    ),
    Mutant(
        "a crash loop is not excused",
        "exporter/judge/excuse.py",
        "if not is_restarting(facts, memory):",
        "if True:",
        ("tests/test_excuse.py",),
    ),
    Mutant(
        "a kubelet that is down is not excused",
        "exporter/judge/excuse.py",
        "if process and process.sight is Sight.SEEN else None",
        "if process else None",
        ("tests/test_excuse.py",),
    ),
    Mutant(
        "a sleep counts no longer than the kubelet's timer",
        "exporter/judge/excuse.py",
        "return min(suspended, facts.by_the_node - max(started, certificate.not_before))",
        "return suspended",
        ("tests/test_excuse.py",),
    ),
    Mutant(
        "starts are carried to the exporter's clock",
        "exporter/judge/excuse.py",
        "min(started - offset, facts.taken)",
        "min(started, facts.taken)",
        ("tests/test_excuse.py",),
    ),
    Mutant(
        "the end of an excuse is a boundary",
        "exporter/rounds/schedule.py",
        "if edges.grace_end < reading.excused_until < certificate.not_after:",
        "if False:",
        ("tests/test_schedule.py",),
    ),
    Mutant(
        "an alarm about a restart stays where nothing was seen",
        "exporter/model/report.py",
        "return before.restart if stays else _as_known(",
        "return _as_known(",
        ("tests/test_report.py",),
    ),
    Mutant(
        "a promise about a restart ends where nothing was seen",
        "exporter/model/report.py",
        "stays = before.restart.safe is False and",
        "stays =",
        ("tests/test_report.py",),
    ),
    Mutant(
        "RKE1 shares a certificate by design",
        "exporter/judge/peers.py",
        "if member.client and not _is_rke1(member.report, member.client):",
        "if member.client:",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "a machine that is listed twice is no clone",
        "exporter/judge/peers.py",
        "if len(group) > 1 and not _is_one_machine(group)]",
        "if len(group) > 1]",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "within their grace nodes accuse no signer",
        "exporter/judge/peers.py",
        "_are_many([member.state is not _LATE for member in stuck], len(members))",
        "_are_many([True for member in stuck], len(members))",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "an excused node accuses no signer",
        "exporter/judge/peers.py",
        "if state is _LATE and now < report.client.excused_until:\n        return False",
        "if False:\n        return False",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "a node with a cause of its own accuses no signer",
        "exporter/judge/peers.py",
        "return (finding.cause, finding.severity) in _OF_THE_NODE",
        "return False",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "a stall of few is no stall of the fleet",
        "exporter/judge/peers.py",
        "return sum(past) >= STALLED_NODES and len(past) >= STALLED_SHARE * nodes",
        "return sum(past) >= STALLED_NODES",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "another issuer is one that the node did not have",
        "exporter/judge/authorities.py",
        "if old and new and old != new and keys[old] and _is_new(member.client, now):",
        "if old and new and keys[old] and _is_new(member.client, now):",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "a signer that rounds caps nothing",
        "exporter/judge/authorities.py",
        "return max(begins) - min(begins) > FAR_APART",
        "return len(set(begins)) > 1",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "another CA is one that a clear majority does not have",
        "exporter/judge/authorities.py",
        "if number >= CLEAR_MAJORITY * len(peers)}",
        "if number > 1}",
        ("tests/test_cohort.py",),
    ),
    Mutant(
        "a suspect clock of ours accuses no node's",
        "exporter/judge/cohort.py",
        "if finding.cause not in _CLOCKS)",
        ")",
        ("tests/test_cohort.py", "tests/test_exposition.py"),
    ),
    Mutant(
        "a missing link is looked for again: script",
        "exporter/collect/node_script/main.sh",
        'if [ "$condition" = missing ] && may_be_between; then',
        "if false; then",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "a missing link is looked for again: local",
        "exporter/collect/local/visit.py",
        "if client.condition is Condition.MISSING and listing.may_be_between(store):",
        "if False:",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "the last reading is kept",
        "exporter/model/report.py",
        "else seen.client or self.client",
        "else seen.client",
        ("tests/test_report.py",),
    ),
    Mutant(
        "a failed visit keeps the dates",
        "exporter/model/report.py",
        "        if facts is None or seen is None:\n            return replace(\n                self,\n",
        "        if facts is None or seen is None:\n            return replace(\n                self,\n"
        "                client=None,\n",
        ("tests/test_report.py",),
    ),
    Mutant(
        "what the kubelet does not rotate has no window",
        "exporter/serve/samples.py",
        "if report.client and report.client.managed:\n        found.append((_CLIENT, moment(",
        "if report.client:\n        found.append((_CLIENT, moment(",
        ("tests/test_exposition.py",),
    ),
    Mutant(
        "a boundary that passes during a visit is not missed",
        "exporter/rounds/schedule.py",
        "if moment > began),",
        "if moment > last),",
        ("tests/test_schedule.py",),
    ),
    Mutant(
        "a node that a restart knows waits for its turn",
        "exporter/rounds/daemon.py",
        "changed = before is not None and not node.is_read_as(before)",
        "changed = before is None or not node.is_read_as(before)",
        ("tests/test_restarted.py",),
    ),
    Mutant(
        "a report is written whole where more than its moments changed",
        "exporter/rounds/store/batch.py",
        "or not is_moved_only(before, after)",
        "or False",
        ("tests/test_kept_reports.py",),
    ),
    Mutant(
        "what a disk did not take is written once it can be",
        "exporter/rounds/store/store.py",
        "        return is_behind or self._tables is None\n",
        "        return is_behind\n",
        ("tests/test_kept_reports.py", "tests/test_store_survives.py"),
    ),
    Mutant(
        "a visit that needed no login is none to the brakes",
        "exporter/rounds/state.py",
        "if visit.facts is not None and not visit.facts.has_logged_in:",
        "if False:",
        ("tests/test_ssh_keepalive.py",),
    ),
    Mutant(
        "a kept login counts for so long and no longer",
        "exporter/collect/ssh/loop/kept.py",
        "until = login.began + self._seconds",
        "until = time.monotonic() + self._seconds",
        ("tests/test_ssh_keepalive.py",),
    ),
    Mutant(
        "a kept connection that is not good any more costs no visit",
        "exporter/collect/ssh/loop/conversation.py",
        "            login.close()\n            self.login = LoopLogin(",
        "            raise\n            self.login = LoopLogin(",
        ("tests/test_ssh_keepalive.py",),
    ),
    Mutant(
        "families are written anew where what they rest on has changed",
        "exporter/serve/parts.py",
        "    if before.reason is not after.reason:\n        parts |= OUTCOME\n",
        "",
        ("tests/test_kept_parts.py",),
    ),
    Mutant(
        "a later version's file is left alone",
        "exporter/rounds/store/schema.py",
        "if version > len(migrations):",
        "if False:",
        ("tests/test_kept_reports.py",),
    ),
    Mutant(
        "a node that left is forgotten after a day, not before",
        "exporter/rounds/store/tables.py",
        "return steady - node.absent.since > (MAY_RETURN if node.absent.was_long else KEPT_WHILE_GONE)",
        "return True",
        ("tests/test_kept_reports.py",),
    ),
    Mutant(
        "a reading is not stale when the window opens",
        "exporter/rounds/schedule.py",
        "max(last + pace.min_interval / 2, start - interval)",
        "max(last + pace.min_interval / 2, start)",
        ("tests/test_spacing.py",),
    ),
    Mutant(
        "a fleet that shares a boundary comes in no crowd",
        "exporter/rounds/schedule.py",
        "return NEAREST_SPREAD + share * max(LEAST_WIDTH, width)",
        "return NEAREST_SPREAD + share * LEAST_WIDTH",
        ("tests/test_spacing.py",),
    ),
    Mutant(
        "a boundary that accuses is looked at within a sixth of the grace",
        "exporter/rounds/schedule.py",
        "width = min(fleet / pace.logins_per_second, grace * SPREAD_SHARE_OF_GRACE)",
        "width = fleet / pace.logins_per_second",
        ("tests/test_spacing.py",),
    ),
    Mutant(
        "a node with something to repair waits no longer than the interval",
        "exporter/rounds/schedule.py",
        "return not report.findings and ",
        "return ",
        ("tests/test_spacing.py",),
    ),
    Mutant(
        "a clock that was set back leaves nobody asleep",
        "exporter/rounds/schedule.py",
        "return min(due(report, pace, fleet), now + longest(pace))",
        "return due(report, pace, fleet)",
        ("tests/test_spacing.py",),
    ),
    Mutant(
        "what was missed meanwhile makes no herd",
        "exporter/rounds/schedule.py",
        "return first + _back_off(report, pace) if moment > now and report.is_refused else first",
        "return max(moment, now)",
        ("tests/test_spacing.py",),
    ),
    Mutant(
        "an agenda is no longer than twice the fleet and a little",
        "exporter/rounds/agenda.py",
        "if len(self._heap) > 2 * len(self._due) + SLACK:",
        "if False:",
        ("tests/test_agenda.py",),
    ),
    Mutant(
        "a changed inventory wakes only the nodes that it changed",
        "exporter/model/node.py",
        "return self.how_read == other.how_read",
        "return self == other",
        ("tests/test_daemon.py",),
    ),
    Mutant(
        "a reading of the old definition is not one of the new",
        "exporter/rounds/state.py",
        "if before is None or not before.node.is_read_as(visit.node):",
        "if before is None:",
        ("tests/test_report.py",),
    ),
    Mutant(
        "refused authentication waits an hour",
        "exporter/rounds/schedule.py",
        "return pause if report.is_refused else min(pause, nearest)",
        "return min(pause, nearest)",
        ("tests/test_schedule.py",),
    ),
)


def of_the_diagnosis() -> list[Mutant]:
    """Each row of the table of causes, once blind and once seeing its cause everywhere."""
    answers = {"is never seen": "lambda case: None", "is seen everywhere": 'lambda case: "anything"'}
    file = "exporter/judge/diagnosis.py"
    table = (ROOT / file).read_text()
    return [
        Mutant(
            f"{row.cause} ({row.severity}) {what}",
            file,
            _beginning(row, f"{row.holds.__module__.rpartition('.')[2]}.{row.holds.__name__}", table),
            _beginning(row, answer),
            (
                "tests/test_diagnosis.py::test_a_cause_comes_first",
                "tests/test_diagnosis.py::test_a_healthy_neighbour_is_silent",
            ),
        )
        for row in TABLE
        for what, answer in answers.items()
    ]


def _beginning(row: Row, holds: str, table: str = "") -> str:
    """A row up to what decides, in one line or, where it stands so in the table, a line for each."""
    fields = (f"Cause.{row.cause.name},", f"{row.severity.name},", f"{holds},")
    lines = "\n        ".join(fields)
    return lines if lines in table else " ".join(fields)


def main() -> int:
    """The number of mutants that survived; words given choose those whose rules have one of them."""
    survivors = []
    every = [*MUTANTS, *of_the_diagnosis()]
    chosen = [one for one in every if not sys.argv[1:] or any(word in one.rule for word in sys.argv[1:])]
    for tests in sorted({mutant.tests for mutant in chosen}):
        with tempfile.TemporaryDirectory() as directory:
            done = _tested(Mutant("none", "setup.cfg", "[metadata]", "[metadata]", tests), Path(directory) / "tree")
            if done.returncode:
                raise SystemExit(f"fails without any mutant: {' '.join(tests)}\n{done.stdout[-4000:]}")
    for mutant in chosen:
        with tempfile.TemporaryDirectory() as directory:
            notices = _tested(mutant, Path(directory) / "tree").returncode == 1
        print(f"{'noticed ' if notices else 'SURVIVED'}  {mutant.rule}", flush=True)
        survivors += [] if notices else [mutant]
    print(f"{len(chosen) - len(survivors)} passed, {len(survivors)} failed")
    return len(survivors)


def _tested(mutant: Mutant, tree: Path) -> subprocess.CompletedProcess[str]:
    """The mutant's tests, in a copy of the tree that has it."""
    ignored = shutil.ignore_patterns(".git", ".venv", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, tree, ignore=ignored)
    tree.parent.chmod(0o755)
    file = tree / mutant.file
    text = file.read_text()
    if text.count(mutant.old) < 1:
        raise SystemExit(f"{mutant.file} has no longer: {mutant.old}")
    file.write_text(text.replace(mutant.old, mutant.new))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not long", *mutant.tests],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    return done


if __name__ == "__main__":
    sys.exit(main())
