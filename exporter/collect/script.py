"""The node script with one node's paths baked in."""

from __future__ import annotations

import hashlib
import shlex
from functools import lru_cache
from importlib import resources

from exporter.config.settings import Paths, Privilege
from exporter.model.node import Node, SshAccess

# In this order they are one script.
PARTS = (
    *("head", "host", "process", "places", "files", "store", "pem", "documents", "outline", "json"),
    *("pairs", "journal", "main"),
)
_HEAD = "STORE="
_FIRST_LINE_AFTER = "\n\nset -u"
_YES = "yes"


@lru_cache(maxsize=256)
def checksum(script: str) -> str:
    """As ``sha256sum`` prints it."""
    return hashlib.sha256(script.encode("ascii")).hexdigest()


@lru_cache(maxsize=256)
def node_script(
    paths: Paths,
    installed: str | None = None,
    *,
    flags: tuple[tuple[str, str], ...] = (),
    compare: bool = False,
    journal: bool = False,
    root: str = "",
) -> str:
    """What runs on a node that keeps its certificates at ``paths``; what is its own stands in its first lines.

    ``installed`` is where it is installed on the node; None where it is sent. ``flags`` are the kubelet's as an earlier
    visit saw them; they count where no process is seen, and only in a script that is sent. ``compare`` has openssl
    compare the halves of pairs, ``journal`` has the journal looked through. ``root`` is a folder to look at in place of
    the node's root.
    """
    text = _text()
    start, end = text.index(_HEAD), text.index(_FIRST_LINE_AFTER)
    baked = {
        "STORE": paths.store,
        "CLIENT": paths.client,
        "SERVING": "\n".join(paths.serving),
        "SCRIPT": installed or "",
        "ROOT": root,
        "COMPARE": _YES if compare else "",
        "JOURNAL": _YES if journal else "",
        "FLAGS": "" if installed else "\n".join(f"{name} {value}" for name, value in flags),
    }
    return text[:start] + "\n".join(f"{name}={shlex.quote(value)}" for name, value in baked.items()) + text[end:]


def script_for(node: Node, remembered: tuple[tuple[str, str], ...] = ()) -> str:
    """What runs on a node that is read over SSH: what is sent to it, or what is to be installed there."""
    return node_script(
        node.paths, installed_at(node), flags=remembered, compare=node.compare_keys, journal=node.journal
    )


def installed_at(node: Node) -> str | None:
    """Where the script of a node is installed; None where it is sent."""
    access = node.access
    return access.script if isinstance(access, SshAccess) and access.privilege is not Privilege.LOGIN else None


@lru_cache(maxsize=1)
def _text() -> str:
    folder = resources.files(__package__).joinpath("node_script")
    return "".join(folder.joinpath(f"{part}.sh").read_text("ascii") for part in PARTS)
