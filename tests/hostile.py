"""An SSH peer that misbehaves by name, and records what it was sent: raw up to the key exchange, paramiko after it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.message import Message
from paramiko.packet import Packetizer

IDENTIFICATION = b"SSH-2.0-Hostile_1.0\r\n"
BEGIN = b"kubelet-cert-exporter answer 1.0 begin\n"
KEXINIT, DISCONNECT, NEWKEYS, KEX_REPLY = 20, 1, 21, 31
SERVICE_REQUEST, USERAUTH_REQUEST = 5, 50
_CHUNK = b"x" * 4096
_PATIENCE = 30.0


@dataclass
class Record:
    """What one peer was sent."""

    received: bytearray = field(default_factory=bytearray)  # raw peers: all of it
    message_types: list[int] = field(default_factory=list)  # paramiko peers: every decrypted message
    attempts: list[tuple[str, str]] = field(default_factory=list)  # user, and public key or "none"
    commands: list[bytes] = field(default_factory=list)
    sent: bytearray = field(default_factory=bytearray)  # paramiko peers: all plain text of channels
    connections: int = 0

    @property
    def saw_credentials(self) -> bool:
        """True where the client said more than a key exchange needs."""
        cleartext = set(message_types(bytes(self.received)))
        return bool(self.attempts or {SERVICE_REQUEST, USERAUTH_REQUEST} & (cleartext | set(self.message_types)))


def message_types(received: bytes) -> Iterator[int]:
    """The types of the unencrypted packets after an identification line."""
    _, _, rest = received.partition(b"\r\n")
    while len(rest) > 5:
        (length,) = struct.unpack(">I", rest[:4])
        yield rest[5]
        if rest[5] == NEWKEYS:
            return
        rest = rest[4 + length :]


def packet(payload: bytes, announced: int | None = None) -> bytes:
    """One unencrypted SSH packet; ``announced`` replaces its true length."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    length = len(payload) + padding + 1
    return struct.pack(">IB", length if announced is None else announced, padding) + payload + bytes(padding)


def name_list(*names: bytes) -> bytes:
    """A name-list in SSH's wire form."""
    return string(b",".join(names))


def string(content: bytes) -> bytes:
    """A string in SSH's wire form."""
    return struct.pack(">I", len(content)) + content


def kexinit(
    kex: bytes = b"curve25519-sha256@libssh.org", host_key: bytes = b"ssh-ed25519", cipher: bytes = b"aes128-ctr"
) -> bytes:
    """A KEXINIT with one algorithm of each kind."""
    lists = (kex, host_key, cipher, cipher, b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b"")
    return bytes([KEXINIT]) + bytes(16) + b"".join(string(one) for one in lists) + bytes(5)


