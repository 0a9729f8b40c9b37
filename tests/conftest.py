"""What every test gets: the log as it was, no thread left behind, and the engine that ``--ssh-engine`` names."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from exporter.collect.ssh import transport
from exporter.config.settings import SshEngine
from tests.running import Running

LEAVING = 5.0
HAS_LOOP = transport._has_loop  # as the product has it
_ENGINES = (SshEngine.LOOP, SshEngine.THREADS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What drives visits over SSH where the configuration says ``auto``, here and in exporters of their own."""
    parser.addoption("--ssh-engine", choices=[str(engine) for engine in _ENGINES], help="loop, or threads")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that uses ``ssh_engine`` runs with each, unless the option names one."""
    if "ssh_engine" in metafunc.fixturenames:
        named = metafunc.config.getoption("--ssh-engine")
        metafunc.parametrize("ssh_engine", [SshEngine(named)] if named else _ENGINES, indirect=True, ids=str)


@pytest.fixture
def ssh_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SshEngine:
    """The engine that ``auto`` is in this test."""
    engine: SshEngine = request.param
    monkeypatch.setattr(transport, "_has_loop", partial(_with, engine))
    monkeypatch.setattr(Running, "engine", engine)
    return engine


@pytest.fixture(autouse=True, scope="session")
def _ssh_engine_of_all(request: pytest.FixtureRequest) -> Iterator[None]:
    """The engine that ``auto`` is in all tests."""
    named = request.config.getoption("--ssh-engine")
    with pytest.MonkeyPatch.context() as patch:
        if named:
            patch.setattr(transport, "_has_loop", partial(_with, SshEngine(named)))
            patch.setattr(Running, "engine", SshEngine(named))
        yield


def _with(auto: SshEngine, engine: SshEngine) -> bool:
    return HAS_LOOP(auto if engine is SshEngine.AUTO else engine)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that runs a command in this process sets up its log: the next one is not to write there."""
    loggers = [logging.getLogger(name) for name in (None, "exporter")]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [handler for handler in loggers[0].handlers if handler not in handlers]:
        loggers[0].removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fails a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + LEAVING
    while left := [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {sorted(thread.name for thread in left)}")
        time.sleep(0.02)
