"""``python -m bench.simulation``: draws the tables of docs/scheduling.md anew. Takes a minute or two."""

from __future__ import annotations

from bench import schedule
from bench.simulation import page


def main() -> int:
    page.write(page.ALLOWED, page.allowed(schedule.PACE))
    page.write(page.SEEN, page.seen([schedule.year(), schedule.hourly()]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
