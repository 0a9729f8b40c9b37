"""``python -m grafana.builder``: rewrites what is generated, or builds it with somebody's own links elsewhere."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grafana.builder import bundle
from grafana.builder.rules import GRAFANA, RUNBOOKS


def main(argv: list[str] | None = None) -> int:
    """The exit status: 2 for arguments that cannot be."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.output is None:
        if given.grafana_url or given.runbooks_url:
            parser.error("own links need --output: what is committed has placeholders")
        _write(bundle.of_the_repository())
        return 0
    runbooks, grafana = given.runbooks_url or RUNBOOKS, given.grafana_url or GRAFANA
    try:
        files = bundle.with_own_links(given.output, runbooks=runbooks, grafana=grafana)
    except ValueError as error:
        parser.error(str(error))
    _write(files)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m grafana.builder",
        allow_abbrev=False,
        description="Without arguments: rewrite the dashboards, and Kubernetes' copies of them and of the rules.",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, help="write rules, dashboards and manifests there")
    parser.add_argument("--grafana-url", metavar="URL", help=f"in place of {GRAFANA}")
    parser.add_argument("--runbooks-url", metavar="URL", help=f"in place of {RUNBOOKS}: where docs/runbooks is")
    return parser


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
