"""The programs that are not ours, and where they come from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

PACKAGES = "prometheus prometheus-alertmanager"
_HOW = f"""\
On Debian and Ubuntu they come with
  apt-get install --no-install-recommends {PACKAGES}
That also starts both as services, which this demonstration does not need:
  systemctl disable --now {PACKAGES}"""


class MissingProgramError(Exception):
    """A program is not installed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the programs."""

    prometheus: str
    alertmanager: str


def installed() -> Programs:
    """What is on the search path. Raises MissingProgramError, which says how to install it."""
    prometheus = shutil.which("prometheus")
    # Debian's name, and upstream's
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if prometheus and alertmanager:
        return Programs(prometheus, alertmanager)
    missing = [name for name, path in (("prometheus", prometheus), ("alertmanager", alertmanager)) if not path]
    raise MissingProgramError(f"not installed: {' and '.join(missing)}. {_HOW}")
