"""The door before the endpoints: how often one may knock, and who is let in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from exporter.config.web_config import WebConfig
from exporter.serve.rate import TokenBucket
from exporter.serve.users import Answer, Passwords, Users

Message = Any  # ASGI's own: dictionaries
Application = Callable[[Message, Callable[[], Any], Callable[[Message], Any]], Any]
_Headers = tuple[tuple[bytes, bytes], ...]
_REALM = ((b"www-authenticate", b'Basic realm="kubelet-cert-exporter", charset="UTF-8"'),)
_LATER = ((b"retry-after", b"1"),)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds at the door: one web configuration, or nothing. A bucket is filled for the moment ``now``."""

    users: Users = field(default_factory=lambda: Users({}))
    headers: _Headers = ()
    bucket: TokenBucket = field(default_factory=lambda: TokenBucket(0, 0, 0))


def rules_of(config: WebConfig, now: float) -> Rules:
    """The rules that a file asks for."""
    headers = config.http_server_config.headers
    limit = config.rate_limit
    return Rules(
        users=Users({name: hashed.get_secret_value() for name, hashed in config.basic_auth_users.items()}),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in headers.items()),
        bucket=TokenBucket(limit.interval, limit.burst, now),
    )


class Door:
    """An ASGI application before another one."""

    def __init__(
        self,
        application: Application,
        rules: Callable[[], Rules],
        passwords: Passwords,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application = application
        self._rules = rules
        self._passwords = passwords
        self._clock = clock

    async def __call__(self, scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
        rules = self._rules()
        answer = Answer.BUSY if not rules.bucket.take(self._clock()) else Answer.WELCOME
        if answer is Answer.WELCOME and rules.users:
            answer = await self._passwords.ask(rules.users, _authorization(scope), (scope.get("client") or ("",))[0])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and rules.headers:
                ours = {name for name, _ in rules.headers}
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *rules.headers]}
            await send(message)

        if answer is Answer.WELCOME:
            await self._application(scope, receive, send_with_headers)
        elif answer is Answer.REFUSED:
            await _say(send_with_headers, 401, b"Unauthorized\n", _REALM)
        else:
            await _say(send_with_headers, 429, b"Too Many Requests\n", _LATER)


def _authorization(scope: Message) -> str:
    found: bytes = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return found.decode("latin-1")


async def _say(send: Callable[[Message], Any], status: int, text: bytes, headers: _Headers) -> None:
    plain = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)))
    await send({"type": "http.response.start", "status": status, "headers": [*plain, *headers]})
    await send({"type": "http.response.body", "body": text})