class Peer:
    """Listens on loopback; each connection is a thread. Use as a context manager."""

    def __init__(self) -> None:
        self.record = Record()
        self.stopping = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="hostile-accept", daemon=True)]

    def __enter__(self) -> Peer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(_PATIENCE)
        self._listening.close()
        self.hang_up()
        for thread in self._threads[1:]:
            thread.join(_PATIENCE)
            assert not thread.is_alive()

    def hang_up(self) -> None:
        """Break every connection without a word."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def serve(self, connection: socket.socket) -> None:
        """One connection."""
        raise NotImplementedError

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.record.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), name="hostile", daemon=True)
            with self._lock:
                self._open.append(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.serve(connection)
        with self._lock:
            self._open.remove(connection)


class FrozenAgent(Peer):
    """An SSH agent on a Unix socket that stops answering: at once, or once it has listed one key."""

    def __init__(self, path: str, listed: paramiko.PKey | None = None) -> None:
        super().__init__()
        self._listening.close()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen()
        self._listed = listed

    def serve(self, connection: socket.socket) -> None:
        while request := connection.recv(4096):
            self.record.received += request
            if request[4] == 11 and self._listed:  # SSH_AGENTC_REQUEST_IDENTITIES
                answer = b"\x0c" + struct.pack(">I", 1) + string(self._listed.asbytes()) + string(b"a key")
                connection.sendall(string(answer))


# Before the key exchange is done: bytes by hand.

Raw = Callable[["RawPeer", socket.socket], None]
RAW: dict[str, Raw] = {}


class RawPeer(Peer):
    """A peer that says what its behaviour says, and reads all that it is sent meanwhile."""

    def __init__(self, behaviour: str) -> None:
        super().__init__()
        self._behaviour = RAW[behaviour]

    def serve(self, connection: socket.socket) -> None:
        reader = threading.Thread(target=self._read, args=(connection,), name="hostile-reader", daemon=True)
        reader.start()
        try:
            self._behaviour(self, connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        finally:
            reader.join(_PATIENCE)

    def silence(self) -> None:
        """Say nothing more until the test is over."""
        self.stopping.wait(_PATIENCE)

    def pause(self, seconds: float) -> bool:
        """False once the test is over."""
        return not self.stopping.wait(seconds)

    def heard(self, size: int) -> None:
        """Wait until so much was received."""
        while len(self.record.received) < size and self.pause(0.01):
            pass

    def heard_message(self, kind: int) -> None:
        """Wait until a packet of this type was received whole."""
        while kind not in set(message_types(bytes(self.record.received))) and self.pause(0.01):
            pass

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                self.record.received += data


def raw(behaviour: Raw) -> Raw:
    """Enter a function among the raw behaviours, under its own name."""
    RAW[behaviour.__name__] = behaviour
    return behaviour


@raw
def closes_at_once(peer: RawPeer, connection: socket.socket) -> None:
    """Accepts and closes."""


@raw
def resets_at_once(peer: RawPeer, connection: socket.socket) -> None:
    """Accepts and resets."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@raw
def silent(peer: RawPeer, connection: socket.socket) -> None:
    """Accepts and says nothing."""
    peer.silence()


@raw
def drips_its_banner(peer: RawPeer, connection: socket.socket) -> None:
    """One byte each fifth of a second, and no line."""
    while peer.pause(0.2):
        connection.sendall(b"S")


@raw
def drips_its_identification(peer: RawPeer, connection: socket.socket) -> None:
    """A true identification line, too slowly."""
    for byte in IDENTIFICATION:
        connection.sendall(bytes([byte]))
        if not peer.pause(0.2):
            return


@raw
def banner_lines_for_ever(peer: RawPeer, connection: socket.socket) -> None:
    """Lines before the identification, which RFC 4253 allows, without end."""
    while not peer.stopping.is_set():
        connection.sendall(b"welcome to the node\r\n" * 100)


@raw
def banner_lines_slowly(peer: RawPeer, connection: socket.socket) -> None:
    """A line each fifth of a second, for ever."""
    while peer.pause(0.2):
        connection.sendall(b"welcome\r\n")


@raw
def banner_without_newline(peer: RawPeer, connection: socket.socket) -> None:
    """A flood that is no line."""
    while not peer.stopping.is_set():
        connection.sendall(_CHUNK)


@raw
def an_identification_without_end(peer: RawPeer, connection: socket.socket) -> None:
    """Begins like SSH, and the line never ends."""
    connection.sendall(b"SSH-2.0-")
    banner_without_newline(peer, connection)


