"""Programs that end when the stack is killed outright, and so cannot end them."""

from __future__ import annotations

import functools
import shutil
import subprocess


@functools.cache
def leash() -> tuple[str, ...]:
    """What stands before a command; empty where nothing on this machine does it.

    The kernel sends the signal when the thread that started the program ends: start programs in the main thread.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    words = (setpriv, "--pdeathsig", "TERM")
    # Busybox' setpriv has no such option
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)  # noqa: S603 - words of ours
    return words if tried.returncode == 0 else ()
