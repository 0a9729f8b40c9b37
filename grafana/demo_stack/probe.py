"""Asks the stack's own parts: does this page answer?"""

from __future__ import annotations

import urllib.error
import urllib.request

_TIMEOUT = 2
# upstream's, and Debian's, whose package has the old web interface alone
_ALERTS = ("/alerts", "/classic/alerts")
# what listens on loopback is not behind anybody's proxy
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def answers(page: str) -> bool:
    """Whether it is 200 there."""
    try:
        with _open(page, timeout=_TIMEOUT) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def alerts_page(prometheus: str) -> str:
    """Where this Prometheus shows its alerts to a browser."""
    pages = [f"{prometheus}{path}" for path in _ALERTS]
    return next((page for page in pages if answers(page)), pages[0])
