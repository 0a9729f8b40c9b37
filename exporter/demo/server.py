"""The demonstration fleet's sshd: a listener a node on loopback; real host keys, public-key logins and shell."""

from __future__ import annotations

import logging
import os
import selectors
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

log = logging.getLogger(__name__)

NOBODY = 65534
MOST_CONNECTIONS = 64
_TIMEOUT = 15.0
_TICK = 0.2
_LARGEST_SCRIPT = 64 * 1024
_ROOT = b"ROOT=''\n"


HostKey = paramiko.ECDSAKey


def new_key() -> HostKey:
    """A key pair, for a host or a login."""
    return paramiko.ECDSAKey.generate()


def read_key(path: Path) -> HostKey:
    """One that was written before. Raises ValueError where it is none."""
    try:
        return paramiko.ECDSAKey.from_private_key_file(str(path))
    except paramiko.SSHException as error:
        raise ValueError(f"{path.name} is no key") from error


@dataclass(frozen=True, slots=True)
class Host:
    """One node as the server sees it: a folder, ``root``, with its files.

    ``as_nobody``: its commands run under another uid where the server is root.
    """

    name: str
    key: paramiko.PKey
    is_up: Callable[[], bool]
    root: Path = Path("/")
    as_nobody: bool = False


class DemoServer:
    """Listens for every host; :attr:`ports` says where. Use :meth:`start` and :meth:`stop`."""

    def __init__(self, hosts: list[Host], login: paramiko.PKey, ports: Mapping[str, int] | None = None) -> None:
        """On these ``ports`` where they are free."""
        self._login = login
        self._selector = selectors.DefaultSelector()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="demo-sshd", daemon=True)
        self.ports: dict[str, int] = {}
        self._hosts = hosts
        self._listening: dict[str, socket.socket] = {}
        for host in hosts:
            self._listen(host, (ports or {}).get(host.name, 0))
            if host.name not in self._listening:
                self._listen(host)
            self.ports[host.name] = self._listening[host.name].getsockname()[1]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; connections under way end by themselves."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        for listening in self._listening.values():
            listening.close()
        self._selector.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(timeout=_TICK):
                if isinstance(key.fileobj, socket.socket) and isinstance(key.data, Host):
                    self._take(key.fileobj, key.data)
            for host in self._hosts:
                self._follow(host)

    def _follow(self, host: Host) -> None:
        """Refuse connections while the host is off, listen again on its port once it is back."""
        if host.is_up() and host.name not in self._listening:
            self._listen(host, self.ports[host.name])
        elif not host.is_up() and host.name in self._listening:
            listening = self._listening.pop(host.name)
            self._selector.unregister(listening)
            listening.close()

    def _listen(self, host: Host, port: int = 0) -> None:
        try:
            listening = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            log.warning("cannot listen again", extra={"node": host.name, "error": str(error)})
            return
        listening.settimeout(0)
        self._listening[host.name] = listening
        self._selector.register(listening, selectors.EVENT_READ, host)

    def _take(self, listening: socket.socket, host: Host) -> None:
        try:
            connection, _ = listening.accept()
        except OSError as error:
            log.warning("accept failed", extra={"node": host.name, "error": str(error)})
            return
        if not self._places.acquire(blocking=False):
            connection.close()
            return
        connection.settimeout(None)
        threading.Thread(target=self._serve, args=(connection, host), name=f"demo-{host.name}", daemon=True).start()

    def _serve(self, connection: socket.socket, host: Host) -> None:
        transport = paramiko.Transport(connection)
        try:
            transport.add_server_key(host.key)
            session = _Session(self._login)
            transport.start_server(server=session)
            channel = _asked_for(transport, session)
            if channel is not None:
                _execute(channel, session.command, host)
        except (paramiko.SSHException, EOFError, OSError) as error:
            log.debug("demo connection ended", extra={"node": host.name, "error": str(error)})
        finally:
            transport.packetizer.complete_handshake()  # ends paramiko's timer where the client left early
            transport.close()
            self._places.release()


class _Session(paramiko.ServerInterface):
    """One connection: one key may log in as root, and ask for one command."""

    def __init__(self, login: paramiko.PKey) -> None:
        self._login = login
        self.asked = threading.Event()
        self.command = ""

    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = username == "root" and key.asbytes() == self._login.asbytes()
        return AUTH_SUCCESSFUL if right else AUTH_FAILED

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, _channel: paramiko.Channel, command: bytes) -> bool:
        self.command = command.decode("utf-8", "replace")
        self.asked.set()
        return True


def _asked_for(transport: paramiko.Transport, session: _Session) -> paramiko.Channel | None:
    """The channel on which a command was asked for; None where the client left or never asked."""
    channel, deadline = None, time.monotonic() + _TIMEOUT
    while transport.is_active() and time.monotonic() < deadline:
        channel = channel or transport.accept(_TICK)
        if channel is not None and session.asked.wait(_TICK):
            return channel
    return None


def _execute(channel: paramiko.Channel, command: str, host: Host) -> None:
    """Run the command as sshd does: by a shell, its input and output on the channel."""
    channel.settimeout(_TIMEOUT)
    script = bytearray()
    while len(script) < _LARGEST_SCRIPT and (data := channel.recv(4096)):
        script += data
    other = NOBODY if host.as_nobody and os.geteuid() == 0 else None
    done = subprocess.run(  # noqa: S603 - an authenticated client's command, on loopback
        ["/bin/sh", "-c", command],
        # a node of the demonstration is a folder: the script looks at it as at a machine's root
        input=bytes(script).replace(_ROOT, f"ROOT={shlex.quote(str(host.root).rstrip('/'))}\n".encode(), 1),
        capture_output=True,
        timeout=_TIMEOUT,
        check=False,
        cwd="/",
        start_new_session=True,  # a Ctrl-C in the terminal is not for it
        user=other,
        group=other,
        extra_groups=None if other is None else [],
    )
    channel.sendall(done.stdout)
    channel.send_exit_status(done.returncode if done.returncode >= 0 else 128 - done.returncode)
    channel.shutdown_write()
