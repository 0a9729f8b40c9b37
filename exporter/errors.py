"""What can go wrong, as a closed list.

The exceptions::

    ExporterError
    ├── ConfigurationError    every mistake of a configuration or inventory at once, each with its place
    └── CollectError          one visit failed; carries its Reason

A :class:`Reason` is the ``reason`` label of ``kubelet_cert_node_failure`` and of
``kubelet_cert_exporter_visit_failures_total``, the word in the log and the word in ``visit``: a stable contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a node has no fresh reading. The comment says what was seen."""

    NOT_YET_VISITED = "not_yet_visited"  # the inventory names it, no visit has ended yet
    INTERNAL = "internal"  # a mistake of ours; the log has the traceback

    # The way to the node.
    NAME_NOT_RESOLVED = "name_not_resolved"
    NAME_TIMEOUT = "name_timeout"  # the resolver gave no answer in time
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    UNREACHABLE = "unreachable"  # no route to the host or network
    BANNER_TIMEOUT = "banner_timeout"  # no whole SSH identification line in time
    NOT_SSH = "not_ssh"  # something else than SSH answered, or an endless banner
    HANDSHAKE_TIMEOUT = "handshake_timeout"  # stopped within the key exchange
    NO_COMMON_ALGORITHM = "no_common_algorithm"
    PROTOCOL_ERROR = "protocol_error"  # the peer broke the SSH protocol
    CONNECTION_LOST = "connection_lost"  # closed by the peer, in any phase
    VISIT_TIMEOUT = "visit_timeout"  # the total deadline of the visit

    # Who is at the other end, checked before any credential is sent.
    HOST_KEY_UNKNOWN = "host_key_unknown"
    HOST_KEY_CHANGED = "host_key_changed"
    HOST_KEY_REVOKED = "host_key_revoked"
    HOST_KEY_NEEDS_CA = "host_key_needs_ca"  # only a @cert-authority line could vouch for it

    # Who we are, and what we may run.
    AUTH_FAILED = "auth_failed"
    AUTH_TIMEOUT = "auth_timeout"
    AGENT_FAILED = "agent_failed"  # the SSH agent is not there or holds no key
    SESSION_REFUSED = "session_refused"  # logged in, but no channel or no command
    COMMAND_TIMEOUT = "command_timeout"  # no whole answer in time

    # What the node script answered.
    OUTPUT_TOO_LARGE = "output_too_large"
    ANSWER_MISSING = "answer_missing"  # output without our start mark
    ANSWER_TRUNCATED = "answer_truncated"  # our end mark is missing
    ANSWER_MALFORMED = "answer_malformed"
    ANSWER_TOO_NEW = "answer_too_new"  # a major version that this exporter does not read
    ANSWER_OTHER_PATHS = "answer_other_paths"  # an installed script with other paths baked in
    KEY_MATERIAL = "key_material"  # the answer held a private key and was dropped unread

    # What the node's files say.
    STORE_MISSING = "store_missing"  # the certificate directory is not there
    STORE_NOT_A_DIRECTORY = "store_not_a_directory"
    STORE_DENIED = "store_denied"  # no permission to look into the directory
    CERTIFICATE_DENIED = "certificate_denied"  # no permission to read the file
    LINK_MISSING = "link_missing"  # no kubelet-client-current.pem
    LINK_DANGLING = "link_dangling"  # its target is not there
    LINK_OUTSIDE_ROOT = "link_outside_root"  # it leads out of the mounted root, or in circles
    NOT_A_REGULAR_FILE = "not_a_regular_file"  # a directory, FIFO, socket or device
    FILE_TOO_LARGE = "file_too_large"
    FILE_EMPTY = "file_empty"
    FILE_UNREADABLE = "file_unreadable"  # an input/output error
    CERTIFICATE_TRUNCATED = "certificate_truncated"  # a block without its END line
    CERTIFICATE_MALFORMED = "certificate_malformed"  # a CERTIFICATE block that holds no certificate
    KEY_ONLY = "key_only"
    NO_CERTIFICATE = "no_certificate"  # text without any PEM block
    ROOT_MISSING = "root_missing"  # the mounted root itself is not there

    @property
    def backs_off_long(self) -> bool:
        """True where asking again soon could lock an account out or cannot help."""
        return self in _LONG_BACK_OFF


_LONG_BACK_OFF = frozenset(
    {
        Reason.AUTH_FAILED,
        Reason.HOST_KEY_UNKNOWN,
        Reason.HOST_KEY_CHANGED,
        Reason.HOST_KEY_REVOKED,
        Reason.HOST_KEY_NEEDS_CA,
    }
)


class ExporterError(Exception):
    """The root of all errors that this package raises on purpose."""


class CollectError(ExporterError):
    """One visit failed, for one :class:`Reason`; ``detail`` is for the log and never holds what a node sent."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file that a person wrote: where it stands and what is wrong."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class ConfigurationError(ExporterError):
    """A configuration or inventory that cannot be used; ``mistakes`` has all of them."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class Mistakes:
    """Gathers the mistakes of several steps, so that a person is told all of them in one go."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """What a step finds wrong is kept, and the next step is tried."""
        try:
            yield
        except ConfigurationError as error:
            self.found.extend(error.mistakes)

    def tell(self) -> None:
        """Raises ConfigurationError where there were any."""
        if self.found:
            raise ConfigurationError(*self.found)
