"""One visit's conversation: reach the node, log in, have the node script run, and read its answer."""

from __future__ import annotations

import time

import paramiko
from paramiko.ssh_exception import SSHException

from exporter.collect.answer.answer import is_whole
from exporter.collect.ssh import refusals
from exporter.collect.ssh.attempt import Means
from exporter.collect.ssh.bastion import Bastion, Passage
from exporter.collect.ssh.bounded import Stream
from exporter.collect.ssh.command import BUDGET, WAITS_FOR_STATUS, command, fed, must_fit, must_not_be_refused
from exporter.collect.ssh.dialling import Dialling
from exporter.collect.ssh.failures import Phase, may_be_cut_off, of_conversation
from exporter.collect.ssh.kubelet_port import KubeletPort
from exporter.collect.ssh.login import MARGIN, Login
from exporter.collect.ssh.output import Output
from exporter.collect.ssh.paramiko_threaded import ClientTransport
from exporter.errors import CollectError, Reason
from exporter.model.facts import Handshake
from exporter.model.node import SshAccess

_BITE = 32 * 1024


class Conversation:
    """One SSH connection to one node. :meth:`run` raises CollectError; :meth:`close` may come from another thread."""

    def __init__(self, access: SshAccess, means: Means, bastion: Bastion | None) -> None:
        self._access = access
        self._means = means
        self._bastion = bastion
        self._dialling = Dialling()
        self._passage: Passage | None = None
        self._kubelet_port: KubeletPort | None = None
        self.login = Login(access, means, time.monotonic() + means.timeouts.visit)

    def run(self, script: str) -> Output:
        """Log in, run the node script (sent, or installed there), return what it printed."""
        login, timeouts = self.login, self._means.timeouts
        try:
            transport = login.open(self._connect())
            login.enter(Phase.COMMAND, timeouts.command)
            login.live.budget = BUDGET
            return self._execute(transport, script)
        except (SSHException, EOFError, OSError) as error:
            raise self._blaming_the_bastion(login.failure(error)) from error
        except CollectError as error:
            raise self._blaming_the_bastion(error) from error
        finally:
            login.close()

    def close(self) -> None:
        """End the conversation at once."""
        self.login.abort()
        self._dialling.give_up()
        if self._kubelet_port:
            self._kubelet_port.close()

    def look_at(self, port: int) -> tuple[Handshake, bytes | None]:
        """What the kubelet serves with at ``port``, in what is left of the visit: the outcome, and DER."""
        self._kubelet_port = KubeletPort(self._access, port, self._bastion)
        return self._kubelet_port.look(lambda: self.login.end - time.monotonic())

    def _connect(self) -> Stream:
        login, access = self.login, self._access
        self._means.must_have_a_credential(access)
        within = access.connect_timeout or self._means.timeouts.connect
        try:
            if self._bastion:
                self._passage = self._bastion.passage(access.address, access.port, within, login.end)
                return self._passage.stream
            end = login.until(within)
            return self._dialling.dial(access, lambda: min(end, login.end) - time.monotonic())
        except CollectError as error:
            raise CollectError(login.late(error.reason), error.detail) from error

    def _blaming_the_bastion(self, error: CollectError) -> CollectError:
        """A connection that ended, or fell silent, because the bastion's did is not the node's fault."""
        if self._bastion is None or self._passage is None:
            return error
        if not may_be_cut_off(error, self.login.peer, has_ended=self._passage.stream.has_ended):
            return error
        return error if self._passage.is_open() else self._bastion.lost

    def _execute(self, transport: ClientTransport, script: str) -> Output:
        login = self.login
        channel = transport.open("session", login.left + MARGIN)
        asked = self._means.clock()
        try:
            channel.exec_command(command(self._access))
        except SSHException as error:
            reason = of_conversation(error, login.phase, login.live)
            refused = reason in (Reason.PROTOCOL_ERROR, Reason.CONNECTION_LOST) and transport.is_active()
            raise CollectError(Reason.SESSION_REFUSED if refused else login.late(reason)) from error
        self._feed(channel, fed(self._access, script))
        text, answered = self._read(channel)
        if not is_whole(text):
            self._refuse(channel, text)
        return Output(text, asked, answered)

    def _feed(self, channel: paramiko.Channel, script: bytes) -> None:
        channel.settimeout(self.login.left)
        try:
            channel.sendall(script)
            channel.shutdown_write()
        except TimeoutError:
            raise
        except OSError:
            return  # the command closed its input unread, or all is lost: reading tells which

    def _read(self, channel: paramiko.Channel) -> tuple[bytes, float]:
        text, answered = bytearray(), 0.0
        while not is_whole(bytes(text)):
            channel.settimeout(self.login.left)
            data = channel.recv(_BITE)
            answered = answered or self._means.clock()
            if not data:
                if not channel.eof_received:
                    ended = EOFError("the connection ended, not the output")
                    raise channel.get_transport().get_exception() or ended
                break
            text += data
            must_fit(len(text))
        return bytes(text), answered

    def _refuse(self, channel: paramiko.Channel, text: bytes) -> None:
        """Raises CollectError where the command itself said why it gives no answer."""
        left = self.login.live.deadline - time.monotonic()
        channel.status_event.wait(max(0.0, min(WAITS_FOR_STATUS, left)))
        status = channel.recv_exit_status() if channel.exit_status_ready() else None
        error = channel.recv_stderr(refusals.LARGEST_ERROR) if channel.recv_stderr_ready() else b""
        must_not_be_refused(self._access, text, error, status)
