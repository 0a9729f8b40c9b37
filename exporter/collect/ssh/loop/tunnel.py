"""The channel of a bastion that leads on to another host."""

from __future__ import annotations

from collections.abc import Callable

from paramiko.common import MSG_CHANNEL_WINDOW_ADJUST

from exporter.collect.ssh.loop.channel import WINDOW, Channel
from exporter.collect.ssh.loop.stream import Receiver
from exporter.collect.ssh.paramiko_stepped import SteppedTransport


class LoopTunnel(Channel):
    """A way to another host, as a stream."""

    def __init__(self, transport: SteppedTransport, changed: Callable[[], None]) -> None:
        super().__init__(transport, changed)
        self._receiver: Receiver | None = None
        self._early: list[bytes] = []  # what came before there was anybody to tell
        self._taken = 0

    @property
    def receiver(self) -> Receiver | None:
        return self._receiver

    @receiver.setter
    def receiver(self, receiver: Receiver | None) -> None:
        self._receiver = receiver
        early, self._early = self._early, []
        for data in early:
            self._tell(data)

    def lead(self, address: str, port: int) -> None:
        """Ask the peer to connect to there."""
        self.open("direct-tcpip", address, port, "127.0.0.1", 0)

    def settimeout(self, seconds: float | None, /) -> None:
        pass

    def close(self) -> None:
        super().close()
        self._receiver = None
        self._early.clear()

    def lost(self) -> None:
        super().lost()
        if self.receiver:
            self.receiver.broke(ConnectionResetError())

    def _take(self, data: bytes, *, of_errors: bool) -> None:
        self._taken += len(data)
        if self._taken > WINDOW // 2 and not self._is_closed:
            message = self._begin_message(MSG_CHANNEL_WINDOW_ADJUST)
            message.add_int(self._taken)
            self._transport.say(message)
            self._taken = 0
        if data and not of_errors:
            self._tell(data)

    def _end(self) -> None:
        super()._end()
        self._tell(b"")

    def _close(self) -> None:
        self._tell(b"")
        super()._close()

    def _tell(self, data: bytes) -> None:
        if self._receiver:
            self._receiver.received(data)
        elif not self._is_closed:
            self._early.append(data)
