"""What the links of a notification lead to: the runbooks, and a page where Grafana would be."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent
_DOCS = _ROOT / "docs"
_DASHBOARDS = _ROOT / "grafana" / "dashboards"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_FRAME = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
pre {{ white-space: pre-wrap; font-size: 14px }}</style>
{body}
</html>
"""
_QUERIES = {
    "share of each certificate's life that is used": "cluster_node_cert:kubelet_cert_lifetime_used:ratio{labels}",
    "state": "kubelet_cert_rotation_state{labels} == 1",
    "causes": "kubelet_cert_finding{labels}",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: its status and its HTML."""

    status: int
    text: str


def page(target: str, prometheus: str) -> Page:
    """What a request's target shows; ``prometheus`` is the base URL of the one whose graphs are linked."""
    split = urllib.parse.urlsplit(target)
    path = urllib.parse.unquote(split.path)
    if path == "/":
        return _index()
    if found := re.fullmatch(r"/d/([\w-]+)(?:/.*)?", path):
        return _dashboard(found[1], urllib.parse.parse_qs(split.query), prometheus)
    if path.endswith(".md"):
        return _document(path.removeprefix("/"))
    return _missing(path)


def _index() -> Page:
    names = sorted(path.name for path in (_DOCS / "runbooks").glob("*.md"))
    items = "".join(f'<li><a href="/runbooks/{html.escape(name)}">{html.escape(name)}</a></li>' for name in names)
    return _framed("Runbooks", f"<h1>Runbooks</h1><ul>{items}</ul>")


def _document(name: str) -> Page:
    """A page of docs, as it is written, with its links."""
    path = (_DOCS / name).resolve()
    if not path.is_relative_to(_DOCS.resolve()) or not path.is_file():
        return _missing(f"docs/{name}")
    text = html.escape(path.read_text(encoding="utf-8"))
    return _framed(name, f"<pre>{_LINK.sub(_anchor, text)}</pre>")


def _anchor(found: re.Match[str]) -> str:
    return f'<a href="{found[2]}">{found[1]}</a>'


def _dashboard(uid: str, query: dict[str, list[str]], prometheus: str) -> Page:
    file = _file_of(uid)
    if file is None:
        return _missing(f"a dashboard with the uid {uid}")
    chosen = {name.removeprefix("var-"): values for name, values in query.items() if name.startswith("var-")}
    shown = ", ".join(f"{name} = {' or '.join(values)}" for name, values in chosen.items()) or "nothing chosen"
    links = "".join(f"<li>{_graph(title, text, chosen, prometheus)}</li>" for title, text in _QUERIES.items())
    name = file.relative_to(_ROOT)
    return _framed(
        "Where Grafana would be",
        f"""<h1>Where Grafana would be</h1>
<p>This stack has no Grafana. The link is to the dashboard <code>{html.escape(uid)}</code>
with {html.escape(shown)}.</p>
<p>To see it: have a Grafana with <code>{html.escape(prometheus)}</code> as a Prometheus data source, import
<code>{html.escape(str(name))}</code> (Dashboards, New, Import), and start the stack with
<code>--grafana-url=</code> and Grafana's address: the links of the notifications lead there then.</p>
<p>The same in Prometheus:</p><ul>{links}</ul>""",
    )


def _file_of(uid: str) -> Path | None:
    for path in sorted(_DASHBOARDS.glob("*.json")):
        if json.loads(path.read_text(encoding="utf-8"))["uid"] == uid:
            return path
    return None


def _graph(title: str, query: str, chosen: dict[str, list[str]], prometheus: str) -> str:
    """A link to Prometheus' own graph of a query about what was chosen."""
    # a JSON string is a string of PromQL too
    labels = ",".join(
        f"{name}={json.dumps(values[0])}" for name, values in chosen.items() if name in ("cluster", "node", "cert")
    )
    expression = query.replace("{labels}", "{" + labels + "}" if labels else "")
    parameters = {"g0.expr": expression, "g0.tab": "0", "g0.range_input": "1h"}
    target = f"{prometheus}/graph?{urllib.parse.urlencode(parameters)}"
    return f'<a href="{html.escape(target)}">{html.escape(title)}</a>: <code>{html.escape(expression)}</code>'


def _missing(what: str) -> Page:
    return _framed("Not here", f"<p>There is no {html.escape(what)}.</p>", 404)


def _framed(title: str, body: str, status: int = 200) -> Page:
    return Page(status, _FRAME.format(title=html.escape(title), body=body))
