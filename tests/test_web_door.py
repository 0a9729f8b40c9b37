"""The exporter's own door on a daemon of its own, with both server stacks, and who comes to it."""

from __future__ import annotations

import ast
import contextlib
import http.client
import ipaddress
import random
import re
import resource
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.authority import Authority, Pair
from tests.house import HASH, HOUSE, PASSWORD, STACKS, House, basic, build, until
from tests.running import samples
from tests.test_prometheus import ask, prometheus

MOST = 100
GAUGE = "kubelet_cert_exporter_web_config_last_reload_successful"
SPIFFE = x509.UniformResourceIdentifier("spiffe://prod/prometheus")
SANS = "  client_allowed_sans: [prometheus, 'spiffe://prod/prometheus', 'fd00::1']"


@pytest.fixture(scope="module", params=STACKS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One daemon for all tests that leave its files alone."""
    made = build(
        tmp_path_factory.mktemp("house"),
        request.param,
        HOUSE.format(sans=SANS),
        f"--web.max-connections={MOST}",
        "--web.enable-lifecycle",
    )
    with made.exporter:
        yield made


# Who is let in.


def test_who_is_let_in(house: House) -> None:
    """A client with certificate and password has the metrics; without, or with a wrong one, it has 401."""
    status, headers, body = house.get()
    assert (status, headers["x-frame-options"], headers["x-xss-protection"]) == (200, "deny", "0")
    assert samples(body)[GAUGE] == {(): 1.0}
    for authorization in (None, basic(password="x"), basic(name="x"), basic(password="x" * 73), basic(password="a\0b")):
        status, headers, _ = house.get(authorization=authorization)
        assert (status, headers["x-frame-options"]) == (401, "deny")
        assert headers["www-authenticate"].startswith("Basic")
    assert house.get("/-/healthy", None)[0] == 401
    assert house.get("/nowhere")[1]["x-frame-options"] == "deny"


def _stranger(_: Authority) -> Pair:
    return Authority("stranger").client()


def _other_name(authority: Authority) -> Pair:
    return authority.client(x509.DNSName("grafana"), x509.RFC822Name("prometheus@example.org"))


REFUSED: dict[str, tuple[Callable[[Authority], Pair | None], str]] = {
    "none": (lambda _: None, "TLS: PEER_DID_NOT_RETURN_A_CERTIFICATE"),
    "stranger": (_stranger, "client certificate: unable to get local issuer certificate"),
    "expired": (lambda authority: authority.client(days_ago=5), "client certificate: certificate has expired"),
    "server": (lambda authority: authority.server(), "client certificate: unsuitable certificate purpose"),
    "other_name": (_other_name, "client_allowed_sans names none"),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls12", "tls13"])
@pytest.mark.parametrize("name", REFUSED)
def test_certificates_that_are_refused(name: str, version: ssl.TLSVersion, house: House) -> None:
    """No certificate, another CA's, an expired one, a server's, one without an allowed name: nothing is answered."""
    make, reason = REFUSED[name]
    pair = make(house.authority)
    if pair:
        pair.write(house.here, name)
    with pytest.raises(OSError, match=r"(?i)alert|closed|reset|eof|pipe"):
        house.get(context=house.context(name if pair else None, maximum_version=version))
    until(lambda: any(reason in line for line in house.exporter.log))
    assert house.get()[0] == 200


@pytest.mark.parametrize("san", [SPIFFE, x509.DNSName("prometheus"), "fd00::1"], ids=["uri", "dns", "ip"])
def test_names_that_are_allowed(san: x509.GeneralName | str, house: House) -> None:
    """A URI, a DNS name and an IP address, in whatever form it is written, may be what client_allowed_sans names."""
    name = x509.IPAddress(ipaddress.ip_address(san)) if isinstance(san, str) else san
    house.authority.client(x509.DNSName("x"), name).write(house.here, "named")
    assert house.get(context=house.context("named"))[0] == 200


def test_the_probes_need_nothing(house: House) -> None:
    """The listener for probes is plain and serves nothing else."""
    for path, status in (("/-/healthy", 200), ("/-/ready", 200), ("/metrics", 404), ("/", 404), ("/-/reload", 404)):
        connection = http.client.HTTPConnection(house.probes.removeprefix("http://"), timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == status
        connection.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_what_s_client_sees(house: House) -> None:
    """TLS 1.1 and a renegotiation are refused, TLS 1.2 and 1.3 are not; no session is resumed."""

    def s_client(*flags: str, say: str = "") -> str:
        files = [f"-{flag}={house.here / name}" for flag, name in (("cert", "client.crt"), ("key", "client.key"))]
        where = ["-connect", f"localhost:{house.port}", "-CAfile", str(house.here / "ca.crt")]
        words = [word for file in files for word in file.split("=", 1)]
        done = subprocess.run(
            ["openssl", "s_client", *where, *words, *flags],
            input=say, capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "Cipher is (NONE)" in s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    for version in ("-tls1_2", "-tls1_3"):
        told = s_client(version)
        assert "Verify return code: 0 (ok)" in told
        assert "Reused" not in told
    assert re.search(r"RENEGOTIATING\n.*(no renegotiation|unexpected|error)", s_client("-tls1_2", say="R\n"), re.DOTALL)
    assert house.get()[0] == 200


# What changes while it runs.


def test_prometheus_scrapes_on_while_the_certificate_is_replaced(tmp_path: Path) -> None:
    """Prometheus with client certificate and password, and a client that connects anew each time, miss no scrape.

    The pair is replaced by renaming, and in place with a second between certificate and key.
    """
    if shutil.which("prometheus") is None:
        pytest.skip("Debian's prometheus is not installed")
    house = build(tmp_path, "fast", HOUSE.format(sans=SANS))
    how = {
        "scheme": "https",
        "tls_config": {
            "ca_file": str(tmp_path / "ca.crt"),
            "cert_file": str(tmp_path / "client.crt"),
            "key_file": str(tmp_path / "client.key"),
            "server_name": "localhost",
        },
        "basic_auth": {"username": "prometheus", "password": PASSWORD},
    }
    with house.exporter, prometheus(tmp_path, f"127.0.0.1:{house.port}", **how) as url:
        until(lambda: ask(url, "up == 1") != {}, 30)
        scrapes, stop = [0], threading.Event()
        failures: list[str] = []

        def loop() -> None:
            while not stop.is_set():
                try:
                    house.scrape()
                    scrapes[0] += 1
                except (OSError, AssertionError) as error:
                    failures.append(repr(error))

        looping = threading.Thread(target=loop)
        looping.start()
        try:
            for in_place in (False, True):
                pair = house.authority.server()
                replace(house, pair, in_place=in_place)
                until(lambda pair=pair: served(house) == pair.serial)  # type: ignore[misc]
                until(lambda: samples(house.get()[2])[GAUGE] == {(): 1.0})
        finally:
            stop.set()
            looping.join()
        assert failures == []
        assert scrapes[0] > 30
        assert set(ask(url, "min_over_time(up[1m])").values()) == {1.0}
        assert set(ask(url, f"min_over_time({GAUGE}[1m])").values()) == {0.0}  # it told of the second in between
        assert set(ask(url, "count_over_time(up[1m]) > 3").values())


def served(house: House) -> int:
    """The serial number of the certificate that a new connection is shown."""
    with socket.create_connection(("localhost", house.port)) as plain:
        context = house.context()
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"").serial_number


def replace(house: House, pair: Pair, *, in_place: bool) -> None:
    if in_place:
        (house.here / "server.crt").write_bytes(pair.certificate)
        until(lambda: samples(house.get()[2])[GAUGE] == {(): 0.0})
        time.sleep(1.1)  # a scrape of Prometheus' sees it
        (house.here / "server.key").write_bytes(pair.key)
    else:
        crt, key = pair.write(house.here, "new")
        crt.rename(house.here / "server.crt")
        key.rename(house.here / "server.key")


def test_another_client_ca(tmp_path: Path) -> None:
    """When the client CA's file changes, the old one's clients are refused and the new one's let in."""
    house = build(tmp_path, "fast", HOUSE.format(sans=""))
    other = Authority("other")
    other.client().write(tmp_path, "newcomer")
    with house.exporter:
        old, new = house.context(), house.context("newcomer")
        assert house.get(context=old)[0] == 200
        with pytest.raises(OSError, match=r"(?i)alert|closed|reset|eof|pipe"):
            house.get(context=new)
        with pytest.raises(OSError, match=r"(?i)alert|closed|reset|eof|pipe"):
            house.get(context=house.context(None))
        (tmp_path / "ca.crt").write_bytes(other.certificate)

        def is_let_in() -> bool:
            try:
                return house.get(context=new)[0] == 200
            except OSError:
                return False

        until(is_let_in)
        with pytest.raises(OSError, match=r"(?i)alert|closed|reset|eof|pipe"):
            house.get(context=old)


def test_a_reload_tells_of_the_web_configuration(house: House) -> None:
    """POST /-/reload reads the web configuration too, and a broken one changes nothing but the gauge."""
    path = house.here / "web.yml"
    good = path.read_text()

    def reload() -> tuple[int, str]:
        connection = http.client.HTTPSConnection("localhost", house.port, context=house.context(), timeout=20)
        connection.request("POST", "/-/reload", headers={"Authorization": basic()})
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    try:
        path.write_text(good + "http_2: yes\n")
        status, told = reload()
        assert (status, "http_2: unknown key" in told) == (500, True)
        assert samples(house.get()[2])[GAUGE] == {(): 0.0}
        path.write_text("")
        assert "taking all of basic_auth_users away needs a restart" in reload()[1]
        assert house.get(authorization=None)[0] == 401
    finally:
        path.write_text(good)
    assert reload() == (200, "")
    assert samples(house.get()[2])[GAUGE] == {(): 1.0}


def test_rate_limit_and_headers_without_tls(tmp_path: Path) -> None:
    """Beyond the burst a request has 429; configured headers are on that, too, and the probes are not limited."""
    house = build(tmp_path, "fast", "rate_limit: {interval: 1h, burst: 3}\nhttp_server_config: {http2: true}\n")
    with house.exporter:
        assert house.exporter.url.startswith("http://")
        assert [house.exporter.get("/")[0] for _ in range(5)] == [200, 200, 200, 429, 429]
        with urllib.request.urlopen(house.probes + "/-/healthy", timeout=10) as answer:
            assert answer.status == 200


# Who comes to break it.


WRONG = """
import base64, http.client, ssl, sys, threading, time
here, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
context = ssl.create_default_context(cafile=here + "/ca.crt")
context.load_cert_chain(here + "/client.crt", here + "/client.key")
count, lock, end = {}, threading.Lock(), time.monotonic() + seconds
def guess(number):
    connection, turn = http.client.HTTPSConnection("localhost", port, context=context, timeout=20), 0
    while time.monotonic() < end:
        turn += 1
        word = base64.b64encode(f"prometheus:{number} {turn}".encode()).decode()
        connection.request("GET", "/metrics", headers={"Authorization": "Basic " + word})
        answer = connection.getresponse()
        answer.read()
        with lock:
            count[answer.status] = count.get(answer.status, 0) + 1
threads = [threading.Thread(target=guess, args=(number,)) for number in range(24)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(count)
"""


def test_wrong_passwords_at_full_speed_delay_nobody(house: House) -> None:
    """While another process guesses as fast as it is answered, right scrapes take at most 200 ms more than before."""
    house.scrape()
    calm = sorted(house.scrape() for _ in range(9))[4]
    with subprocess.Popen(
        [sys.executable, "-c", WRONG, str(house.here), str(house.port), "2"], stdout=subprocess.PIPE, text=True
    ) as guessing:
        took = []
        while guessing.poll() is None:
            took.append(house.scrape())
            time.sleep(0.02)
        assert guessing.stdout
        count: dict[int, int] = ast.literal_eval(guessing.stdout.read())
    assert set(count) == {401, 429}
    assert count[429] > 100
    assert len(took) > 20
    late = [delay for delay in (one - calm for one in took) if delay > 0.2]
    assert len(late) <= len(took) // 20  # a busy machine may take one breath


SLOW: dict[str, tuple[bool, tuple[bytes, ...], float]] = {  # after TLS; what is sent, the last part again and again
    "silent": (False, (), 30),
    "half_a_hello": (False, (bytes.fromhex("160301020001"),), 30),
    "hello_by_the_byte": (False, (bytes.fromhex("160301020001"), b"\0"), 0.5),
    "agreed_and_silent": (True, (), 30),
    "head_by_the_line": (True, (b"GET / HTTP/1.1\r\n", b"a: b\r\n"), 0.5),
    "line_by_the_byte": (True, (b"GET /", b"a"), 0.5),
    "body_by_the_byte": (True, (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"a"), 0.5),
}


def test_slow_clients_are_cut(tmp_path: Path) -> None:
    """Whatever stops short, or drips, within the handshake or a request's head is closed in about ten seconds.

    Scrapes are in time meanwhile. Both stacks at once, as it takes its time.
    """
    houses = []
    for stack in STACKS:
        here = tmp_path / stack
        here.mkdir()
        houses.append(build(here, stack, HOUSE.format(sans="")))
    with houses[0].exporter, houses[1].exporter:
        ended: dict[str, tuple[float, str]] = {}
        threads = [
            threading.Thread(target=_stay, args=(house, name, f"{stack} {name}", ended))
            for house, stack in zip(houses, STACKS, strict=True)
            for name in SLOW
        ]
        for thread in threads:
            thread.start()
        took: list[float] = []
        while any(thread.is_alive() for thread in threads):
            took.extend(house.scrape() for house in houses)
            time.sleep(0.2)
        logged = [line for house in houses for line in house.exporter.log]
    # that one is answered: no endpoint waits for a body
    answered = {f"{stack} body_by_the_byte": "b'HTTP/1.1 4'" for stack in STACKS}
    assert {name: told for name, (seconds, told) in ended.items() if not 8 < seconds < 20} == answered
    assert len(ended) == len(SLOW) * len(STACKS)
    assert max(took) < 5
    assert len(logged) < 40


def _stay(house: House, name: str, key: str, ended: dict[str, tuple[float, str]]) -> None:
    """Do as ``SLOW`` says until the server says or does something; note the seconds, and what it was."""
    secure, parts, every = SLOW[name]
    began, told = time.monotonic(), "nothing"
    with socket.create_connection(("localhost", house.port)) as plain:
        connection = house.context().wrap_socket(plain, server_hostname="localhost") if secure else plain
        with connection:
            connection.settimeout(30)
            try:
                for part in parts:
                    connection.sendall(part)
                while not select.select([connection], [], [], every)[0] and time.monotonic() - began < 30:
                    connection.sendall(parts[-1])
                told = repr(connection.recv(10))
            except OSError as error:
                told = type(error).__name__
    ended[key] = (time.monotonic() - began, told)


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.0\r\n\r\n", bytes(500), random.Random(5).randbytes(5000), b"\x16\x03\x01\xff\xff"],
    ids=["http", "zeros", "noise", "cut"],
)
def test_garbage_in_place_of_tls(garbage: bytes, house: House) -> None:
    """What is not TLS is closed at once, without an answer but an alert."""
    with socket.create_connection(("localhost", house.port), timeout=20) as plain:
        plain.sendall(garbage)
        if len(garbage) == 5:
            plain.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in plain.recv(1000)
    house.scrape()


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\nX: ", b"GET /", b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"]
)
def test_a_request_of_a_gigabyte_is_cut(start: bytes, house: House) -> None:
    """A header, a line or a body without end is cut off, costs no memory and delays no scrape."""
    before, sent = house.memory(), 0
    took = [house.scrape()]
    with socket.create_connection(("localhost", house.port), timeout=20) as plain:
        secure = house.context().wrap_socket(plain, server_hostname="localhost")
        secure.settimeout(0.2)
        most = before
        try:
            secure.sendall(start)
            while sent < 1024:
                secure.sendall(b"a" * 2**20)
                sent += 1
                if sent % 100 == 0:
                    most = max(most, house.memory())
                    took.append(house.scrape())
        except OSError:
            pass
        finally:
            secure.close()
    took.append(house.scrape())
    assert most - before < 30
    assert house.memory() - before < 30
    assert max(took) < 1


