"""Logging, set up once by the command line: logfmt or JSON, to standard error."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogFormat(StrEnum):
    """``--log.format``."""

    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """``--log.level``."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class FieldFormatter(logging.Formatter):
    """One line a record: time, level, message, then the fields given as ``extra``."""

    def __init__(self, chosen: LogFormat) -> None:
        super().__init__()
        self._chosen = chosen

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower().replace("warning", "warn"),
            "logger": record.name,
            "msg": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if self._chosen is LogFormat.JSON:
            return json.dumps(fields, default=str)
        return " ".join(f"{key}={_logfmt(str(value))}" for key, value in fields.items())


def configure(level: LogLevel = LogLevel.INFO, chosen: LogFormat = LogFormat.LOGFMT) -> None:
    """Send our records to standard error. paramiko's own stay out: they quote what a peer sent."""
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter(chosen))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")
    logging.getLogger("exporter").setLevel(level.upper().replace("WARN", "WARNING"))
    quiet = logging.getLogger("paramiko")
    quiet.handlers[:] = [logging.NullHandler()]
    quiet.propagate = False


def _logfmt(text: str) -> str:
    plain = text and all(character.isprintable() and character not in ' "=' for character in text)
    return text if plain else json.dumps(text)
