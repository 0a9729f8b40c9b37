"""The handshake with the kubelet's port: its certificate and nothing of ours, whoever is at the other end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.cli.main import main
from exporter.cli.verdict import COULD_NOT_LOOK
from exporter.collect.handshake import MOST_BYTES, shake_hands
from exporter.collect.ssh import kubelet_port
from exporter.collect.ssh.kubelet_port import KubeletPort
from exporter.collect.ssh.transport import SshTransport
from exporter.config.settings import IdentityFile, Paths
from exporter.config.ssh import Identity, Ssh
from exporter.demo.signer import Authority, Pair
from exporter.demo.store import FileStore
from exporter.errors import ConfigurationError
from exporter.judge.certificate import leaf
from exporter.model.facts import Handshake
from exporter.model.node import Hop, Node, SshAccess
from exporter.rounds.keeper import Kept
from tests.sshd import USER, Host, Sshd, address, make_key, needs_sshd, public
from tests.trees import unarmour
from tests.visits import PATIENT

NODE, EDGE = address(171), address(172)
Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(serve: Serve, host: str = "127.0.0.1") -> Iterator[int]:
    """Whoever connects is served by ``serve`` in a thread; the port."""
    with socket.create_server((host, 0)) as server:
        server.settimeout(0.05)
        stopping = threading.Event()

        def accept() -> None:
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(10)
                        serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            stopping.set()
            thread.join(20)
            assert not thread.is_alive()


@dataclass
class Kubelet:
    """A TLS server that asks for a client certificate, as a kubelet does, and notes what it is shown."""

    directory: Path
    pair: Pair
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    must: bool = False

    def __post_init__(self) -> None:
        self.client: bytes | None = b"nobody came"
        self.names: list[str | None] = []
        self.last: bytes | None = None
        path = self.directory / "kubelet.pem"
        path.write_bytes(self.pair.certificate + self.pair.key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_ciphers("DEFAULT:@SECLEVEL=0")
        self._context.load_cert_chain(path)
        self._context.load_verify_locations(cadata=self.pair.certificate.decode())
        self._context.verify_mode = ssl.CERT_REQUIRED if self.must else ssl.CERT_OPTIONAL
        self._context.minimum_version = self._context.maximum_version = self.version
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)

    def serve(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(*([ssl.SSLError] if self.must else [])),
            self._context.wrap_socket(connection, server_side=True) as tls,
        ):
            self.client = tls.getpeercert(binary_form=True)
            self.last = tls.recv(100)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Authority().issue("system:node:w1", time.time() - 60, time.time() + 86400, serving=True)


def shaken(port: int, within: float = 10.0) -> tuple[Handshake, bytes | None]:
    with socket.create_connection(("127.0.0.1", port)) as stream:
        return shake_hands(stream, time.monotonic() + within)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_kubelet_shows_its_certificate_and_is_shown_nothing(
    tmp_path: Path, pair: Pair, version: ssl.TLSVersion
) -> None:
    """The leaf in DER; no client certificate, no name and no byte of ours get there, and the session ends cleanly."""
    kubelet = Kubelet(tmp_path, pair, version)
    with listening(kubelet.serve) as port:
        assert shaken(port) == (Handshake.SERVED, unarmour(pair.certificate))
    assert (kubelet.client, kubelet.names, kubelet.last) == (None, [None], b"")


def test_a_weak_expired_certificate_is_seen(tmp_path: Path) -> None:
    """Nothing is verified: a key of 1024 bits and an end in the past are what somebody wants to know."""
    weak = rsa.generate_private_key(65537, 1024)
    pair = Authority().issue("w", time.time() - 86400, time.time() - 60, key=weak, serving=True)
    with listening(Kubelet(tmp_path, pair).serve) as port:
        assert shaken(port) == (Handshake.SERVED, unarmour(pair.certificate))


def test_a_server_that_insists_on_a_client_certificate(tmp_path: Path, pair: Pair) -> None:
    """It has shown its own by then."""
    with listening(Kubelet(tmp_path, pair, must=True).serve) as port:
        assert shaken(port) == (Handshake.SERVED, unarmour(pair.certificate))


def say(*words: bytes) -> Serve:
    """A peer that says this once it was spoken to, and hangs up."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        for word in words:
            connection.sendall(word)

    return serve


