"""``python -m tests.fuzz.one TARGET [libFuzzer's arguments]``: one target under atheris."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore] # no stubs; not there in `make test`

with atheris.instrument_imports(include=["exporter"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
