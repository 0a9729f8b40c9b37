"""``python -m grafana.builder``: rewrites what is generated."""

from __future__ import annotations

from grafana.builder import catalogue


def main() -> None:
    catalogue.FOLDER.mkdir(exist_ok=True)
    for name, content in catalogue.files().items():
        (catalogue.FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
