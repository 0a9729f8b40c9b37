"""Changes one threshold or clause of the alert rules at a time and looks whether the rules' tests notice.

What is changed: a number by a fifth or a quarter, a range to its half and its double, a `for` to none, less and more,
a comparison to its opposite and to the one that takes in the edge, `max` to `min`, `and` to `unless`; a clause, a
matcher, a word of an alternative, a label of `by` or `on` or a last_over_time is left out.

``python -m tests.rule_mutants`` runs it, with words only the rules that have one of them in their file's or their own
name (`rotation.yaml`, `Blind`). The tests run once, to leave what they give to promtool; a mutant then meets these
files alone. One that none of them notices survives: it needs a reason in ``KNOWN``, or a better test. In a whole run a
reason that nobody needs any more fails, too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import yaml

from tests.promtool import FILES, KEPT, PROMTOOL, RULES, bare, verdict

ROOT = Path(__file__).parent.parent
TESTS = tuple(
    f"tests/test_rules_{noun}.py"
    for noun in (
        *("rotation", "nodes", "fleet", "exporter", "recording", "crowd", "memory", "edges", "shards"),
        *("recorded_memory", "recorded_states", "recorded_exporters", "recorded_clusters", "recorded_shards"),
    )
)
# What a survivor's rule and change look like, and why no test can tell it
_OF_ONES = (
    "RotationLate|RotationStalled|Expiring|Expired|NotYetValid|Blind|NeverRead|StoreBroken|StoreFull|CrashLoop|"
    "NodeClockSkew|KeyMaterialSeen|HostKeyChanged|Finding|Shared|FleetFinding|FleetRotationStalled|ExporterClockOff"
)
_OF_TARGETS = (
    "Exporter(Down|Stuck|StoreDown)|VisitsOverdue|LoginsPaused|HostKeysUnchecked|ReloadFailed|SourceDown|SshCredential"
)
_OF_DATES = "Expiring|UnrotatedExpired|ManualRotationDue|Blind|CAExpiring"
_OF_SERIES_OF_ONES = (
    r"node_info:(known|openshift)|nodes:(live|stuck)|rotation_state:(told|unexplained)|"
    r"(fleet_)?finding:max|node_failure:max"
)
KNOWN = (
    (
        rf"Cert({_OF_DATES}): .*(⟨<=?⟩ -> ⟨<=?⟩|⟨>=?⟩ -> ⟨>=?⟩)$",
        "two times, or a share of one: they are never equal at a scrape",
    ),
    (r"⟨3⟩ -> ⟨2\.4⟩|⟨2⟩ -> ⟨(2\.5|1\.6)⟩", "what is counted is whole"),
    (r"Blind: .*max\{ ⟨state=\"unknown\"⟩ -> ⟨⟩", "the next clause takes every other state away"),
    (r"ManualRotationDue: .*off unless on \( ⟨cluster, node, cert⟩ -> ⟨cluster, node⟩", "of clients alone, one a node"),
    (r"ExporterDown: .*(avg_over_time|changes)\(up\{ ⟨job.*⟩ -> ⟨⟩", "the other half of the clause names the job, too"),
    (r"SshCredentialExpiring: .*seconds\{ ⟨job.*⟩ -> ⟨⟩", "the other side of the comparison names the job, too"),
    (r"ExporterStuck: .*⟨10m⟩ -> ⟨1200s⟩", "there are two ranges, and the shorter one ends the alert"),
    (r"InventoryShrank: .*⟨6h⟩ -> ⟨43200s⟩", "there are two ranges, and the shorter one ends the alert"),
    (r"ClusterVanished: .*⟨max_over_time⟩ -> ⟨min_over_time⟩", "it fires by being there; the number is only told"),
    (rf"Cert({_OF_ONES}): .*⟨max⟩ -> ⟨min⟩", "every value is 1: it fires by being there"),
    (rf":kubelet_cert_({_OF_SERIES_OF_ONES}): .*⟨max⟩ -> ⟨min⟩", "every value is 1, or is not read: it is there"),
    (r"info:shared: .*⟨max⟩ -> ⟨min⟩", "every value is 1"),
    (r"node_info:unanswered: .*⟨max⟩ -> ⟨min⟩", "the moment is the same for all of an exporter's series"),
    (r"lifetime_seconds:(max|now): .*⟨cert=\"client\"⟩ -> ⟨⟩", "the other side of the subtraction names it, too"),
    (r"lifetime_used:ratio: .*lifetime_seconds:max > ⟨0⟩", "what it leaves out the next clause tells alike"),
    (r"leaf_lifetime_seconds:max: .*⟨>⟩ -> ⟨>=⟩", "where both are equal either is the answer"),
    (r"node_info:openshift: .*⟨.*⟩ -> ⟨distribution!~\"\"⟩", "while OpenShift is seen, the first clause holds"),
    (r"rotations:seen: .*⟨1m⟩ -> ⟨30s⟩", "half a minute ago is the evaluation of a minute ago"),
    (r"ShardMissing: .*⟨max⟩ -> ⟨min⟩", "a job whose exporters differ in the number is left out"),
    (rf"({_OF_TARGETS}).*⟨max⟩ -> ⟨min⟩", "a target has one such series, whatever labels it has besides"),
)
_OF_SERIES = re.compile("memory|record")
_SET_OPERATOR = re.compile(r"\b(and|or|unless)\b(?:\s+(?:on|ignoring)\s*\([^)]*\))?")
_COMPARISON = re.compile(r"(?<![=~!<>])(==|!=|<=|>=|<|>)(?!=)")
_NUMBER = re.compile(r"(?<![\w.\"|\[])(\d+(?:\.\d+)?)(?![\w.\"|])")
_SPAN = re.compile(r"(?<=\[)(\d+)([smhd])(?=[\]:])|(?<=offset )(\d+)([smhd])")
_FLIPPED = {"==": ("!=",), "!=": ("==",), "<": (">", "<="), ">": ("<", ">="), "<=": (">=", "<"), ">=": ("<=", ">")}
_SWAPPED = {"max": "min", "min": "max", "max_over_time": "min_over_time", "min_over_time": "max_over_time"}
_FUNCTION = re.compile(rf"\b({'|'.join(_SWAPPED)})\b(?=\s*(?:by|\())")
_LAST = re.compile(r"last_over_time\(\s*([^()\[\]]*)\[\d+[smhd]\]\s*\)")
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_SAMPLE = re.compile(r"(\{.*?[^\\]\}) ([^,\s]+)")
_GROUPING = re.compile(r"\b(by|on|ignoring)\s*\(([^()]*)\)")


@dataclass(frozen=True, eq=False)
class Mutant:
    """A rule by its place, what is changed in it, and the rule as it is then."""

    file: str
    group: int
    rule: int
    name: str
    change: str
    changed: dict[str, Any]


def mutants() -> Iterator[Mutant]:
    """Every change of every rule."""
    for file in FILES:
        for group_number, group in enumerate(yaml.safe_load((RULES / file).read_text())["groups"]):
            for number, rule in enumerate(group["rules"]):
                name = rule.get("alert") or rule["record"]
                seen = {rule["expr"]}
                for change, expr in _of_expression(rule["expr"]):
                    if expr not in seen:
                        seen.add(expr)
                        yield Mutant(file, group_number, number, name, change, rule | {"expr": expr})
                for change, fields in _of_patience(rule):
                    yield Mutant(file, group_number, number, name, change, fields)


def _of_patience(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "alert" not in rule:
        return
    patience = rule.get("for", "0m")
    number, unit = int(patience[:-1]), patience[-1]
    yield f"for {patience} -> longer", rule | {"for": f"{number * 5 // 4 + 2}{unit}"}
    if number:
        yield f"for {patience} -> none", {key: value for key, value in rule.items() if key != "for"}
        yield f"for {patience} -> shorter", rule | {"for": f"{number * 3 // 4}{unit}"}


def _of_expression(expr: str) -> Iterator[tuple[str, str]]:
    yield from _numbers(expr)
    yield from _words(expr)
    yield from _clauses(expr)
    yield from _labels(expr)


def _numbers(expr: str) -> Iterator[tuple[str, str]]:
    for found in _NUMBER.finditer(expr):
        value = float(found[1])
        for other in (1.0,) if value == 0 else (0.0, 2.0) if value == 1 else (value * 0.8, value * 1.25):
            yield _at(expr, found.span(1), f"{other:g}")
    for found in _SPAN.finditer(expr):
        number, unit = found[1] or found[3], found[2] or found[4]
        span = found.span()
        for seconds in (_seconds(number, unit) // 2, _seconds(number, unit) * 2):
            yield _at(expr, span, f"{seconds}s")


def _seconds(number: str, unit: str) -> int:
    return int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def _words(expr: str) -> Iterator[tuple[str, str]]:
    for found in _COMPARISON.finditer(expr):
        if not _is_in_braces(expr, found.start()):
            for other in _FLIPPED[found[1]]:
                yield _at(expr, found.span(1), other)
    for found in _FUNCTION.finditer(expr):
        yield _at(expr, found.span(1), _SWAPPED[found[1]])
    for found in _LAST.finditer(expr):
        yield _at(expr, found.span(), found[1])


def _clauses(expr: str) -> Iterator[tuple[str, str]]:
    for found in _SET_OPERATOR.finditer(expr):
        if _is_in_braces(expr, found.start()):
            continue
        word = found[1]
        end = _operand_ends(expr, found.end(), ("or",) if word == "or" else ("and", "or", "unless"))
        yield _at(expr, (found.start(), end), "")
        if word == "or":
            yield _at(expr, (_operand_begins(expr, found.start()), found.end()), "")
        else:
            yield _at(expr, found.span(1), "unless" if word == "and" else "and")


def _labels(expr: str) -> Iterator[tuple[str, str]]:
    for found in _MATCHERS.finditer(expr):
        matchers = re.findall(r'\w+\s*(?:=~|!~|!=|=)\s*"[^"]*"', found[1])
        for number, matcher in enumerate(matchers):
            others = matchers[:number] + matchers[number + 1 :]
            if others or re.search(r"[\w:]$", expr[: found.start()]):
                yield _at(expr, found.span(1), ",".join(others))
            label, value = matcher.split('"', 1)[0], matcher.split('"')[1]
            words = value.split("|") if "(" not in value else [value]
            for one in words if len(words) > 1 else []:
                fewer = f'{label}"{"|".join(word for word in words if word != one)}"'
                yield _at(expr, found.span(1), ",".join([*matchers[:number], fewer, *matchers[number + 1 :]]))
    for found in _GROUPING.finditer(expr):
        names = [name.strip() for name in found[2].split(",") if name.strip()]
        for name in names if len(names) > 1 else []:
            yield _at(expr, found.span(2), ", ".join(it for it in names if it != name))


def _at(expr: str, span: tuple[int, int], new: str) -> tuple[str, str]:
    """What is changed, told so that it is the same from run to run, and the whole."""
    old = " ".join(expr[slice(*span)].split())
    before = " ".join(expr[: span[0]].split())[-24:]
    return f"…{before} ⟨{old}⟩ -> ⟨{new}⟩", expr[: span[0]] + new + expr[span[1] :]


def _is_in_braces(expr: str, at: int) -> bool:
    before = expr[:at]
    return before.count("{") > before.count("}") or before.count('"') % 2 == 1


def _operand_ends(expr: str, at: int, words: tuple[str, ...]) -> int:
    depth = 0
    while at < len(expr):
        depth += (expr[at] in "({[") - (expr[at] in ")}]")
        if depth < 0 or (depth == 0 and re.match(rf"\b(?:{'|'.join(words)})\b", expr[at:]) and expr[at - 1].isspace()):
            return at
        at += 1
    return at


def _operand_begins(expr: str, at: int) -> int:
    level = 0
    for position in range(at - 1, -1, -1):
        level += (expr[position] in ")}]") - (expr[position] in "({[")
        if level < 0:
            return position + 1
        if level == 0 and re.match(r"\bor\b", expr[position:]) and expr[position - 1].isspace():
            return position + 2
    return 0


class Together:
    """All mutants of the alerts at once, beside the alerts as they are: noticed is who fires otherwise than these.

    One run of promtool a test file then tells of hundreds.
    """

    def __init__(self, folder: Path, chosen: list[Mutant]) -> None:
        texts = sorted((file.read_text() for file in folder.glob("*.json")), key=len)  # most die in the short ones
        self._tests = [json.loads(text) for text in texts]
        self._mutants = dict(enumerate(chosen, 1))
        self._recording = [bare(rule) for rule in _rules(FILES[0])]
        self._alerts = [bare(rule) for file in FILES[1:] for rule in _rules(file)]

    def survivors(self) -> list[Mutant]:
        """Those that no test file tells from their originals."""
        left = self._without_wrong(set(self._mutants))
        for test in self._tests:  # where the alert fires, first
            text = json.dumps(test["tests"][0]["promql_expr_test"])
            left -= self._noticed_by(test, {number for number in left if self._mutants[number].name in text})
        for test in self._tests:
            left -= self._noticed_by(test, left)
        return [self._mutants[number] for number in sorted(left)]

    def _without_wrong(self, left: set[int]) -> set[int]:
        """Without those that are no rules at all."""
        while bad := set(map(int, re.findall(r'"[\w:]+__(\d+)"', self._said(left, self._tests[0], "check")))) & left:
            left = left - bad
        return left

    def _noticed_by(self, test: dict[str, Any], left: set[int]) -> set[int]:
        """Those that fire otherwise, or cannot be evaluated."""
        failing: set[int] = set()
        while left - failing:
            said = self._said(left - failing, test, "test")
            errors = {int(number) for number in re.findall(r"rule: [\w:]+__(\d+), time", said)} & (left - failing)
            if not errors:
                seen = _fired(said)
                names = {number: self._mutants[number].name for number in left - failing}
                due = {name: {one for one in seen.get(0, set()) if one[0] == name} for name in names.values()}
                return failing | {it for it, name in names.items() if seen.get(it, set()) != due[name]}
            failing |= errors
        return failing

    def _said(self, left: set[int], test: dict[str, Any], command: str) -> str:
        names = {self._mutants[number].name for number in left}
        rules = [rule | {"alert": f"{rule['alert']}__0"} for rule in self._alerts if rule["alert"] in names]
        rules += [bare(self._mutants[it].changed) | {"alert": f"{self._mutants[it].name}__{it}"} for it in sorted(left)]
        story = test["tests"][0]
        moments = sorted({int(query["eval_time"][:-1]) for query in story["promql_expr_test"]})
        firing = 'ALERTS{alertstate="firing"}'
        queries = [(f"count_over_time({firing}[{moments[-1] + 1}m])", moments[-1]), *((firing, it) for it in moments)]
        asked = [{"expr": query, "eval_time": f"{minute}m", "exp_samples": []} for query, minute in queries]
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            here = Path(folder)
            groups = [{"name": "recording", "rules": self._recording}, {"name": "mutants", "rules": rules}]
            (here / "rules.yaml").write_text(json.dumps({"groups": groups}))
            order = {"rule_files": ["rules.yaml"], "group_eval_order": ["recording", "mutants"]}
            (here / "test.json").write_text(json.dumps(test | order | {"tests": [story | {"promql_expr_test": asked}]}))
            file = "test.json" if command == "test" else "rules.yaml"
            return _told(command, file, folder)


def _told(command: str, file: str, folder: str) -> str:
    done = subprocess.run(
        [str(PROMTOOL), command, "rules", file], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _fired(said: str) -> dict[int, set[tuple[str, ...]]]:
    """By mutant: alert, query, labels and value of all that fired."""
    seen: dict[int, set[tuple[str, ...]]] = {}
    for block in said.split("    expr: ")[1:]:
        query, _, rest = block.partition("exp:")
        for labels, value in _SAMPLE.findall(rest.replace("\n", " ")):
            if found := re.search(r'alertname="(\w+)__(\d+)"', labels):
                others = labels.replace(found[0], "")
                seen.setdefault(int(found[2]), set()).add((found[1], query, others, value))
    return seen


class OneByOne:
    """Mutants of recorded series: all that reads them changes, so each has its own run, until a test notices.

    Story by story, those about recorded series and the short ones first: who makes no other series of it is not noticed
    there, and needs no run. What no rule reads (the heatmap) is left to stories that ask for it.
    """

    def __init__(self, folder: Path, chosen: list[Mutant]) -> None:
        files = sorted(folder.glob("*.json"), key=lambda it: (not _OF_SERIES.search(it.name), it.stat().st_size))
        self._texts = [file.read_text() for file in files]
        self._mutants = dict(enumerate(chosen, 1))
        self._read = " ".join(rule["expr"] for file in FILES for rule in _rules(file))

    def survivors(self) -> list[Mutant]:
        """Those that no test file tells from their originals."""
        left = set(self._mutants)
        with ThreadPoolExecutor(2) as pool:
            for text in self._texts:
                read = {number for number in left if self._mutants[number].name in self._read}
                broken, others = self._differing(text, read)
                others |= {number for number in left - read if self._mutants[number].name in text}
                missed = dict(zip(sorted(others), pool.map(self._misses, sorted(others), repeat(text)), strict=True))
                left -= broken | {number for number, is_missed in missed.items() if not is_missed}
        return [self._mutants[number] for number in sorted(left)]

    def _misses(self, number: int, text: str) -> bool:
        mutant = self._mutants[number]
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            for file in FILES:
                groups = yaml.safe_load((RULES / file).read_text())["groups"]
                if file == mutant.file:
                    groups[mutant.group]["rules"][mutant.rule] = mutant.changed
                plain = [group | {"rules": [bare(rule) for rule in group["rules"]]} for group in groups]
                Path(folder, file).write_text(json.dumps({"groups": plain}))
            return verdict(text, Path(folder)) is None

    def _differing(self, text: str, left: set[int]) -> tuple[set[int], set[int]]:
        """Who cannot be evaluated in a story, and whose series are others at some minute of it."""
        test = json.loads(text)
        story = test["tests"][0]
        last = max(int(query["eval_time"][:-1]) for query in story["promql_expr_test"])
        asked = {"expr": f"sum by (mutant) (sum_over_time(differs[{last + 1}m]))", "eval_time": f"{last}m"}
        own = {"rule_files": ["rules.yaml"], "tests": [story | {"promql_expr_test": [asked | {"exp_samples": []}]}]}
        broken: set[int] = set()  # where one is, nothing else is told
        while left - broken:
            with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
                (Path(folder) / "rules.yaml").write_text(json.dumps({"groups": list(self._groups(left - broken))}))
                (Path(folder) / "test.json").write_text(json.dumps(test | own))
                said = _told("test", "test.json", folder)
            errors = set(map(int, re.findall(r"mutant:(\d+)\b.*(?:, time|parse error)", said))) & (left - broken)
            if not errors:
                return broken, set(map(int, re.findall(r'mutant="(\d+)"\} [\d.E+]+', said)))
            broken |= errors
        return broken, set()

    def _groups(self, left: set[int]) -> Iterator[dict[str, Any]]:
        """The recording rules, and beside each its mutants, which read what it reads but themselves for itself."""
        for group_number, group in enumerate(yaml.safe_load((RULES / FILES[0]).read_text())["groups"]):
            rules = []
            for rule_number, rule in enumerate(group["rules"]):
                rules.append(rule)
                for number, it in self._mutants.items():
                    if number in left and (it.group, it.rule) == (group_number, rule_number):
                        rules += _beside(rule, it, number)
            yield group | {"rules": rules}


def _beside(rule: dict[str, Any], mutant: Mutant, number: int) -> list[dict[str, Any]]:
    """A mutant of a recording rule under a name of its own, and how many of its series differ."""
    name = f"mutant:{number}"
    labels = ",".join(f'{label}="{value}"' for label, value in rule.get("labels", {}).items())
    own = f"{rule['record']}{{{labels}}}"
    differs = f"count(({name} unless {own}) or ({own} unless {name}) or ({name} != {own}))"
    changed = mutant.changed | {"record": name, "expr": mutant.changed["expr"].replace(rule["record"], name)}
    return [changed, {"record": "differs", "expr": differs, "labels": {"mutant": str(number)}}]


def _rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def main() -> int:
    """The number of mutants that survived without a reason."""
    words = sys.argv[1:]
    chosen = [one for one in mutants() if not words or any(word in f"{one.file} {one.name}" for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        kept = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *TESTS],
            cwd=ROOT,
            env={**os.environ, KEPT: folder},
            check=False,
        )
        if kept.returncode:
            raise SystemExit("the tests fail without any mutant")
        alerts = [one for one in chosen if "alert" in one.changed]
        survivors = Together(Path(folder), alerts).survivors() if alerts else []
        survivors += OneByOne(Path(folder), [one for one in chosen if "record" in one.changed]).survivors()
    unknown = [one for one in survivors if reason(one) is None]
    for one in survivors:
        print(f"{'SURVIVED' if one in unknown else 'known   '}  {one.name}: {one.change}", flush=True)
    needless = (
        [] if words else [pattern for pattern, _ in KNOWN if not any(_is_told(one, pattern) for one in survivors)]
    )
    for pattern in needless:
        print(f"NEEDLESS  {pattern}", flush=True)
    print(f"{len(chosen) - len(unknown)} passed, {len(unknown) + len(needless)} failed")
    return min(len(unknown) + len(needless), 100)


def reason(mutant: Mutant) -> str | None:
    """Why no test can tell, where that was written down."""
    return next((why for pattern, why in KNOWN if _is_told(mutant, pattern)), None)


def _is_told(mutant: Mutant, pattern: str) -> bool:
    return re.search(pattern, f"{mutant.name}: {mutant.change}") is not None


if __name__ == "__main__":
    sys.exit(main())
