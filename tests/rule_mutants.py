"""Changes one threshold or clause of the alert rules at a time and looks whether the rules' tests notice.

``make test-long`` runs it, ``python -m tests.rule_mutants WORD…`` a part of it. The tests run once, to leave what they
give to promtool; a mutant then meets these files alone. One that none of them notices survives: it needs a reason in
``KNOWN``, or a better test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.promtool import FILES, KEPT, PROMTOOL, RULES, verdict

ROOT = Path(__file__).parent.parent
TESTS = tuple(
    f"tests/test_rules_{noun}.py" for noun in ("rotation", "nodes", "fleet", "exporter", "recording", "crowd")
)
# rule, what is changed in it, and why no test can tell
KNOWN: dict[tuple[str, str], str] = {}
AT_ONCE = 150
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


@dataclass(frozen=True)
class Mutant:
    """A rule by its place, what is changed in it, and the rule as it is then."""

    file: str
    group: int
    rule: int
    name: str
    change: str
    changed: dict[str, Any]
    original: dict[str, Any]


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
                        yield Mutant(file, group_number, number, name, change, rule | {"expr": expr}, _bare(rule))
                for change, fields in _of_patience(rule):
                    yield Mutant(file, group_number, number, name, change, fields, _bare(rule))


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
    depth, begin = 0, 0
    for position in range(at):
        if expr[position] in "({[":
            depth += 1
        elif expr[position] in ")}]":
            depth -= 1
    level = 0
    for position in range(at - 1, -1, -1):
        level += (expr[position] in ")}]") - (expr[position] in "({[")
        if level < 0:
            return position + 1
        if level == 0 and re.match(r"\bor\b", expr[position:]) and expr[position - 1].isspace():
            return position + 2
    return begin


def _bare(rule: dict[str, Any]) -> dict[str, Any]:
    """Without annotations, whose queries cost more than the rule."""
    return {key: value for key, value in rule.items() if key != "annotations"}


class Rules:
    """The rules as they are, and which of them read which."""

    def __init__(self) -> None:
        groups = [group for file in FILES for group in yaml.safe_load((RULES / file).read_text())["groups"]]
        self.all: list[dict[str, Any]] = [_bare(rule) for group in groups for rule in group["rules"]]
        self.recording = [rule for rule in self.all if "record" in rule]

    def changed(self, mutant: Mutant, number: int) -> list[dict[str, Any]]:
        """The mutant and all rules that read it, by names of their own."""
        readers = self.readers(mutant.name)
        theirs = re.compile(rf"(?<![\w:])({'|'.join(map(re.escape, readers))})(?![\w:])")
        rules = []
        for rule in self.all:
            kind = "alert" if "alert" in rule else "record"
            if rule[kind] in readers:
                it = _bare(mutant.changed) if rule == mutant.original else rule
                own = theirs.sub(rf"\1__{number}", it["expr"])
                rules.append(it | {kind: f"{rule[kind]}__{number}", "expr": own})
        return rules

    def readers(self, name: str) -> list[str]:
        """A rule and those that read it, directly or not."""
        names = [name]
        while more := [
            rule.get("alert") or rule["record"]
            for rule in self.all
            if (rule.get("alert") or rule["record"]) not in names
            and any(re.search(rf"(?<![\w:]){re.escape(one)}(?![\w:])", rule["expr"]) for one in names)
        ]:
            names += dict.fromkeys(more)
        return names

    def is_told(self, name: str) -> bool:
        """Whether an alert depends on it."""
        alerts = {rule["alert"] for rule in self.all if "alert" in rule}
        return not alerts.isdisjoint(self.readers(name))


class Together:
    """Many mutants at once, beside the alerts as they are: noticed is whose alerts fire otherwise than these.

    A mutant of a recorded series takes what reads it along, by names of their own. One run of promtool a test file
    then tells of many.
    """

    def __init__(self, folder: Path, rules: Rules, chosen: list[Mutant]) -> None:
        texts = sorted((file.read_text() for file in folder.glob("*.json")), key=len)  # most die in the short ones
        self._tests = [json.loads(text) for text in texts]
        self._mutants = dict(enumerate(chosen, 1))
        self._rules = rules

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
                return failing | {
                    number for number in left - failing if seen.get(number, set()) != self._due(number, seen)
                }
            failing |= errors
        return failing

    def _due(self, number: int, seen: dict[int, set[tuple[str, ...]]]) -> set[tuple[str, ...]]:
        """What a mutant's alerts would do, were it none."""
        names = self._rules.readers(self._mutants[number].name)
        return {one for one in seen.get(0, set()) if one[0] in names}

    def _said(self, left: set[int], test: dict[str, Any], command: str) -> str:
        names = {name for number in left for name in self._rules.readers(self._mutants[number].name)}
        rules = [
            *(rule | {"alert": f"{rule['alert']}__0"} for rule in self._rules.all if rule.get("alert") in names),
            *(rule for number in sorted(left) for rule in self._rules.changed(self._mutants[number], number)),
        ]
        story = test["tests"][0]
        moments = sorted({int(query["eval_time"][:-1]) for query in story["promql_expr_test"]})
        firing = 'ALERTS{alertstate="firing"}'
        queries = [(f"count_over_time({firing}[{moments[-1] + 1}m])", moments[-1]), *((firing, it) for it in moments)]
        asked = [{"expr": query, "eval_time": f"{minute}m", "exp_samples": []} for query, minute in queries]
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            here = Path(folder)
            groups = [{"name": "recording", "rules": self._rules.recording}, {"name": "mutants", "rules": rules}]
            (here / "rules.yaml").write_text(json.dumps({"groups": groups}))
            order = {"rule_files": ["rules.yaml"], "group_eval_order": ["recording", "mutants"]}
            (here / "test.json").write_text(json.dumps(test | order | {"tests": [story | {"promql_expr_test": asked}]}))
            file = "test.json" if command == "test" else "rules.yaml"
            done = subprocess.run(
                [str(PROMTOOL), command, "rules", file], cwd=here, capture_output=True, text=True, check=False
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


def main() -> int:
    """The number of mutants that survived without a reason."""
    chosen = [one for one in mutants() if not sys.argv[1:] or any(word in one.name for word in sys.argv[1:])]
    rules = Rules()
    with tempfile.TemporaryDirectory() as folder:
        kept = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *TESTS],
            cwd=ROOT,
            env={**os.environ, KEPT: folder},
            check=False,
        )
        if kept.returncode:
            raise SystemExit("the tests fail without any mutant")
        survivors = []
        told = [one for one in chosen if rules.is_told(one.name)]
        for at in range(0, len(told), AT_ONCE):
            survivors += Together(Path(folder), rules, told[at : at + AT_ONCE]).survivors()
        survivors += [one for one in chosen if not rules.is_told(one.name) and not _is_missed(one, Path(folder))]
    for one in survivors:
        reason = KNOWN.get((one.name, one.change))
        print(f"{'known   ' if reason else 'SURVIVED'}  {one.name}: {one.change}", flush=True)
    unknown = [one for one in survivors if (one.name, one.change) not in KNOWN]
    print(f"{len(chosen) - len(unknown)} passed, {len(unknown)} failed")
    return min(len(unknown), 100)


def _is_missed(mutant: Mutant, folder: Path) -> bool:
    """Whether a test that asks for a recorded series by its name notices; no alert depends on it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as changed:
        for file in FILES:
            document = yaml.safe_load((RULES / file).read_text())
            if file == mutant.file:
                document["groups"][mutant.group]["rules"][mutant.rule] = mutant.changed
            Path(changed, file).write_text(json.dumps(document))
        texts = [file.read_text() for file in folder.glob("*.json")]
        return any(verdict(text, Path(changed)) is not None for text in texts if mutant.name in text)


if __name__ == "__main__":
    sys.exit(main())
