"""The rule files of ``grafana/alerts``, and their links: placeholders there, a user's base URLs in what is built."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "alerts"
RUNBOOKS = "https://runbooks.example.com"
GRAFANA = "https://grafana.example.com"

_PLACEHOLDER = re.compile(rf"(?:{re.escape(RUNBOOKS)}|{re.escape(GRAFANA)})(?![\w.:@-])")
# quotes, spaces, backslashes and braces would end a string of YAML, or begin a template of Prometheus
_BASE_URL = re.compile(r"https?://[\w.~:/%@+,=\[\]-]+")


def rule_files() -> dict[str, str]:
    """Names and texts of the rule files, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}


def with_links(text: str, *, runbooks: str, grafana: str) -> str:
    """Put these base URLs in place of the placeholders, in one pass: an URL may itself look like a placeholder."""
    bases = {RUNBOOKS: _base_url(runbooks), GRAFANA: _base_url(grafana)}
    return _PLACEHOLDER.sub(lambda found: bases[found.group()], text)


def _base_url(url: str) -> str:
    if not _BASE_URL.fullmatch(url):
        raise ValueError(
            f"not a base URL: {url!r} (http:// or https://, without a query, a fragment, quotes or spaces)"
        )
    return url.rstrip("/")
