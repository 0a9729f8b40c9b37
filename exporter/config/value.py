"""The values that settings may have: names, paths, host keys, labels, each with what makes it one."""

from __future__ import annotations

import base64
import os
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from exporter.config.file import absolute, absolute_pattern
from exporter.config.ranges import expand

AUDIT_TO_LOG = "log"
NO_STORE = "none"
KUBELET_PORT = 10250
BESIDE = "beside"  # the validation context's key for the file that relative paths stand in

# Labels that our metrics use themselves, and those that Prometheus sets on a target.
RESERVED_LABELS = frozenset(
    {
        "node",
        "cert",
        "state",
        "cause",
        "severity",
        "reason",
        "condition",
        "serial",
        "issuer",
        "subject",
        "fingerprint",
        "address",
        "transport",
        "distribution",
        "script_version",
        "host_key_policy",
        "clock",
        "outcome",
        "source",
        "job",
        "instance",
        "le",
        "quantile",
    }
)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?")
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._+-]+)+")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,3}( .*)?")


def _label_name(name: str) -> str:
    if not _LABEL.fullmatch(name) or name.startswith("__"):
        raise ValueError("not a label name")
    if name in RESERVED_LABELS:
        raise ValueError("the exporter or Prometheus uses this label itself")
    return name


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not text that UTF-8 can write") from error
    return text


def _node_path(path: str) -> str:
    if not path.isascii():
        raise ValueError("not ASCII: a node's locale may be any")
    return _absolute(path)


def _host_word(name: str) -> str:
    if not _NAME.fullmatch(name.replace("{name}", "n")):
        raise ValueError("not a host's name: letters, digits, '.', '-', '_' and ':' only, as known_hosts has them")
    return name


def _absolute(path: str) -> str:
    if not path.startswith("/") or not path.isprintable():
        raise ValueError("not an absolute path")
    return path.rstrip("/") or "/"


def _one_line(text: str) -> str:
    if not text or not text.isprintable() or text != text.strip():
        raise ValueError("empty, or with spaces or control characters at its ends")
    return text


def _script_path(path: str) -> str:
    if not _PLAIN_PATH.fullmatch(path):
        raise ValueError(
            "not an absolute path of letters, digits, '.', '_', '-' and '+', as every login shell reads it"
        )
    return path


def _audit(text: str, info: ValidationInfo) -> str:
    return text if text == AUDIT_TO_LOG else _file_path(text, info)


def _store(text: str, info: ValidationInfo) -> str:
    return text if text == NO_STORE else _file_path(text, info)


def _file_path(text: str, info: ValidationInfo) -> str:
    return absolute(_one_line(text), info.context[BESIDE]) if info.context else _one_line(text)


def _file_pattern(text: str, info: ValidationInfo) -> str:
    return absolute_pattern(_one_line(text), info.context[BESIDE]) if info.context else _one_line(text)


def _host_key(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text) and not _KEY.fullmatch(text):
        raise ValueError("neither a public key such as 'ssh-ed25519 AAAA…' nor a fingerprint such as 'SHA256:…'")
    if not text.startswith("SHA256:"):
        kind, encoded = text.split()[:2]
        named = len(kind).to_bytes(4, "big") + kind.encode()
        try:
            whole = base64.b64decode(encoded, validate=True).startswith(named)
        except ValueError:
            whole = False
        if not whole:
            raise ValueError(f"a damaged public key: its base64 is not that of a key of type {kind}")
    return text


def no_boolean(value: Any) -> Any:
    """YAML reads yes as true, and pydantic true as 1."""
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic gathers ValueErrors
    return value


def _handshake_port(value: Any) -> Any:
    """``true`` is the kubelet's own port, ``false`` none."""
    return (KUBELET_PORT if value else 0) if isinstance(value, bool) else value


def as_tuple(value: Any) -> Any:
    """One text where a list of them may stand."""
    return (value,) if isinstance(value, str) else value


def node_name(name: str) -> str:
    """A name fit for a label, a path and known_hosts. Raises ValueError."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise ValueError("not a node name: letters, digits, '.', '-', '_' and ':' only")
    return name


def _node_names(pattern: str, info: ValidationInfo) -> str:
    if info.context and pattern.startswith("$"):
        return node_name(from_environment(pattern))
    for name in expand(pattern):
        node_name(name)
    return pattern


def from_environment(text: str) -> str:
    """``$NODE_NAME`` as the environment has it: a pod knows its node by that alone. Raises ValueError."""
    if not text.startswith("$"):
        return text
    if text[1:] not in os.environ:
        raise ValueError("the environment has no variable of this name")
    return os.environ[text[1:]]


LabelValue = Annotated[str, AfterValidator(_encodable)]
LabelName = Annotated[str, AfterValidator(_label_name)]
HostWord = Annotated[str, AfterValidator(_host_word)]
NodePath = Annotated[str, AfterValidator(_node_path)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
FilePath = Annotated[str, AfterValidator(_file_path)]
ScriptPath = Annotated[str, AfterValidator(_script_path)]
AuditTo = Annotated[str, AfterValidator(_audit)]
StorePath = Annotated[str, AfterValidator(_store)]
FilePattern = Annotated[str, AfterValidator(_file_pattern)]
NodeNames = Annotated[str, AfterValidator(_node_names)]
Word = Annotated[str, AfterValidator(_one_line)]
HostKey = Annotated[str, AfterValidator(_host_key)]
HostKeys = Annotated[tuple[HostKey, ...], BeforeValidator(as_tuple)]
HandshakePort = Annotated[int, BeforeValidator(_handshake_port), Field(ge=0, le=65535)]
Port = Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=65535)]
