"""Who knows a password: bcrypt, one comparison at a time beside the loop; the only importer of bcrypt."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

import bcrypt

_THREAD = "passwords"
_MOST_WAITING = 16
_MOST_OF_ONE = 8  # of one address: a flood from there leaves places for others
_MOST_REMEMBERED = 100
_LONGEST_PASSWORD = 72  # bytes: bcrypt knows no more of a password


class Answer(Enum):
    """What a request with, or without, a password gets."""

    WELCOME = "welcome"
    REFUSED = "refused"
    BUSY = "busy"  # too many comparisons wait


class Users:
    """The users of one web configuration: names and bcrypt hashes. Its repr shows neither."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = {name.encode("utf-8", "surrogatepass"): hashed.encode() for name, hashed in hashes.items()}
        # An unknown name is compared too, with a hash that costs what some user's does, always the same for one name.
        costs = [hashed[:7] for hashed in self._hashes.values()]
        self._nobody = [cost + b"abcdefghijklmnopqrstuu" + b"." * 31 for cost in costs]
        self._key = secrets.token_bytes(32)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def hash_of(self, name: bytes) -> tuple[bytes, bool]:
        """The hash to compare with, and whether it is a user's."""
        known = self._hashes.get(name)
        if known is not None:
            return known, True
        chosen = int.from_bytes(hmac.digest(self._key, name, "sha256")[:8], "big") % len(self._nobody)
        return self._nobody[chosen], False


@dataclass(frozen=True, slots=True)
class _Comparison:
    result: asyncio.Future[bool]
    client: str


class Passwords:
    """Compares, remembers what it found, and lets no more than ``_MOST_WAITING`` comparisons wait."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=_THREAD)
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()  # of its own: a flood of these forgets no right one
        self._waiting: dict[bytes, _Comparison] = {}

    def forget_waiting(self) -> None:
        """Nobody waits for a comparison any more; called in the loop before it ends."""
        for comparison in list(self._waiting.values()):
            comparison.result.cancel()

    def stop(self, within: float) -> bool:
        """True once the thread has ended; a comparison under way cannot be interrupted."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        threads = [one for one in threading.enumerate() if one.name.startswith(_THREAD)]
        for thread in threads:
            thread.join(within)
        return not any(thread.is_alive() for thread in threads)

    async def ask(self, users: Users, authorization: str, client: str) -> Answer:
        """Whether an Authorization header, sent from the address ``client``, is that of a user."""
        given = _credentials(authorization)
        if given is None:
            return Answer.REFUSED
        name, password = given
        hashed, is_user = users.hash_of(name)
        known = self._digest(name, hashed, password)
        if _recall(self._right, known):
            return Answer.WELCOME
        if _recall(self._wrong, known):
            return Answer.REFUSED
        comparison = self._waiting.get(known)
        if comparison is None:
            if self._is_full(client):
                return Answer.BUSY

            def compare() -> bool:
                return bcrypt.checkpw(password, hashed) and is_user

            comparison = self._begin(known, compare, client)
        # a client that leaves must not take the result from others
        return Answer.WELCOME if await asyncio.shield(comparison.result) else Answer.REFUSED

    def _is_full(self, client: str) -> bool:
        """One more than may wait is being compared."""
        of_client = sum(comparison.client == client for comparison in self._waiting.values())
        return len(self._waiting) > _MOST_WAITING or of_client > _MOST_OF_ONE

    def _begin(self, known: bytes, compare: Callable[[], bool], client: str) -> _Comparison:
        def remember(done: asyncio.Future[bool]) -> None:
            self._waiting.pop(known, None)
            if not done.cancelled() and done.exception() is None:
                _keep(self._right if done.result() else self._wrong, known)

        result = asyncio.get_running_loop().run_in_executor(self._worker, compare)
        comparison = self._waiting[known] = _Comparison(result, client)
        result.add_done_callback(remember)
        return comparison

    def _digest(self, *parts: bytes) -> bytes:
        """What is remembered in place of a password; worth nothing outside this process."""
        whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, whole, "sha256")


def _credentials(authorization: str) -> tuple[bytes, bytes] | None:
    """Name and password of a Basic header, if bcrypt can have anything to say of them."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    if not colon or len(password) > _LONGEST_PASSWORD or b"\0" in password:
        return None
    return name, password


def _recall(remembered: OrderedDict[bytes, None], known: bytes) -> bool:
    if known not in remembered:
        return False
    remembered.move_to_end(known)
    return True


def _keep(remembered: OrderedDict[bytes, None], known: bytes) -> None:
    remembered[known] = None
    if len(remembered) > _MOST_REMEMBERED:
        remembered.popitem(last=False)
