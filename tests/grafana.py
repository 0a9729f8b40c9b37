"""What Grafana makes of a dashboard's JSON before it asks Prometheus: variables, macros, steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
POINTS = 1000  # of a panel over the whole width of a screen
_NICE = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_NAME = re.compile(
    r"\$(?P<plain>\w+)|\[\[(?P<old>\w+?)(?::(?P<old_format>\w+))?\]\]|"
    r"\$\{(?P<name>\w+)(?:\.[^:}]+)?(?::(?P<format>[^}]+))?\}"
)

Values = Mapping[str, "Chosen"]
Ask = Callable[[str], list[str]]  # what a variable's query offers


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a variable is set to: ``values`` of it, or all of them, which ``all_value`` stands for."""

    values: tuple[str, ...]
    is_multiple: bool = False
    all_value: str | None = None

    def __str__(self) -> str:
        """As Prometheus' data source puts it into a query where no format is asked for."""
        if self.all_value is not None:
            return self.all_value
        if not self.is_multiple:
            return self.values[0].replace("\\", "\\\\")
        return self.as_regex(r"\\")

    def as_regex(self, backslash: str = "\\") -> str:
        """One of the values; their own special signs are escaped."""
        each = [re.sub(r"[$^*{}\[\]'+?.()|\\]", lambda found: backslash + found[0], value) for value in self.values]
        return each[0] if len(each) == 1 else f"({'|'.join(each)})"


@dataclass(frozen=True, slots=True)
class Question:
    """A query of a dashboard, as Prometheus is asked: ``step`` is None for an instant one."""

    where: str
    expression: str
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard of which all queries are asked over ``span`` seconds by a server that scrapes each ``scrape``."""

    content: dict[str, Any]
    scrape: float
    span: float

    @property
    def uid(self) -> str:
        return str(self.content["uid"])

    @property
    def variables(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.content["templating"]["list"]
        return found

    def questions(self, values: Values) -> Iterator[Question]:
        """Every query of its panels and annotations with these values."""
        for annotation in self.content.get("annotations", {}).get("list", []):
            if "expr" in annotation:
                step = self._step(annotation.get("step"), values)
                yield Question(
                    f"annotation {annotation['name']}", fill(annotation["expr"], self._all(values, step)), step
                )
        for panel in panels(self.content):
            for target in panel.get("targets", []):
                points = panel.get("maxDataPoints") or POINTS
                step = self._step(target.get("interval") or panel.get("interval"), values, points)
                where, words = f"{panel['title']} {target['refId']}", fill(target["expr"], self._all(values, step))
                if target.get("instant"):
                    yield Question(where, words)
                if target.get("range", not target.get("instant")):
                    yield Question(where, words, step)

    def _step(self, least: str | None, values: Values, points: int = POINTS) -> float:
        floor = seconds(fill(least, self._all(values, 60))) if least else self.scrape
        return max(next((nice for nice in _NICE if nice >= self.span / points), _NICE[-1]), floor, self.scrape)

    def _all(self, values: Values, step: float) -> Values:
        return {**values, **macros(self.span, step, self.scrape)}


def own_span(content: dict[str, Any]) -> float:
    """Seconds of the range that a dashboard opens with."""
    return seconds(content["time"]["from"].removeprefix("now-"))


def panels(within: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that shows something, those of closed rows too."""
    for panel in within.get("panels", []):
        yield from panels(panel)
        if panel["type"] != "row":
            yield panel


def seconds(duration: str) -> float:
    """``1h30m`` in seconds."""
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", duration))


def macros(span: float, step: float, scrape: float) -> dict[str, Chosen]:
    """The variables that every query has."""
    rate = max(step + scrape, 4 * scrape)
    numbers = {
        "__interval": f"{step:g}s",
        "__interval_ms": f"{step * 1000:g}",
        "__rate_interval": f"{rate:g}s",
        "__rate_interval_ms": f"{rate * 1000:g}",
        "__range": f"{span:.0f}s",
        "__range_s": f"{span:.0f}",
        "__range_ms": f"{span * 1000:.0f}",
    }
    return {name: Chosen((value,)) for name, value in numbers.items()}


def fill(text: str, values: Values) -> str:
    """Put the values in. Raises KeyError for a name that is no variable."""

    def value(found: re.Match[str]) -> str:
        name = found["plain"] or found["old"] or found["name"]
        if name.isdecimal():
            return found[0]  # a group of label_replace
        if name not in values:
            raise KeyError(f"{name} is no variable: {text}")
        chosen = values[name]
        form = found["old_format"] or found["format"]
        if form is None:
            return str(chosen)
        if form == "regex":
            return chosen.as_regex()
        return {"raw": ",", "csv": ",", "pipe": "|"}[form].join(chosen.values)

    return _NAME.sub(value, text)


def narrowed(chosen: Chosen, count: int) -> Chosen:
    """The same variable with its first values only, picked by hand."""
    return replace(chosen, values=chosen.values[:count], all_value=None)


def variable_query(variable: dict[str, Any]) -> str:
    """A variable's query, which Grafana writes in two ways."""
    query = variable["query"]
    return str(query["query"] if isinstance(query, dict) else query)


def chosen(variable: dict[str, Any], values: Values, ask: Ask) -> Iterator[Chosen]:
    """Everything that a variable may be set to: all at once where several can be picked, else one after the other."""
    if variable["type"] == "datasource":
        yield Chosen(("prometheus",))
        return
    if variable["type"] == "query":
        options = ask(fill(variable_query(variable), values))
    else:
        options = [option.split(" : ")[-1].strip() for option in variable_query(variable).split(",")]
    if variable.get("multi") or variable.get("includeAll"):
        every = variable.get("allValue") or None
        if options or every:
            yield Chosen(tuple(options), is_multiple=True, all_value=every)
        return
    yield from (Chosen((option,)) for option in options)


def settings(dashboard: Dashboard, ask: Ask, values: Values | None = None) -> Iterator[dict[str, Chosen]]:
    """Every combination of what its variables may be set to."""
    so_far = dict(values or {})
    left = [variable for variable in dashboard.variables if variable["name"] not in so_far]
    if not left:
        yield so_far
        return
    for choice in chosen(left[0], so_far, ask):
        yield from settings(dashboard, ask, {**so_far, left[0]["name"]: choice})
