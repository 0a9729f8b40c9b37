"""Connections that stay open for a while, for nodes that are visited often: a visit then needs no new login."""

from __future__ import annotations

import resource
import time
from functools import partial

from paramiko.ssh_exception import SSHException

from exporter.collect.ssh.loop.login import LoopLogin
from exporter.collect.ssh.loop.reactor import Loop, Task
from exporter.model.node import SshAccess

MOST = 256  # connections; each is a login's memory here, and a process or two on its node
_SHARE = 8  # of the file descriptors that the process may have; what is left is for visits


class KeptLogins:
    """Of nodes that are reached directly; all of it belongs to the loop's thread.

    A login counts for ``seconds`` in all, and not from its last use on: so what was changed meanwhile (an account, a
    key, what is known of hosts) counts after that time at the latest, however often a node is visited. Often is who
    was visited before within that time, too.
    """

    def __init__(self, loop: Loop, seconds: float | None) -> None:
        """``seconds``: how long; None: not at all."""
        self._loop = loop
        self._seconds = seconds or 0.0
        self._kept: dict[SshAccess, LoopLogin] = {}
        self._visited: dict[SshAccess, float] = {}  # when last, the earliest first; forgotten after that time
        self._is_closed = False

    def is_wanted(self, access: SshAccess) -> bool:
        """Whether the connection of a visit that begins now should stay open after it."""
        if not self._seconds or access.via is not None:
            return False
        now = time.monotonic()
        while self._visited and now - self._visited[first := next(iter(self._visited))] >= self._seconds:
            del self._visited[first]
        is_often = self._visited.pop(access, None) is not None
        self._visited[access] = now
        return is_often

    def take(self, access: SshAccess, task: Task) -> LoopLogin | None:
        """The login that is there, for the visit of that task from now on."""
        login = self._kept.pop(access, None)
        if login:
            login.pass_to(task)
        return login

    def keep(self, access: SshAccess, login: LoopLogin) -> None:
        """Until it is taken, too old, or ended by its node."""
        until = login.began + self._seconds
        is_full = len(self._kept) >= _most()  # nobody makes room: of a fleet that comes round each would miss its own
        if self._is_closed or is_full or time.monotonic() >= until or access in self._kept:
            login.close()
            return
        self._kept[access] = login
        self._loop.start(partial(self._hold, access, login, until))

    def close(self) -> None:
        """All of them, and each that would be kept later."""
        self._is_closed = True
        for access in tuple(self._kept):
            self._drop(access)

    def _drop(self, access: SshAccess) -> None:
        login = self._kept.pop(access)
        login.wake()
        login.close()

    async def _hold(self, access: SshAccess, login: LoopLogin, until: float, task: Task) -> None:
        if self._kept.get(access) is not login:  # it was taken already
            return
        login.pass_to(task)
        try:
            login.rest(until)
            await login.until_true(lambda: self._kept.get(access) is not login)
        except (SSHException, EOFError, OSError):
            self._drop(access)


def _most() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // _SHARE))
