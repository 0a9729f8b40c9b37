"""The node script with one node's paths baked in."""

from __future__ import annotations

import hashlib
import shlex
from functools import lru_cache
from importlib import resources

from exporter.config.settings import Paths

_HEAD = "STORE="
_FIRST_LINE_AFTER = "\n\nset -u"


@lru_cache(maxsize=256)
def checksum(script: str) -> str:
    """As ``sha256sum`` prints it."""
    return hashlib.sha256(script.encode("ascii")).hexdigest()


@lru_cache(maxsize=256)
def node_script(paths: Paths, installed: str | None = None) -> str:
    """What runs on a node that keeps its certificates at ``paths``; the paths stand in its first lines.

    ``installed`` is where it is installed on the node; None where it is sent.
    """
    text = resources.files(__package__).joinpath("node_script.sh").read_text("ascii")
    start, end = text.index(_HEAD), text.index(_FIRST_LINE_AFTER)
    baked = (
        f"STORE={shlex.quote(paths.store)}\n"
        f"CLIENT={shlex.quote(paths.client)}\n"
        f"SERVING={shlex.quote(chr(10).join(paths.serving))}\n"
        f"SCRIPT={shlex.quote(installed or '')}"
    )
    return text[:start] + baked + text[end:]
