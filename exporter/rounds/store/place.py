"""Where the store is."""

from __future__ import annotations

import os

from exporter.config.value import NO_STORE

FILE = "store.sqlite"
_FOLDER = "kubelet-cert-exporter"
_OF_THE_MACHINE = f"/var/lib/{_FOLDER}"


def place(configured: str | None, of_the_machine: str = _OF_THE_MACHINE) -> str | None:
    """The file's absolute path; None where nothing is to be kept.

    Where the configuration does not say: in the service's own folder under systemd, in the machine's where this user
    may write to it, else in the user's (XDG Base Directory).
    """
    if configured is not None:
        return None if configured == NO_STORE else configured
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if os.path.isabs(given):
        return os.path.join(given, FILE)
    if os.path.isdir(of_the_machine) and os.access(of_the_machine, os.W_OK | os.X_OK):
        return os.path.join(of_the_machine, FILE)
    home = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.expanduser("~/.local/state")
    return os.path.join(home, _FOLDER, FILE)