@pytest.mark.parametrize("stack", STACKS)
def test_requests_that_do_not_wait_for_their_turn(stack: str, tmp_path: Path) -> None:
    """A few requests at once are answered in order; forty megabytes of them are cut and not kept in memory."""
    house = build(tmp_path, stack, "")
    one = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    with house.exporter:
        with socket.create_connection(("127.0.0.1", house.port), timeout=20) as client:
            client.sendall(one * 50)
            answered = b""
            while answered.count(b"is healthy") < 50:
                answered += client.recv(65536)
            before = house.memory()
            with pytest.raises(ConnectionError):
                client.sendall(one * 1_000_000)
        assert house.memory() - before < 50
        assert house.exporter.get("/-/healthy")[0] == 200


def test_two_thousand_idle_connections(house: House) -> None:
    """While 2,000 connections come and say nothing, scrapes are in time and the daemon has no more than it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2600:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2600), hard))
    idle: list[socket.socket] = []
    took, most, before = [], 0, house.memory()
    try:
        for turn in range(2000):
            idle.append(socket.create_connection(("127.0.0.1", house.port), timeout=20))
            if turn % 100 == 99:
                took.append(house.scrape())
                most = max(most, house.descriptors())
        took.extend(house.scrape() for _ in range(5))
    finally:
        for one in idle:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert max(took) < 2
    assert most < MOST + 40
    assert house.memory() - before < 100
    until(lambda: house.descriptors() < 40)


@pytest.mark.long
@pytest.mark.parametrize("stack", STACKS)
def test_who_does_not_read_is_cut(stack: str, tmp_path: Path) -> None:
    """A client that asks and does not read keeps its place for two minutes and no longer; nor does an idle one."""
    house = build(tmp_path, stack, "")
    with house.exporter:
        assert house.exporter.get("/")[0] == 200
        time.sleep(0.5)  # that connection is gone
        before = house.descriptors()
        with (
            socket.create_connection(("127.0.0.1", house.port)) as slow,
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", house.port)) as idle,
        ):
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(2)
            with contextlib.suppress(TimeoutError):
                slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 800)
            idle.request("GET", "/")
            assert idle.getresponse().read()
            assert house.descriptors() == before + 2
            until(lambda: house.descriptors() == before + 1, 90)
            until(lambda: house.descriptors() == before, 90)
        assert house.memory() < 200
        assert house.exporter.get("/")[0] == 200


@pytest.mark.parametrize("stack", STACKS)
def test_one_place_is_enough(stack: str, tmp_path: Path) -> None:
    """With a single place, a crowd that comes at once ends each other; a scrape passes, and none is left open."""
    house = build(tmp_path, stack, HOUSE.format(sans=""), "--web.max-connections=1")
    with house.exporter:
        house.scrape()
        time.sleep(0.5)  # that connection is gone
        before = house.descriptors()
        for _ in range(3):
            crowd = [socket.create_connection(("localhost", house.port), timeout=20) for _ in range(60)]
            house.scrape()
            assert house.descriptors() <= before + 4
            for one in crowd:
                one.close()
        assert "Traceback" not in "".join(house.exporter.log)


@pytest.mark.parametrize("stack", STACKS)
def test_without_descriptors(stack: str, tmp_path: Path) -> None:
    """Where the process may have fewer files than connections it makes do with fewer connections."""
    house = build(tmp_path, stack, HOUSE.format(sans=""))
    with house.exporter:
        house.scrape()
        resource.prlimit(house.exporter.process.pid, resource.RLIMIT_NOFILE, (60, 60))
        crowd = [socket.create_connection(("127.0.0.1", house.port), timeout=20) for _ in range(200)]
        took = [house.scrape() for _ in range(10)]
        for one in crowd:
            one.close()
        assert max(took) < 5
        assert any("Too many open files" in line for line in house.exporter.log)
        assert len(house.exporter.log) < 30


def test_what_the_log_says(house: House) -> None:
    """After all that a few lines tell of it, and none holds a password, a hash or a key."""
    key = (house.here / "server.key").read_text().splitlines()[1]
    with pytest.raises(OSError, match=r"(?i)alert|closed|reset|eof|pipe"):
        house.get(context=house.context(None))
    house.get(authorization=basic(password="a wrong one"))
    context = house.context()
    for _ in range(40):
        plain = socket.create_connection(("localhost", house.port), timeout=20)
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"not a request\r\n\r\n")
            assert secure.recv(12) == b"HTTP/1.1 400"
    until(lambda: any("connection refused" in line for line in house.exporter.log))
    log = "".join(house.exporter.log)
    assert len(house.exporter.log) < 40
    assert not [word for word in (PASSWORD, HASH[7:], key, basic()[6:], "a wrong one", "Traceback") if word in log]


@pytest.mark.parametrize("stack", STACKS)
def test_it_stops_amid_everything(stack: str, tmp_path: Path) -> None:
    """SIGTERM with idle, half-open and queued clients ends within 5 s, status 0, no thread left."""
    house = build(tmp_path, stack, HOUSE.format(sans=""))
    with house.exporter:
        house.scrape()
        idle = [socket.create_connection(("localhost", house.port)) for _ in range(50)]
        agreed = house.context().wrap_socket(idle[0], server_hostname="localhost")
        guesses = []
        for turn in range(9):
            guess = http.client.HTTPSConnection("localhost", house.port, context=house.context(), timeout=20)
            guess.request("GET", "/", headers={"Authorization": basic(password=str(turn))})
            guesses.append(guess)
        assert house.exporter.stop() < 5
        agreed.close()
        closable: list[socket.socket | http.client.HTTPSConnection] = [*idle, *guesses]
        for one in closable:
            one.close()
    assert house.exporter.process.returncode == 0
    assert "msg=stopped" in house.exporter.log[-1]
    assert "threads_left" not in house.exporter.log[-1]
    assert "Traceback" not in "".join(house.exporter.log)
