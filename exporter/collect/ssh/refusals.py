"""Why a command gave no answer, by what it left on standard error and by its exit status.

The words are those of sudo (in the C locale, which is asked for), of env(1) in any, of sshd (session.c) and of
nologin(8).
"""

from __future__ import annotations

import re

from exporter.config.settings import Privilege
from exporter.errors import Reason

LARGEST_ERROR = 4096
NOT_FOUND, NOT_EXECUTABLE, NO_LOGINS = 127, 126, 254  # sh(1); sshd's session.c do_nologin

_ANYWHERE = (
    (rb"^This account is currently not available\.", Reason.LOGIN_DISABLED),
    (rb"^Password change required but no TTY available\.", Reason.PASSWORD_EXPIRED),
    (rb"^WARNING: Your password has expired\.", Reason.PASSWORD_EXPIRED),
)
_OF_SUDO = (
    (rb"^sudo: (a password|interactive authentication) is required", Reason.SUDO_PASSWORD),
    (rb"^sudo: .*you must have a tty to run sudo", Reason.SUDO_TTY),
    (rb"^sudo: a terminal is required", Reason.SUDO_TTY),
    (rb"is not allowed to execute .* on ", Reason.SUDO_DENIED),
    (rb"is not in the sudoers file|may not run sudo", Reason.SUDO_DENIED),
    (rb"^sudo: /\S*: command not found", Reason.SCRIPT_MISSING),
    (rb"^sudo: unable to execute /", Reason.SCRIPT_MISSING),
    (rb"^env: \W*sudo\W*: ", Reason.SUDO_MISSING),
)


def reason(output: bytes, error: bytes, status: int | None, privilege: Privilege) -> Reason | None:
    """The reason that a command without a whole answer gives itself; None where its answer must tell."""
    texts = _ANYWHERE if privilege is Privilege.LOGIN else _ANYWHERE + _OF_SUDO
    for pattern, found in texts:
        if re.search(pattern, output[:LARGEST_ERROR] + b"\n" + error, re.MULTILINE):
            return found
    if status == NO_LOGINS:
        return Reason.LOGIN_DISABLED
    if status in (NOT_FOUND, NOT_EXECUTABLE) and privilege is not Privilege.LOGIN:
        return Reason.SUDO_MISSING if privilege is Privilege.SUDO else Reason.SCRIPT_MISSING
    return None if output.strip() else Reason.ANSWER_EMPTY