def _silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _endless(connection: socket.socket) -> None:
    """TLS records of a handshake message that never becomes whole."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" + bytes(0x4000 - 4))


def _dripping(connection: socket.socket) -> None:
    """A long record, a byte at a time."""
    with contextlib.suppress(OSError):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            connection.sendall(b"\x02")
            time.sleep(0.02)


HOSTILE: dict[str, tuple[Serve, Handshake]] = {
    "silent": (_silent, Handshake.NO_ANSWER),
    "dripping": (_dripping, Handshake.NO_ANSWER),
    "hangs up": (say(), Handshake.NO_CERTIFICATE),
    "HTTP": (say(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request"), Handshake.NO_CERTIFICATE),
    "garbage": (say(bytes(range(256)) * 40), Handshake.NO_CERTIFICATE),
    "alert": (say(b"\x15\x03\x03\x00\x02\x02\x28"), Handshake.NO_CERTIFICATE),
    "half a record": (say(b"\x16\x03\x03\x40\x00\x02"), Handshake.NO_CERTIFICATE),
    "endless": (_endless, Handshake.NO_CERTIFICATE),
}


@pytest.mark.parametrize("peer", HOSTILE)
def test_a_peer_that_is_no_kubelet(peer: str) -> None:
    """Each ends within its bounds, with an outcome of the closed list and nothing to look at."""
    serve, outcome = HOSTILE[peer]
    with listening(serve) as port:
        began = time.monotonic()
        assert shaken(port, within=0.5) == (outcome, None)
        assert time.monotonic() - began < 2


def test_a_chain_that_is_longer_than_any(tmp_path: Path, pair: Pair) -> None:
    """The bound holds for what is well-formed, too."""
    length = MOST_BYTES // len(unarmour(pair.certificate)) + 1
    kubelet = Kubelet(tmp_path, replace(pair, certificate=pair.certificate * length))

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # we hang up in the middle of it
            kubelet.serve(connection)

    with listening(serve) as port:
        assert shaken(port) == (Handshake.NO_CERTIFICATE, None)


def look(port: int, within: float = 10.0, host: str = "127.0.0.1") -> tuple[Handshake, bytes | None]:
    return KubeletPort(SshAccess(host), port, None).look(lambda: within)


def test_a_port_that_nobody_has() -> None:
    """Refused, unknown and out of time are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    assert look(port) == (Handshake.REFUSED, None)
    assert look(port, host="no-such-host.invalid") == (Handshake.UNREACHABLE, None)
    assert look(port, within=0.0) == (Handshake.NO_ANSWER, None)


def test_a_look_is_bounded_whatever_the_visit_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own patience counts."""
    monkeypatch.setattr(kubelet_port, "PATIENCE", 0.2)
    with listening(_silent) as port:
        began = time.monotonic()
        assert look(port, within=1000.0) == (Handshake.NO_ANSWER, None)
        assert time.monotonic() - began < 2


def test_a_look_ends_when_it_is_told_to() -> None:
    """The exporter stops: no thread waits for a silent port."""
    port_of_kubelet: list[KubeletPort] = []
    with listening(_silent) as port:
        port_of_kubelet.append(KubeletPort(SshAccess("127.0.0.1"), port, None))
        stop = threading.Timer(0.2, port_of_kubelet[0].close)
        stop.start()
        began = time.monotonic()
        outcome, certificate = port_of_kubelet[0].look(lambda: 60.0)
        assert time.monotonic() - began < 3
        stop.join()
    assert outcome is not Handshake.SERVED
    assert certificate is None


@dataclass
class Site:
    """One sshd that is node and bastion; behind ``narrow`` the bastion forwards to the node's sshd alone."""

    directory: Path
    sshd: Sshd
    key: Path
    narrow: Path

    def edge(self, key: Path | None = None) -> Hop:
        identities = (IdentityFile(str(key or self.key)),)
        return Hop(SshAccess(EDGE, self.sshd.port, USER, name="edge", identities=identities))

    def node(self, serving_port: int | None, via: Hop | None = None) -> Node:
        access = SshAccess(NODE, self.sshd.port, USER, name="worker-1", via=via)
        return Node("worker-1", access, Paths(str(self.directory / "pki")), serving_port=serving_port)

    @contextlib.contextmanager
    def transport(self) -> Iterator[SshTransport]:
        known = self.directory / "known_hosts"
        known.write_text(self.sshd.known_hosts())
        ssh_settings = Ssh(known_hosts=(str(known),), identities=(Identity(file=str(self.key)),), timeouts=PATIENT)
        ours = SshTransport(ssh_settings)
        try:
            yield ours
        finally:
            ours.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All of it on loopback."""
    directory = tmp_path_factory.mktemp("kubelet-port")
    key, narrow = (make_key(directory / name, "ed25519") for name in ("id", "narrow"))
    FileStore(directory / "pki").update(Authority().client("worker-1", time.time() - 60, 86400), time.time())
    sshd = Sshd(directory, [Host(NODE), Host(EDGE)], [key])
    with (directory / "authorized_keys").open("a") as authorized:
        authorized.write(f'permitopen="{NODE}:{sshd.port}" {public(narrow)}\n')
    sshd.start()
    try:
        yield Site(directory, sshd, key, narrow)
    finally:
        sshd.stop()


@needs_sshd
@pytest.mark.parametrize("through", [False, True], ids=["direct", "bastion"])
def test_a_visit_with_a_handshake(site: Site, tmp_path: Path, pair: Pair, *, through: bool) -> None:
    """The kubelet's certificate comes with the facts, over the way that the visit itself has taken."""
    kubelet = Kubelet(tmp_path, pair)
    via = site.edge() if through else None
    with site.transport() as ours, listening(kubelet.serve, NODE) as port:
        facts = ours.read(site.node(port, via))
        without = ours.read(site.node(None, via))
    assert (facts.handshake, kubelet.client, kubelet.names) == (Handshake.SERVED, None, [None])
    assert facts.live
    assert (facts.live.path, facts.live.certificates) == (f"{NODE}:{port}", (unarmour(pair.certificate),))
    assert leaf(facts.live)
    assert (without.handshake, without.live, without.client) == (None, None, facts.client)