@raw
def http_and_closes(peer: RawPeer, connection: socket.socket) -> None:
    """A web server: it takes our identification for a bad request, says so and closes."""
    peer.heard(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\nConnection: close\r\n\r\n400 Bad Request")


@raw
def http_and_waits(peer: RawPeer, connection: socket.socket) -> None:
    """A web server that answers and keeps the connection."""
    peer.heard(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\n\r\n400 Bad Request")
    peer.silence()


@raw
def refuses_more_logins(peer: RawPeer, connection: socket.socket) -> None:
    """OpenSSH beyond its MaxStartups."""
    connection.sendall(b"Exceeded MaxStartups\r\n")


@raw
def punishes_our_address(peer: RawPeer, connection: socket.socket) -> None:
    """OpenSSH since 9.8 after too many bad logins: its PerSourcePenalties."""
    connection.sendall(b"Not allowed at this time\r\n")


@raw
def stops_after_its_banner(peer: RawPeer, connection: socket.socket) -> None:
    """Identifies, and says nothing more."""
    connection.sendall(IDENTIFICATION)
    peer.silence()


@raw
def stops_after_kexinit(peer: RawPeer, connection: socket.socket) -> None:
    """Goes as far as its KEXINIT."""
    connection.sendall(IDENTIFICATION + packet(kexinit()))
    peer.silence()


@raw
def drips_its_kexinit(peer: RawPeer, connection: socket.socket) -> None:
    """A true KEXINIT, too slowly."""
    connection.sendall(IDENTIFICATION)
    for byte in packet(kexinit()):
        connection.sendall(bytes([byte]))
        if not peer.pause(0.2):
            return


@raw
def ignores_for_ever(peer: RawPeer, connection: socket.socket) -> None:
    """SSH_MSG_DEBUG each tenth of a second: each a good packet, none of them progress."""
    connection.sendall(IDENTIFICATION)
    while peer.pause(0.1):
        connection.sendall(packet(b"\x04\0" + string(b"still here") + string(b"")))


@raw
def closes_after_kexinit(peer: RawPeer, connection: socket.socket) -> None:
    """Closes within the key exchange."""
    connection.sendall(IDENTIFICATION + packet(kexinit()))
    peer.heard_message(KEXINIT)


@raw
def announces_a_gigabyte_and_sends_it(peer: RawPeer, connection: socket.socket) -> None:
    """A packet of 1 GiB."""
    connection.sendall(IDENTIFICATION + packet(kexinit(), announced=(1 << 30) + 4))
    while not peer.stopping.is_set():
        connection.sendall(_CHUNK)


@raw
def announces_a_gigabyte_and_waits(peer: RawPeer, connection: socket.socket) -> None:
    """The announcement alone."""
    connection.sendall(IDENTIFICATION + packet(kexinit(), announced=(1 << 30) + 4))
    peer.silence()


@raw
def announces_an_odd_length(peer: RawPeer, connection: socket.socket) -> None:
    """A length that no cipher's block divides."""
    connection.sendall(IDENTIFICATION + packet(kexinit(), announced=(1 << 30) + 1))
    peer.silence()


@raw
def unknown_key_exchange(peer: RawPeer, connection: socket.socket) -> None:
    """No key exchange in common."""
    connection.sendall(IDENTIFICATION + packet(kexinit(kex=b"rot13-exchange@example.org")))
    peer.silence()


@raw
def a_group_of_its_own(peer: RawPeer, connection: socket.socket) -> None:
    """No key exchange but in a group that it chooses itself, of whatever size."""
    connection.sendall(IDENTIFICATION + packet(kexinit(kex=b"diffie-hellman-group-exchange-sha256")))
    peer.silence()


@raw
def unknown_host_key_type(peer: RawPeer, connection: socket.socket) -> None:
    """No type of host key in common."""
    connection.sendall(IDENTIFICATION + packet(kexinit(host_key=b"ssh-dss")))
    peer.silence()


@raw
def unknown_cipher(peer: RawPeer, connection: socket.socket) -> None:
    """No cipher in common."""
    connection.sendall(IDENTIFICATION + packet(kexinit(cipher=b"rot13@example.org")))
    peer.silence()


@raw
def only_ssh_1(peer: RawPeer, connection: socket.socket) -> None:
    """Another major version of the protocol."""
    connection.sendall(b"SSH-1.5-Ancient\r\n")
    peer.silence()


@raw
def a_kexinit_cut_short(peer: RawPeer, connection: socket.socket) -> None:
    """A KEXINIT whose lists end in the middle of one."""
    connection.sendall(IDENTIFICATION + packet(kexinit()[:30]))
    peer.silence()


@raw
def a_kexinit_that_is_no_text(peer: RawPeer, connection: socket.socket) -> None:
    """Algorithm names that are no UTF-8."""
    connection.sendall(IDENTIFICATION + packet(kexinit(kex=b"\xff\xfe\xfd")))
    peer.silence()


@raw
def an_identification_that_is_no_text(peer: RawPeer, connection: socket.socket) -> None:
    """A software version that is no UTF-8, then nothing."""
    connection.sendall(b"SSH-2.0-\xff\xfe\xfd\r\n")
    peer.silence()


@raw
def an_empty_packet(peer: RawPeer, connection: socket.socket) -> None:
    """A packet without even a type: nothing but padding."""
    connection.sendall(IDENTIFICATION + struct.pack(">IB", 12, 11) + bytes(11))
    peer.silence()


@raw
def a_packet_of_length_nothing(peer: RawPeer, connection: socket.socket) -> None:
    """A length of zero."""
    connection.sendall(IDENTIFICATION + bytes(64))
    peer.silence()


@raw
def an_unexpected_packet(peer: RawPeer, connection: socket.socket) -> None:
    """A channel's data before there is any key."""
    connection.sendall(IDENTIFICATION + packet(b"\x5e" + bytes(16)))
    peer.silence()


@raw
def disconnects_politely(peer: RawPeer, connection: socket.socket) -> None:
    """SSH_MSG_DISCONNECT in place of a key exchange, then closes."""
    text = bytes([DISCONNECT]) + struct.pack(">I", 12) + string(b"too many connections") + string(b"en")
    connection.sendall(IDENTIFICATION + packet(text))
    peer.heard_message(KEXINIT)


def _reply(peer: RawPeer, connection: socket.socket, payload: bytes) -> None:
    connection.sendall(IDENTIFICATION + packet(kexinit()))
    peer.heard_message(30)
    connection.sendall(packet(bytes([KEX_REPLY]) + payload))
    peer.silence()


@raw
def a_reply_without_content(peer: RawPeer, connection: socket.socket) -> None:
    """A key exchange reply that holds nothing."""
    _reply(peer, connection, b"")


@raw
def a_reply_with_another_host_key(peer: RawPeer, connection: socket.socket) -> None:
    """A key exchange reply whose host key is of no known type."""
    _reply(peer, connection, string(string(b"ssh-nonsense")) + string(os.urandom(32)) + string(b"signature"))


@raw
def a_reply_with_a_bad_point(peer: RawPeer, connection: socket.socket) -> None:
    """A key exchange reply whose point has the wrong size."""
    key = string(string(b"ssh-ed25519") + string(os.urandom(32)))
    _reply(peer, connection, key + string(b"short") + string(string(b"ssh-ed25519") + string(bytes(64))))


@raw
def a_reply_with_a_point_of_zeros(peer: RawPeer, connection: socket.socket) -> None:
    """A key exchange reply with a point that makes any secret nothing."""
    key = string(string(b"ssh-ed25519") + string(os.urandom(32)))
    _reply(peer, connection, key + string(bytes(32)) + string(string(b"ssh-ed25519") + string(bytes(64))))


@raw
def a_reply_with_a_bad_signature(peer: RawPeer, connection: socket.socket) -> None:
    """A key exchange reply that another key signed."""
    key = string(string(b"ssh-ed25519") + string(b"\x58" + b"\x66" * 31))
    _reply(peer, connection, key + string(b"\x09" + bytes(31)) + string(string(b"ssh-ed25519") + string(bytes(64))))


@raw
def a_reply_with_a_signature_of_another_size(peer: RawPeer, connection: socket.socket) -> None:
    """A key exchange reply whose signature is cut short."""
    key = string(string(b"ssh-ed25519") + string(b"\x58" + b"\x66" * 31))
    _reply(peer, connection, key + string(b"\x09" + bytes(31)) + string(b"junk"))


# After the key exchange: paramiko as the server.


class _Recorder(Packetizer):
    """Notes the type of every message that arrives, and does not keep its own time."""

    types: list[int]

    def start_handshake(self, timeout: float) -> None:
        pass

    def read_message(self) -> tuple[int, Message]:
        kind, message = super().read_message()
        self.types.append(kind)
        return kind, message


class Session(paramiko.ServerInterface):
    """Any key of any user logs in, and any command runs: subclasses misbehave where they like."""

    def __init__(self, peer: ServerPeer, transport: paramiko.Transport) -> None:
        self.peer = peer
        self.transport = transport
        self.asked = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_none(self, username: str) -> int:
        self.peer.record.attempts.append((username, "none"))
        return AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.peer.record.attempts.append((username, key.get_base64()))
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.peer.record.commands.append(command)
        self.asked.set()
        return True

    def say(self, payload: bytes) -> None:
        """Send one message that paramiko would not."""
        self.transport._send_message(Message(payload))  # type: ignore[attr-defined]  # not in the stubs

    def freeze(self) -> None:
        """Block the server's own thread: nothing is answered any more."""
        self.peer.stopping.wait(_PATIENCE)


Command = Callable[["ServerPeer", paramiko.Channel, bytes], None]


class ServerPeer(Peer):
    """A paramiko server with any session class; ``command`` answers where a command runs."""

    def __init__(
        self, session: type[Session] = Session, command: Command | None = None, key: paramiko.PKey | None = None
    ) -> None:
        super().__init__()
        self.key = key or paramiko.ECDSAKey.generate()
        self._session = session
        self._command = command or (lambda peer, channel, script: None)
        self._answering: list[threading.Thread] = []

    def serve(self, connection: socket.socket) -> None:
        recorder = type("Recorder", (_Recorder,), {"types": self.record.message_types})
        transport = paramiko.Transport(connection, packetizer_class=recorder)
        try:
            transport.add_server_key(self.key)
            session = self._session(self, transport)
            transport.start_server(server=session)
            channel = transport.accept(_PATIENCE)
            if channel is None:
                return
            with contextlib.closing(channel):
                if self._wait(session.asked, transport):
                    self._answer(channel)
        finally:
            transport.close()

    def send(self, channel: paramiko.Channel, data: bytes) -> None:
        """Send and record."""
        self.record.sent += data
        channel.sendall(data)

    def _answer(self, channel: paramiko.Channel) -> None:
        channel.settimeout(_PATIENCE)
        script = bytearray()
        while data := channel.recv(32768):
            script += data
        self._command(self, channel, bytes(script))

    def _wait(self, event: threading.Event, transport: paramiko.Transport) -> bool:
        while transport.is_active() and not self.stopping.is_set():
            if event.wait(0.02):
                return True
        return False


class GreetingPeer(ServerPeer):
    """A peer with a greeting before its identification line, and a pause between the two."""

    def serve(self, connection: socket.socket) -> None:
        connection.sendall(b"Unauthorised access is prohibited.\r\nBe nice.\r\n")
        self.stopping.wait(2.5)
        super().serve(connection)


SESSIONS: dict[str, type[Session]] = {}
COMMANDS: dict[str, Command] = {}


def session(kind: type[Session]) -> type[Session]:
    """Enter a class among the sessions, under its own name."""
    SESSIONS[kind.__name__] = kind
    return kind


def command(answer: Command) -> Command:
    """Enter a function among the commands, under its own name."""
    COMMANDS[answer.__name__] = answer
    return answer


@session
class FrozenInAuth(Session):
    """Never says whether a key is right."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        self.freeze()
        return AUTH_FAILED


@session
class ClosesInAuth(Session):
    """Hangs up where a key is shown."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        self.peer.hang_up()
        return AUTH_FAILED


@session
class RefusesKeys(Session):
    """No key is right."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        return AUTH_FAILED


@session
class PasswordsOnly(RefusesKeys):
    """No key could be right."""

    def get_allowed_auths(self, username: str) -> str:
        return "password"


@session
class WantsMore(Session):
    """The right key, and then something else too."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        return AUTH_PARTIALLY_SUCCESSFUL


@session
class RefusesInNoText(Session):
    """A refusal whose list of methods is no UTF-8."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        self.say(b"\x33" + string(b"\xff\xfe\xfd") + b"\0")
        self.freeze()
        return AUTH_FAILED


@session
class FrozenAtChannel(Session):
    """Logged in, and no channel is opened or refused."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self.freeze()
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


@session
class RefusesChannel(Session):
    """Logged in, and no channel is to be had."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


@session
class RefusesChannelInNoText(Session):
    """A refused channel whose explanation is no UTF-8."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self.say(b"\x5c" + struct.pack(">II", 0, 1) + string(b"\xff\xfe\xfd") + string(b""))
        self.freeze()
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


@session
class GrantsCrumbs(Session):
    """A channel that takes a byte in each packet."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self.say(b"\x5b" + struct.pack(">IIII", 0, 0, 1 << 20, 1))
        self.freeze()
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


@session
class FrozenAtExec(Session):
    """A channel, and the command is neither run nor refused."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.freeze()
        return False


@session
class RefusesExec(Session):
    """A channel, and no command may run."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        super().check_channel_exec_request(channel, command)
        self.asked.clear()
        return False


@session
class EndsUnread(Session):
    """A command that ends at once, its input unread and nothing printed."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        for message in (b"\x63", b"\x60", b"\x61"):  # success, end of output, closed
            self.say(message + struct.pack(">I", 0))
        self.freeze()
        return False


@session
class ClosesAtExec(Session):
    """Hangs up where a command is asked for."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.peer.hang_up()
        return False


@command
def silent_command(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """Runs, and prints nothing."""
    peer.stopping.wait(_PATIENCE)


@command
def new_keys_for_ever(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """One key exchange after the other, in place of an answer."""
    while not peer.stopping.is_set():
        channel.get_transport().renegotiate_keys()


@command
def half_a_line(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """The beginning of a line, and nothing more."""
    peer.send(channel, BEGIN + b"time 17")
    peer.stopping.wait(_PATIENCE)


@command
def drips_lines(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A good line every so often, for ever."""
    peer.send(channel, BEGIN)
    while not peer.stopping.wait(0.2):
        peer.send(channel, b"word unknown to the reader\n")


@command
def prints_for_ever(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """Good lines without end."""
    peer.send(channel, BEGIN)
    while not peer.stopping.is_set():
        channel.sendall(b"word unknown to the reader\n" * 1000)


@command
def one_line_of_ten_megabytes(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A single line, far too long."""
    peer.send(channel, BEGIN)
    for _ in range(10 * 1024 * 1024 // len(_CHUNK)):
        channel.sendall(_CHUNK)


@command
def errors_for_ever(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """Standard error without end, which nobody reads."""
    while not peer.stopping.is_set():
        channel.sendall_stderr(b"a word to standard error\n" * 1000)


@command
def an_overlong_line(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A line longer than any of ours, within an answer that is not too large."""
    peer.send(channel, whole(b"link " + b"x" * 5000))


@command
def no_text(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """An answer that is not UTF-8."""
    peer.send(channel, whole(b"time \xff\xfe\xfd"))


@command
def odd_words(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A line whose number is none."""
    peer.send(channel, whole(b"time yesterday"))


@command
def nothing_but_marks(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """An answer without a single line."""
    peer.send(channel, whole())


@command
def a_private_key(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """An answer with a key in it."""
    peer.send(channel, whole(b"-----BEGIN PRIVATE " + b"KEY-----", b"MC4CAQAwBQYDK2VwBCIEIA=="))


@command
def half_an_answer(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A command that ends before its answer does."""
    peer.send(channel, BEGIN + b"time 1790000000\n")
    channel.shutdown_write()


@command
def loses_the_connection(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """The connection breaks within the answer."""
    peer.send(channel, BEGIN + b"time 1790000000\n")
    peer.hang_up()


@command
def loses_the_connection_unheard(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """The connection breaks before the answer."""
    peer.hang_up()


@command
def another_program(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A command that is not ours: what a forced command of somebody else's prints."""
    peer.send(channel, b"This account is currently not available.\n")


@command
def a_newer_major(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """An answer of a version that this exporter cannot read."""
    peer.send(channel, whole().replace(b" 1.0 ", b" 2.0 "))


@command
def a_newer_minor(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """A script of tomorrow: the same major, and a word that the reader does not know."""
    done = run_script(script)
    begin, _, rest = done.replace(b" 1.0 ", b" 1.7 ").partition(b"begin\n")
    peer.send(channel, begin + b"begin\nweather sunny 21\n" + rest)


@command
def other_paths(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """An installed script with other paths baked in."""
    peer.send(channel, run_script(script).replace(b"path store /", b"path store /srv/"))


@command
def the_true_answer(peer: ServerPeer, channel: paramiko.Channel, script: bytes) -> None:
    """What sh makes of the script."""
    peer.send(channel, run_script(script))


def run_script(script: bytes) -> bytes:
    """What ``sh -s`` prints, fed with the script that came over the wire."""
    done = subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, timeout=_PATIENCE, check=True, cwd="/")
    return done.stdout


def whole(*lines: bytes) -> bytes:
    """Lines between the two marks."""
    return BEGIN + b"".join(line + b"\n" for line in lines) + BEGIN.replace(b"begin", b"end")
