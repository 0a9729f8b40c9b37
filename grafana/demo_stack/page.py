"""An answer to a browser."""

from __future__ import annotations

import html
from dataclasses import dataclass

_FRAME = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
pre {{ white-space: pre-wrap; font-size: 14px; background: #f4f4f4; padding: .5em }} img {{ max-width: 100% }}
table {{ border-collapse: collapse }} td, th {{ border: 1px solid #ccc; padding: .2em .5em; text-align: left }}</style>
{body}
</html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Its status, its bytes, and what kind of bytes."""

    status: int
    content: bytes
    kind: str = "text/html; charset=utf-8"

    @classmethod
    def of(cls, title: str, body: str, status: int = 200) -> Page:
        """``body`` is HTML, ``title`` is not."""
        return cls(status, _FRAME.format(title=html.escape(title), body=body).encode())

    @classmethod
    def missing(cls, what: str) -> Page:
        """404: there is no such thing."""
        return cls.of("Not here", f"<p>There is no {html.escape(what)}.</p>", 404)

    @property
    def text(self) -> str:
        return self.content.decode()
