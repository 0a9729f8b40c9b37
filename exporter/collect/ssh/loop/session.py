"""The channel that runs a visit's one command."""

from __future__ import annotations

from collections.abc import Callable

from paramiko.common import MSG_CHANNEL_REQUEST
from paramiko.message import Message

from exporter.collect.answer.answer import LONGEST_LINE, is_whole
from exporter.collect.ssh.loop.channel import Channel
from exporter.collect.ssh.paramiko_stepped import SteppedTransport
from exporter.collect.ssh.refusals import LARGEST_ERROR


class Session(Channel):
    """Runs one command, and wants no more than a whole answer.

    Its window is never opened further: a visit reads less than that.
    """

    def __init__(self, transport: SteppedTransport, changed: Callable[[], None]) -> None:
        super().__init__(transport, changed)
        self.output = bytearray()
        self.error = b""  # the beginning of standard error
        self.status: int | None = None
        self.runs: bool | None = None  # whether the peer runs the command; None: it has not said so yet

    def has_more_than(self, size: int) -> bool:
        """Whether there is more output than so many bytes, or will not be."""
        return len(self.output) > size or self.has_ended or self.was_closed

    def execute(self, command: str) -> None:
        """Ask for a command to be run."""
        message = self._begin_message(MSG_CHANNEL_REQUEST)
        message.add_string("exec")
        message.add_boolean(True)  # noqa: FBT003 - paramiko's way
        message.add_string(command)
        self._transport.say(message)

    def _take(self, data: bytes, *, of_errors: bool) -> None:
        if self._is_closed:
            return
        if not of_errors:
            self.output += data
            self._transport.has_enough = is_whole(bytes(self.output[-LONGEST_LINE:]))
        elif len(self.error) < LARGEST_ERROR:
            self.error = (self.error + data)[:LARGEST_ERROR]

    def _told(self, *, success: bool) -> None:
        if self.runs is None:
            self.runs = success

    def _asked(self, kind: str, message: Message) -> None:
        if kind == "exit-status":
            self.status = message.get_int()
