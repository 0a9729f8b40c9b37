"""The command: its words to one of the modules beside this one, its mistakes to standard error."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable

from exporter import log
from exporter.cli import arguments, demo, explain, forecast, history, node_script, run, visit
from exporter.cli.output import nobody_reads
from exporter.errors import ConfigurationError

COULD_NOT = 2
BROKEN_PIPE = 141  # as a shell tells SIGPIPE

_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run.command,
    "visit": visit.command,
    "explain": explain.command,
    "forecast": forecast.command,
    "history": history.command,
    "node-script": node_script.command,
    "demo": demo.command,
}


def main(argv: list[str] | None = None) -> int:
    """The exit status: 2 where the command could not do what it was asked for."""
    given = arguments.parse(sys.argv[1:] if argv is None else argv)
    if "log_level" in given:
        log.configure(log.LogLevel(given.log_level), log.LogFormat(given.log_format))
    try:
        return _COMMANDS[given.command](given)
    except ConfigurationError as error:
        for mistake in error.mistakes:
            sys.stderr.write(f"{mistake}\n")
        return COULD_NOT
    except BrokenPipeError:  # the reader of our output has seen enough
        nobody_reads()
        return BROKEN_PIPE
    except OSError as error:  # a full disk, a file in place of a folder
        sys.stderr.write(f"{error.filename or 'output'}: {error.strerror or type(error).__name__}\n")
        return COULD_NOT
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001 - the last wall, told whole
        traceback.print_exc()
        return COULD_NOT  # not 1, which is a verdict
