"""What the links of a notification lead to: the documents, and a page where Grafana would be."""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from pathlib import Path

from grafana.demo_stack import repository
from grafana.demo_stack.page import Page

RUNBOOKS = "/docs/runbooks"
_DASHBOARDS = repository.ROOT / "grafana" / "dashboards"
_QUERIES = {
    "share of each certificate's life that is used": "cluster_node_cert:kubelet_cert_lifetime_used:ratio{labels}",
    "state": "kubelet_cert_rotation_state{labels} == 1",
    "causes": "kubelet_cert_finding{labels}",
}


def page(target: str, prometheus: str) -> Page:
    """What a request's target shows; ``prometheus`` is the base URL of the one whose graphs are linked."""
    try:
        split = urllib.parse.urlsplit(target)
    except ValueError:
        return Page.missing(target)
    path = urllib.parse.unquote(split.path)
    if found := re.fullmatch(r"/d/([\w-]+)(?:/.*)?", path):
        return _dashboard(found[1], urllib.parse.parse_qs(split.query), prometheus)
    return repository.page(path[1:]) if path.startswith("/") else Page.missing(path)


def _dashboard(uid: str, query: dict[str, list[str]], prometheus: str) -> Page:
    file = _file_of(uid)
    if file is None:
        return Page.missing(f"a dashboard with the uid {uid}")
    chosen = {name.removeprefix("var-"): values for name, values in query.items() if name.startswith("var-")}
    shown = ", ".join(f"{name} = {' or '.join(values)}" for name, values in chosen.items()) or "nothing chosen"
    links = "".join(f"<li>{_graph(title, text, chosen, prometheus)}</li>" for title, text in _QUERIES.items())
    name = file.relative_to(_DASHBOARDS.parent.parent)
    return Page.of(
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
