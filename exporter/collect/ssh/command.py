"""The one command of a visit: what sshd is asked to run, what it is fed, and why it gave no answer."""

from __future__ import annotations

from exporter.collect.answer.answer import LARGEST_ANSWER
from exporter.collect.installation import sudo
from exporter.collect.ssh import refusals
from exporter.config.settings import Privilege
from exporter.errors import CollectError, Reason
from exporter.model.node import SshAccess

WAITS_FOR_STATUS = 1.0  # seconds; it may come after the output's end
BUDGET = 2 * LARGEST_ANSWER  # bytes, encrypted, standard error among them


def command(access: SshAccess) -> str:
    """Plain words, as any login shell may read them."""
    if access.privilege is Privilege.SUDO:
        return sudo(access.script)
    return "sh -s" if access.privilege is Privilege.LOGIN else "kubelet-cert-exporter"


def fed(access: SshAccess, script: str) -> bytes:
    """The command's standard input: the script, where it is not installed."""
    return script.encode("ascii") if access.privilege is Privilege.LOGIN else b""


def must_fit(size: int) -> None:
    """Raises CollectError where so many bytes are more than any answer has."""
    if size > LARGEST_ANSWER:
        raise CollectError(Reason.OUTPUT_TOO_LARGE, f"more than {LARGEST_ANSWER} bytes")


def must_not_be_refused(access: SshAccess, output: bytes, error: bytes, status: int | None) -> None:
    """Raises CollectError where the command itself said why it gives no answer."""
    reason = refusals.reason(output, error, status, access.privilege)
    if reason:
        raise CollectError(reason, f"user {access.user}" + (f", exit status {status}" if status else ""))
