"""``python -m tests.fuzz [SECONDS]``: every target for so long each; crashes are kept as fixtures."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.seeds import write_seeds
from tests.fuzz.targets import TARGETS

FIXTURES = Path(__file__).parent.parent / "data/fuzz"
SECONDS = 60


def main() -> int:
    """0 where no target crashed."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    FIXTURES.mkdir(parents=True, exist_ok=True)
    crashed = []
    for name in TARGETS:
        with tempfile.TemporaryDirectory() as corpus:
            write_seeds(name, Path(corpus))
            arguments = [f"-max_total_time={seconds}", "-max_len=65536", f"-artifact_prefix={FIXTURES}/{name}-", corpus]
            done = subprocess.run([sys.executable, "-m", "tests.fuzz.one", name, *arguments], check=False)
        if done.returncode:
            crashed.append(name)
    print("crashed: " + ", ".join(crashed) if crashed else "no target crashed")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
