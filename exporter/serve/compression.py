"""Bodies made of pieces that are kept: as they are, or as one gzip stream whose pieces were deflated one by one.

The stream has a single member, joined as pigz does it: each piece is deflated by itself up to a byte's boundary, and
the checksum of the whole is computed from theirs. Several members would be simpler, and Prometheus reads them, but curl
fails at the second and browsers leave it out.

isal is used where it is installed: it deflates for a fifth of zlib's time.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

_LEVEL = 1
_BEGIN = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time; fastest; any system
_END = b"\x03\x00"  # a last block with nothing in it
_POLYNOMIAL = 0xEDB88320  # CRC-32, the lowest power first
_ONE = 1 << 31


def _module() -> Any:
    try:
        return importlib.import_module("isal.isal_zlib")
    except ImportError:
        return zlib


_engine = _module()
_deflater: Callable[..., Any] = _engine.compressobj
_crc32: Callable[[bytes], int] = _engine.crc32


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a body in its coding; ``size`` and ``checksum`` are of the text (no checksum where nothing is coded)."""

    data: bytes
    size: int
    checksum: int = 0


class Coding(Enum):
    """How a body is sent; its value is the Content-Encoding."""

    IDENTITY = "identity"
    GZIP = "gzip"

    def piece(self, text: bytes) -> Piece:
        if self is Coding.IDENTITY:
            return Piece(text, len(text))
        deflater = _deflater(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return Piece(bytes(data), len(text), _crc32(text))

    def whole(self, pieces: Iterable[Piece]) -> bytes:
        """The body that the pieces make, in their order."""
        if self is Coding.IDENTITY:
            return b"".join([piece.data for piece in pieces])
        parts, size, checksum = [_BEGIN], 0, 0
        for piece in pieces:
            parts.append(piece.data)
            size += piece.size
            checksum = combined(checksum, piece.checksum, piece.size)
        return b"".join([*parts, _END, struct.pack("<LL", checksum, size & 0xFFFFFFFF)])


def choose_coding(accept_encoding: str) -> Coding:
    """The coding that an Accept-Encoding header takes: gzip where it may be."""
    for item in accept_encoding.split(","):
        coding, _, parameters = item.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            refused = parameters.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000")
            return Coding.IDENTITY if refused else Coding.GZIP
    return Coding.IDENTITY


def _combined(first: int, second: int, size: int) -> int:
    """The CRC-32 of two texts one after the other, the second ``size`` bytes long, as zlib's crc32_combine has it."""
    return _product(first, _power(size)) ^ second


combined: Callable[[int, int, int], int] = getattr(_engine, "crc32_combine", _combined)  # Python's zlib lacks it


@lru_cache(maxsize=4096)  # the pieces of a large fleet
def _power(size: int) -> int:
    """x to the number of bits in so many bytes, modulo the polynomial."""
    power, square = _ONE, _ONE >> 8
    while size:
        if size & 1:
            power = _product(power, square)
        square = _product(square, square)
        size >>= 1
    return power


def _product(left: int, right: int) -> int:
    """Two polynomials over GF(2) multiplied, modulo CRC-32's."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & 0xFFFFFFFF
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product
