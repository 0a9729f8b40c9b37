"""Whether a bastion can be used, as its nodes are told, and what they are told of it.

A bastion that cannot be used is tried again once for all of its nodes: until then each is told the same reason at once.
"""

from __future__ import annotations

import logging
import threading
import time

from paramiko.ssh_exception import ChannelException

from exporter.errors import CollectError, Reason
from exporter.model.node import Hop

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE, LONG_PAUSE = 60.0, 600.0, 3600.0
ASKS_EVERY, PATIENCE = 15.0, 45.0  # a bastion that says nothing for so long is gone
ANSWERS_WITHIN = 2.0  # when it is asked whether it lives
_OURS = (Reason.SSH_CREDENTIAL_EXPIRED, Reason.SSH_CREDENTIAL_UNUSABLE, Reason.AGENT_FAILED)
_CONNECT_FAILED = 2  # RFC 4254, 5.1
_SAID = (
    ("refused", Reason.CONNECTION_REFUSED),
    ("timed out", Reason.CONNECT_TIMEOUT),
    ("resolve", Reason.NAME_NOT_RESOLVED),
    ("resolution", Reason.NAME_NOT_RESOLVED),
    ("not known", Reason.NAME_NOT_RESOLVED),
)


class Standings:
    """Of every bastion that was asked for, whichever way it is connected to. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hop, Standing] = {}
        self._closed = False

    def of(self, hop: Hop) -> Standing:
        with self._lock:
            if hop not in self._known:
                self._known[hop] = Standing(hop)
                self._known[hop].is_quiet = self._closed
            return self._known[hop]

    def close(self) -> None:
        """What fails from now on is not told: we end it ourselves."""
        with self._lock:
            self._closed = True
            for standing in self._known.values():
                standing.is_quiet = True


class Standing:
    """Of one bastion."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop
        self._lock = threading.Lock()
        self._failure: CollectError | None = None
        self._failures = 0
        self._again_at = 0.0  # monotonic
        self.is_quiet = False

    def must_be_tried(self) -> None:
        """Raises CollectError where it is not to be tried now: what was seen when it was."""
        with self._lock:
            if self._failure and time.monotonic() < self._again_at:
                raise CollectError(self._failure.reason, self._failure.detail)

    def works(self) -> None:
        """It is connected to."""
        with self._lock:
            if self._failure:
                log.info("bastion can be used again", extra={"bastion": self._hop.name})
            self._failure, self._failures = None, 0

    def failed(self, error: CollectError) -> CollectError:
        """Note why it could not be connected to, and return what its nodes are told."""
        if error.reason in _OURS:
            return error  # mended by us, and for every host at once: the next visit asks again
        reason = _of_bastion(error.reason)
        detail = f"{self._hop.name}: {error.reason}" + (f": {error.detail}" if error.detail else "")
        failure = CollectError(reason, detail)
        with self._lock:
            before, self._failure = self._failure, failure
            self._again_at = time.monotonic() + self._pause(reason)
            self._failures += 1
        if not self.is_quiet and (before is None or before.reason is not reason):
            log.warning(
                "bastion cannot be used", extra={"bastion": self._hop.name, "reason": str(reason), "detail": detail}
            )
        return failure

    def refused(self, error: ChannelException, address: str) -> CollectError:
        """The bastion is there: either it will not forward, or the node is not to be reached from it."""
        detail = f"{address} from {self._hop.name}"
        if error.code != _CONNECT_FAILED:
            return CollectError(Reason.BASTION_REFUSED, detail)
        said = error.text.lower()
        return CollectError(next((reason for word, reason in _SAID if word in said), Reason.UNREACHABLE), detail)

    def no_answer(self, address: str, port: int) -> CollectError:
        """It lives, and says nothing of a node in time."""
        return CollectError(Reason.CONNECT_TIMEOUT, f"{address} port {port} from {self._hop.name}")

    @property
    def lost(self) -> CollectError:
        """What a node is told whose visit the bastion's end cut short."""
        return self._unreachable("the connection to it died")

    @property
    def still_connecting(self) -> CollectError:
        """What a node is told whose visit is over before the bastion is connected to."""
        return self._unreachable("still being connected to")

    @property
    def too_late(self) -> CollectError:
        """As :attr:`still_connecting`, a moment later."""
        return self._unreachable("connected to too late for this visit")

    def _unreachable(self, why: str) -> CollectError:
        return CollectError(Reason.BASTION_UNREACHABLE, f"{self._hop.name}: {why}")

    def _pause(self, reason: Reason) -> float:
        if reason.backs_off_long:
            return LONG_PAUSE
        return min(FIRST_PAUSE * 2.0 ** min(self._failures, 30), LONGEST_PAUSE)


def _of_bastion(reason: Reason) -> Reason:
    """What a bastion's own failure means to the nodes behind it."""
    if reason.is_of_bastion:  # an outer one's
        return reason
    if reason.startswith(("host_key_", "host_certificate_")):
        return Reason.BASTION_HOST_KEY
    return Reason.BASTION_AUTH_FAILED if reason.is_refused_login else Reason.BASTION_UNREACHABLE
