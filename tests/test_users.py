"""Passwords: what is compared, what it costs, what is remembered, and how many wait."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import bcrypt
import pytest

from exporter.serve.users import Answer, Passwords, Users

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(8)).decode()
USERS = Users({"prometheus": HASH})


def basic(name: str, password: str | bytes) -> str:
    given = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(name.encode() + b":" + given).decode()


RIGHT = basic("prometheus", "secret")


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords()
    yield made
    assert made.stop(within=10)


def asked(passwords: Passwords, *authorizations: str, client: Callable[[int], str] = lambda _: "here") -> list[Answer]:
    """The answers to headers that come all at once."""

    async def gather() -> list[Answer]:
        waiting: list[Awaitable[Answer]] = [
            passwords.ask(USERS, authorization, client(index)) for index, authorization in enumerate(authorizations)
        ]
        return await asyncio.gather(*waiting)

    return asyncio.run(gather())


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !",
        "Bearer " + RIGHT[6:],
        "Basic " + base64.b64encode(b"prometheus").decode(),
        basic("prometheus", ""),
        basic("prometheus", "Secret"),
        basic("prometheus", "secret\0"),
        basic("prometheus", "s" * 73),
        basic("prometheus", "s" * 72),
        basic("", "secret"),
        basic("somebody", "secret"),
        "Basic " + base64.b64encode(b"\xff\xfe:secret").decode(),
        RIGHT + "=",
    ],
)
def test_who_is_refused(authorization: str, passwords: Passwords) -> None:
    assert asked(passwords, authorization) == [Answer.REFUSED]


@pytest.mark.parametrize("authorization", [RIGHT, RIGHT.replace("Basic", "bAsic"), "Basic  " + RIGHT[6:]])
def test_who_is_welcome(authorization: str, passwords: Passwords) -> None:
    assert asked(passwords, authorization) == [Answer.WELCOME]


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
def test_every_kind_of_hash(version: str, passwords: Passwords) -> None:
    """htpasswd writes $2y$, Python $2b$, older tools $2a$: all are the same."""
    users = Users({"prometheus": HASH.replace("$2b$", f"${version}$")})
    assert asyncio.run(passwords.ask(users, RIGHT, "here")) is Answer.WELCOME


def test_an_unknown_name_costs_what_a_known_one_does(passwords: Passwords) -> None:
    """The time of a refusal does not tell whether there is such a user."""

    def cost(name: str) -> float:
        took = []
        for turn in range(15):
            began = time.perf_counter()
            assert asked(passwords, basic(name, str(turn))) == [Answer.REFUSED]
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    known, unknown = cost("prometheus"), cost("somebody")
    assert 0.5 < known / unknown < 2
    assert min(known, unknown) > 0.003


def test_a_result_is_remembered(passwords: Passwords) -> None:
    """Right or wrong, the second time costs no comparison; a flood of wrong ones forgets no right one."""
    assert asked(passwords, RIGHT, basic("x", "y")) == [Answer.WELCOME, Answer.REFUSED]
    for turn in range(120):
        asked(passwords, basic("x", str(turn)))
    began = time.perf_counter()
    assert asked(passwords, RIGHT, basic("x", "119")) == [Answer.WELCOME, Answer.REFUSED]
    assert time.perf_counter() - began < 0.005
    assert (len(passwords._right), len(passwords._wrong)) == (1, 100)


def test_what_is_remembered_holds_no_password(passwords: Passwords) -> None:
    """The memory of results has neither names nor passwords, and ends with the user's hash."""
    asked(passwords, RIGHT)
    assert all(len(known) == 32 for known in passwords._right)
    changed = Users({"prometheus": bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()})
    assert asyncio.run(passwords.ask(changed, RIGHT, "here")) is Answer.REFUSED
    assert asyncio.run(passwords.ask(Users({"x": HASH}), RIGHT, "here")) is Answer.REFUSED


def test_sixteen_wait_and_no_more(passwords: Passwords) -> None:
    """One is compared and sixteen wait, whoever asks; of one address nine, so that it does not shut others out."""
    many = [basic("prometheus", f"wrong {turn}") for turn in range(40)]
    everybody = Counter(asked(passwords, *many, client=str))
    assert everybody == {Answer.REFUSED: 17, Answer.BUSY: 23}
    more = [basic("prometheus", f"more {turn}") for turn in range(20)]
    assert Counter(asked(passwords, *more)) == {Answer.REFUSED: 9, Answer.BUSY: 11}


def test_the_same_header_many_times_is_one_comparison(passwords: Passwords) -> None:
    """Scrapers that come at once with one password take one place of the queue."""
    assert set(asked(passwords, *[RIGHT] * 40)) == {Answer.WELCOME}


def test_a_remembered_one_passes_a_full_queue(passwords: Passwords) -> None:
    asked(passwords, RIGHT)
    answers = asked(passwords, *[basic("x", str(turn)) for turn in range(40)], RIGHT)
    assert answers[-1] is Answer.WELCOME
    assert Answer.BUSY in answers


def test_a_client_that_leaves_takes_no_result_away(passwords: Passwords) -> None:
    """Who hangs up while the password is compared does not cost another client its answer."""

    async def leave() -> Answer:
        first = asyncio.create_task(passwords.ask(USERS, RIGHT, "a"))
        second = asyncio.create_task(passwords.ask(USERS, RIGHT, "b"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(leave()) is Answer.WELCOME


def test_stopping_with_a_queue(passwords: Passwords) -> None:
    """A queue that is given up leaves nothing to wait for but the comparison under way."""

    async def give_up() -> None:
        for turn in range(10):
            asyncio.ensure_future(passwords.ask(USERS, basic("x", str(turn)), str(turn)))  # noqa: RUF006
        await asyncio.sleep(0.01)
        passwords.forget_waiting()

    asyncio.run(give_up())
    assert passwords.stop(within=2)


def test_no_secret_in_a_repr() -> None:
    assert HASH not in repr(USERS)
    assert "prometheus" not in repr(USERS)
