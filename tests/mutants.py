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

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule, the text that carries it, what it becomes, and the tests that should fail."""

    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "the key filter of the script holds a block until its END line",
        "exporter/collect/node_script/pem.sh",
        "        broken=truncated over=y inside=''\n    elif",
        "        blocks=$blocks$block\n    elif",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "the key filter of the script looks at a block's first bytes",
        "exporter/collect/node_script/pem.sh",
        "    MII??[DTjz]C*) return 0 ;;\n    *) return 1 ;;",
        "    *) return 0 ;;",
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
        "exporter/collect/answer_documents.py",
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
        "exporter/collect/answer.py",
        "if holds_key_material(output):",
        "if not output:",
        ("tests/test_answer.py",),
    ),
    Mutant(
        "the local reader stops where a key begins",
        "exporter/collect/pem.py",
        "return bool(self._certificates or self._block is not None) and self._is_foreign_begin()",
        "return False",
        ("tests/test_local.py",),
    ),
    Mutant(
        "the host key is checked",
        "exporter/collect/ssh/login.py",
        "            self._check.verify(key)\n",
        "",
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
        "if sum(seen) >= LEAST and",
        "if sum(seen) > LAST and",
        ("tests/test_brakes.py",),
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
        "exporter/collect/ssh/bastion.py",
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
        "and reading.witness >= edges.grace_end",
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
        "a missing link is looked for again: script",
        "exporter/collect/node_script/main.sh",
        'if [ "$condition" = missing ] && may_be_between; then',
        "if false; then",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "a missing link is looked for again: local",
        "exporter/collect/local.py",
        "if client.condition is Condition.MISSING and listing.may_be_between(store):",
        "if False:",
        ("tests/test_contract.py",),
    ),
    Mutant(
        "the last reading is kept",
        "exporter/model/report.py",
        "            client=assessment.client or self.client,",
        "            client=assessment.client,",
        ("tests/test_report.py",),
    ),
    Mutant(
        "a failed visit keeps the dates",
        "exporter/model/report.py",
        "        if facts is None or assessment is None:\n            return seen",
        "        if facts is None or assessment is None:\n            return replace(seen, client=None)",
        ("tests/test_report.py",),
    ),
    Mutant(
        "the budget",
        "exporter/serve/samples.py",
        "        if role is CertificateRole.CLIENT or reading.managed:\n",
        "        if True:\n",
        ("tests/test_exposition.py",),
    ),
    Mutant(
        "a boundary that passes during a visit is not missed",
        "exporter/rounds/schedule.py",
        "if moment > began]",
        "if moment > last]",
        ("tests/test_schedule.py",),
    ),
    Mutant(
        "a changed inventory wakes only the nodes that it changed",
        "exporter/model/node.py",
        "return self._reading == other._reading",
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


def main() -> int:
    """The number of mutants that survived; words given choose those whose rules have one of them."""
    survivors = []
    chosen = [one for one in MUTANTS if not sys.argv[1:] or any(word in one.rule for word in sys.argv[1:])]
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
