"""The files of this repository that a browser may see: the documents, and what they link to."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from grafana.demo_stack import markdown
from grafana.demo_stack.page import Page

ROOT = Path(__file__).parent.parent.parent
_FOLDERS = ("bench", "deploy", "docs", "grafana")
_FILES = ("README.md", "config.example.yaml", "Dockerfile")


def page(name: str) -> Page:
    """A file, or a folder's list; ``name`` as in ``docs/causes.md``, empty for the root.

    It is looked up among the files that there are, never opened as it stands: no name leads elsewhere.
    """
    files = {path.relative_to(ROOT).as_posix(): path for path in _files()}
    if name in files:
        return _file(name, files[name])
    folder = name if not name or name.endswith("/") else f"{name}/"
    inside = {file.removeprefix(folder).partition("/")[:2] for file in files if file.startswith(folder)}
    return _list(folder, ("".join(entry) for entry in inside)) if inside else Page.missing(name)


def _files() -> Iterator[Path]:
    yield from (ROOT / name for name in _FILES if (ROOT / name).is_file())
    for top in _FOLDERS:
        for folder, _, names in os.walk(ROOT / top):
            yield from (
                path
                for path in (Path(folder, name) for name in names)
                if path.is_file() and not path.is_symlink() and path.suffix != ".pyc" and path.name[0] != "."
            )


def _file(name: str, path: Path) -> Page:
    content = path.read_bytes()
    if path.suffix == ".png":
        return Page(200, content, "image/png")
    text = content.decode("utf-8", "replace")
    return Page.of(name, markdown.rendered(text) if path.suffix == ".md" else f"<pre>{html.escape(text)}</pre>")


def _list(folder: str, entries: Iterable[str]) -> Page:
    items = "".join(
        f'<li><a href="/{html.escape(folder + entry.rstrip("/"))}">{html.escape(entry)}</a></li>'
        for entry in sorted(entries)
    )
    title = html.escape(folder) or "This repository"
    return Page.of(title, f"<h1>{title}</h1><ul>{items}</ul>")
