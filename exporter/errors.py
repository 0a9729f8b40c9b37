"""What can go wrong, as a closed list.

The exceptions::

    ExporterError
    ├── ConfigurationError    every mistake of a configuration or inventory at once, each with its place
    ├── CollectError          one visit failed; carries its Reason
    └── ProbeError            a probe that is not begun; carries its Refusal

A :class:`Reason` is the ``reason`` label of ``kubelet_cert_node_failure`` and of
``kubelet_cert_exporter_visit_failures_total``, the word in the log and the word in ``visit``: a stable contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum


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

    # The way through a bastion; what is said of the node itself stands above and below.
    BASTION_UNREACHABLE = "bastion_unreachable"  # no connection to it, or the one there was died
    BASTION_HOST_KEY = "bastion_host_key"  # the bastion's host key or certificate is not to be trusted
    BASTION_AUTH_FAILED = "bastion_auth_failed"
    BASTION_REFUSED = "bastion_refused"  # it is there, and forwards nothing for us

    # Who is at the other end, checked before any credential is sent.
    HOST_KEY_UNKNOWN = "host_key_unknown"
    HOST_KEY_CHANGED = "host_key_changed"
    HOST_KEY_REVOKED = "host_key_revoked"
    HOST_KEY_NEEDS_CA = "host_key_needs_ca"  # a plain key, where known_hosts has only a @cert-authority line
    HOST_CERTIFICATE_UNKNOWN_CA = "host_certificate_unknown_ca"
    HOST_CERTIFICATE_EXPIRED = "host_certificate_expired"
    HOST_CERTIFICATE_NOT_YET_VALID = "host_certificate_not_yet_valid"
    HOST_CERTIFICATE_OTHER_HOST = "host_certificate_other_host"  # it does not name the node
    HOST_CERTIFICATE_WRONG_TYPE = "host_certificate_wrong_type"  # a user's certificate
    HOST_CERTIFICATE_CRITICAL_OPTION = "host_certificate_critical_option"  # one that we do not know
    HOST_CERTIFICATE_MALFORMED = "host_certificate_malformed"  # damaged, or signed with SHA-1

    # Who we are, and what we may run.
    AUTH_FAILED = "auth_failed"
    AUTH_NO_PUBLICKEY = "auth_no_publickey"  # the node asks for a password or a dialogue
    AUTH_SECOND_FACTOR = "auth_second_factor"  # a key was right, and is not enough
    AUTH_CLOSED = "auth_closed"  # the node hung up over our login: an account that may not log in now
    AUTH_TIMEOUT = "auth_timeout"
    AGENT_FAILED = "agent_failed"  # the SSH agent is not there or holds no key
    SSH_CREDENTIAL_EXPIRED = "ssh_credential_expired"  # our own certificate has ended; nothing was tried
    SSH_CREDENTIAL_UNUSABLE = "ssh_credential_unusable"  # our own key or certificate cannot be used; nothing was tried
    LOGINS_PAUSED = "logins_paused"  # too many logins were refused of late; nothing was tried
    SESSION_REFUSED = "session_refused"  # logged in, but no channel or no command
    COMMAND_TIMEOUT = "command_timeout"  # no whole answer in time
    LOGIN_DISABLED = "login_disabled"  # the account's shell, or /etc/nologin, turns logins away
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 - a word; the node wants the account's password changed first
    SUDO_MISSING = "sudo_missing"
    SUDO_PASSWORD = "sudo_password"  # noqa: S105 - a word; sudo asks for a password: no NOPASSWD line for the script
    SUDO_TTY = "sudo_tty"  # sudo wants a terminal
    SUDO_DENIED = "sudo_denied"  # no sudoers line lets this user run the script
    SCRIPT_MISSING = "script_missing"  # the installed script is not there, or cannot be run

    # What the node script answered.
    OUTPUT_TOO_LARGE = "output_too_large"
    ANSWER_EMPTY = "answer_empty"  # the login shell or the command ended without a word
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

    @property
    def is_refused_login(self) -> bool:
        """True where a node did not take what we logged in with: it counts toward a pause of all logins."""
        return self in (Reason.AUTH_FAILED, Reason.AUTH_NO_PUBLICKEY, Reason.AUTH_SECOND_FACTOR)

    @property
    def is_of_bastion(self) -> bool:
        """True where the node itself was not reached at all."""
        return self.startswith("bastion_")

    @property
    def is_shared(self) -> bool:
        """True where many nodes fail for one cause, which is told once and not once a node."""
        return self.is_of_bastion or self in _SHARED


_SHARED = frozenset({Reason.SSH_CREDENTIAL_EXPIRED, Reason.SSH_CREDENTIAL_UNUSABLE, Reason.LOGINS_PAUSED})
_LONG_BACK_OFF = frozenset(
    {
        *(reason for reason in Reason if reason.startswith(("host_key_", "host_certificate_"))),
        Reason.BASTION_HOST_KEY,
        Reason.BASTION_AUTH_FAILED,
        Reason.AUTH_FAILED,
        Reason.AUTH_NO_PUBLICKEY,
        Reason.AUTH_SECOND_FACTOR,
        Reason.LOGIN_DISABLED,
        Reason.PASSWORD_EXPIRED,
        Reason.SUDO_PASSWORD,
        Reason.SUDO_TTY,
        Reason.SUDO_DENIED,
    }
)


class ExporterError(Exception):
    """The root of all errors that this package raises on purpose."""


class CollectError(ExporterError):
    """One visit failed, for one :class:`Reason`; ``detail`` is for the log, and holds no word of a node's files."""

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


class Refusal(Enum):
    """Why a probe is not begun."""

    MALFORMED = "malformed"  # no target, or a module that there is not
    FORBIDDEN = "forbidden"  # a target that is not to be probed
    BUSY = "busy"  # too many are waited for


class ProbeError(ExporterError):
    """A probe that is not begun; its text is for whoever asked for it."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


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
