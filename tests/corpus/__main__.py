"""``python -m tests.corpus DIRECTORY [--now EPOCH]``: every tree below DIRECTORY, with expected.yaml and given.json."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.corpus.build import build_all


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="a folder that is empty or not there yet")
    parser.add_argument("--now", type=int, default=int(time.time()), help="the trees' present, in epoch seconds")
    arguments = parser.parse_args()
    if arguments.directory.exists() and any(arguments.directory.iterdir()):
        parser.error(f"{arguments.directory} is not empty")
    build_all(arguments.directory, arguments.now)


if __name__ == "__main__":
    main()
