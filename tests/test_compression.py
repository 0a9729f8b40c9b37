"""Bodies in pieces: whatever the pieces, one gzip member, which every client reads."""

from __future__ import annotations

import shutil
import subprocess
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.serve import compression
from exporter.serve.compression import Coding, choose_coding

TEXTS = st.one_of(st.binary(max_size=40), st.integers(0, 300_000).map(lambda size: b"node 1\n" * (size // 7)))
PIECES = [b"", b"up 1\n" * 5000, b"x", b"", bytes(range(256)) * 300]


@pytest.fixture(params=["isal", "zlib"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either of those that may be there."""
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setattr(compression, "_deflater", zlib.compressobj)
        monkeypatch.setattr(compression, "_crc32", zlib.crc32)
        monkeypatch.setattr(compression, "combined", compression._combined)


def whole(texts: list[bytes]) -> bytes:
    return Coding.GZIP.whole([Coding.GZIP.piece(text) for text in texts])


@pytest.mark.parametrize("texts", [PIECES, [], [b""], [b"a"]], ids=["many", "none", "an empty one", "one"])
def test_the_pieces_are_one_member(texts: list[bytes], engine: None) -> None:
    """A reader that stops after the first member, as curl and browsers do, has everything, and nothing is left over."""
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert reader.decompress(whole(texts)) == b"".join(texts)
    assert reader.eof
    assert reader.unused_data == b""


@given(st.lists(TEXTS, max_size=6))
def test_any_pieces_come_out_as_they_went_in(texts: list[bytes]) -> None:
    """The reader checks length and checksum."""
    assert zlib.decompress(whole(texts), 16 + zlib.MAX_WBITS) == b"".join(texts)
    plain = Coding.IDENTITY
    assert plain.whole([plain.piece(text) for text in texts]) == b"".join(texts)


@given(st.binary(max_size=100), TEXTS)
def test_two_checksums_make_that_of_both(first: bytes, second: bytes) -> None:
    """Computed in Python as by the library that has it."""
    expected = zlib.crc32(first + second)
    assert compression._combined(zlib.crc32(first), zlib.crc32(second), len(second)) == expected
    assert compression.combined(zlib.crc32(first), zlib.crc32(second), len(second)) == expected


class Exposition(BaseHTTPRequestHandler):
    """Answers with PIECES."""

    def do_GET(self) -> None:
        body = whole(PIECES)
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exposition)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_curl_reads_it(served: str) -> None:
    """curl fails at what follows a first member."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(["curl", "-sS", "--compressed", "--noproxy", "*", served], capture_output=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"".join(PIECES))


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", Coding.IDENTITY),
        ("gzip", Coding.GZIP),
        ("deflate, GZIP;q=0.5", Coding.GZIP),
        ("*", Coding.GZIP),
        ("gzip;q=0", Coding.IDENTITY),
        ("gzip; q=0.0, br", Coding.IDENTITY),
        ("identity", Coding.IDENTITY),
        ("br", Coding.IDENTITY),
    ],
)
def test_gzip_is_chosen_where_it_may_be(header: str, chosen: Coding) -> None:
    """Nothing else is ever sent."""
    assert choose_coding(header) is chosen
