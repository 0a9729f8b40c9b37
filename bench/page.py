"""Tables of figures between marks of a page of Markdown: nothing outside of them is touched.

``<!-- bench: NAME -->`` begins a part's table, ``<!-- bench: machine -->`` what is said of the machine, and
``<!-- end -->`` ends either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import Row, markdown


def write(path: Path, machine: Mapping[str, str], name: str, rows: Sequence[Row]) -> None:
    """Put a part's rows between its marks, and the machine between its own; plots go to ``images`` beside the page.

    Raises ValueError where the page has no such marks.
    """
    text = between(path.read_text(), "machine", "\n".join(f"- {what}: {told}" for what, told in machine.items()))
    plots = [row.plot for row in rows if row.plot]
    shown = [f"![{plot.title}](images/{plot.name}.svg)" for plot in plots]
    path.write_text(between(text, name, "\n\n".join([markdown(rows), *shown])))
    for plot in plots:
        (path.parent / "images" / f"{plot.name}.svg").write_text(plot.svg())


def between(text: str, name: str, content: str) -> str:
    """The page with ``content`` between the marks of ``name``."""
    begin, end = f"<!-- bench: {name} -->\n", "<!-- end -->"
    marks = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(marks.findall(text)) != 1:
        raise ValueError(f"the page has no place, or several, for {begin.strip()}")
    return marks.sub(lambda _: f"{begin}\n{content}\n\n{end}", text)
