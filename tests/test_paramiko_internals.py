"""The non-public names of paramiko that we need: a release that moves one fails here, by its name."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from exporter.collect.ssh import paramiko_internals
from exporter.collect.ssh.paramiko_internals import NEEDED

PACKAGE = Path(__file__).parent.parent / "exporter"


@pytest.mark.parametrize(("owner", "name"), NEEDED, ids=lambda one: getattr(one, "__name__", one))
def test_paramiko_still_has_it(owner: type, name: str) -> None:
    """paramiko's class defines the name itself, so that what overrides or calls it does what it is meant to."""
    assert any(name in vars(base) for base in owner.__mro__), f"this paramiko has no {owner.__name__}.{name} any more"


def test_the_list_is_whole() -> None:
    """Every non-public name that the module overrides or calls on paramiko's objects stands in the list."""
    source = inspect.getsource(paramiko_internals)
    used = set(re.findall(r"super\(\)\.(_\w+)\(", source)) - {"__init__"}
    used |= set(re.findall(r"self\.(_connect|_send_user_message)\(", source))
    assert used <= {name for _, name in NEEDED}


def test_no_other_module_needs_one() -> None:
    """Nothing else of the package reaches into paramiko."""
    others = [path for path in PACKAGE.rglob("*.py") if path.name != "paramiko_internals.py"]
    reaching = [
        path.name for path in others if re.search(r"(transport|channel|agent|packetizer)\._[a-z]", path.read_text())
    ]
    assert reaching == []