@needs_sshd
@pytest.mark.parametrize("through", [False, True], ids=["direct", "bastion"])
@pytest.mark.parametrize("peer", ["silent", "garbage", "endless", "nobody"])
def test_no_peer_fails_the_visit(site: Site, monkeypatch: pytest.MonkeyPatch, peer: str, *, through: bool) -> None:
    """Whatever is at the port, the files are read all the same."""
    monkeypatch.setattr(kubelet_port, "PATIENCE", 1.0)
    serve, outcome = HOSTILE.get(peer, (_silent, Handshake.REFUSED))
    with site.transport() as ours, listening(serve, NODE) as port:
        facts = ours.read(site.node(1 if peer == "nobody" else port, site.edge() if through else None))
        assert ours.read(site.node(None, site.edge() if through else None)).client == facts.client
    assert (facts.handshake, facts.live) == (outcome, None)
    assert leaf(facts.client)


@needs_sshd
def test_a_bastion_that_forwards_to_sshd_alone(site: Site, tmp_path: Path, pair: Pair) -> None:
    """That port is out of reach, and the visit is as ever."""
    with site.transport() as ours, listening(Kubelet(tmp_path, pair).serve, NODE) as port:
        facts = ours.read(site.node(port, site.edge(site.narrow)))
    assert (facts.handshake, facts.live) == (Handshake.UNREACHABLE, None)
    assert leaf(facts.client)


@needs_sshd
def test_explain_tells_what_the_kubelet_serves_with(
    site: Site, tmp_path: Path, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    """The certificate in use stands among the others; why there is none stands among what was not seen."""
    known = site.directory / "known_hosts"
    known.write_text(site.sshd.known_hosts())
    config = tmp_path / "c.yaml"
    settings = (
        f"ssh: {{known_hosts: {known}, identities: [{{file: {site.key}}}]}}\n"
        f"groups: {{a: {{user: {USER}, port: {site.sshd.port}, paths: {{store: {site.directory}/pki}}, "
        f"nodes: [{{name: w1, address: {NODE}, serving_handshake: "
    )
    with listening(Kubelet(tmp_path, pair).serve, NODE) as port:
        config.write_text(f"{settings}{port}}}]}}}}\n")
        assert main(["explain", "w1", f"--config.file={config}"]) != COULD_NOT_LOOK
    assert "serving_live" in capsys.readouterr().out
    config.write_text(f"{settings}1}}]}}}}\n")
    assert main(["explain", "w1", f"--config.file={config}"]) != COULD_NOT_LOOK
    told = " ".join(capsys.readouterr().out.partition("Not seen")[2].split())
    assert "the certificate at the kubelet's port: nothing listens there" in told


@pytest.mark.parametrize(
    ("defaults", "own", "port"),
    [
        ("", "", None),
        ("serving_handshake: true", "", 10250),
        ("serving_handshake: true", ", serving_handshake: false", None),
        ("serving_handshake: false", ", serving_handshake: 10260", 10260),
    ],
)
def test_the_setting_and_its_levels(tmp_path: Path, defaults: str, own: str, port: int | None) -> None:
    """Off unless somebody asks for it; the nearest level counts."""
    config = tmp_path / "c.yaml"
    config.write_text(
        f"defaults: {{{defaults}}}\ngroups: {{a: {{transport: local, root: {tmp_path}, nodes: [{{name: n1{own}}}]}}}}\n"
    )
    (node,) = Kept(str(config)).fleet.nodes
    assert node.serving_port == port


@pytest.mark.parametrize("value", ["65536", "-1", "often", "[10250]"])
def test_a_setting_that_is_no_port(tmp_path: Path, value: str) -> None:
    """Yes, no, or a port."""
    config = tmp_path / "c.yaml"
    config.write_text(f"defaults: {{serving_handshake: {value}}}\ngroups: {{a: {{nodes: [n1]}}}}\n")
    with pytest.raises(ConfigurationError, match="serving_handshake"):
        Kept(str(config))
