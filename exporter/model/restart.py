"""Would the kubelet come back after a restart: a verdict about certificate files, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a kubelet that does not come back looks."""

    DIES = "dies"  # at once, at each start
    EXITS = "exits"  # 5:00 to 5:04 after each start, again and again
    LIVES = "lives"  # and never authenticates: nothing that looks at processes shows it


class RestartReason(StrEnum):
    """Stable identifiers: what decides a restart, in its favour, against it, or that it cannot be known."""

    COMES_BACK = "comes-back"

    # Not known.
    FLAGS_UNKNOWN = "flags-unknown"
    ROTATION_UNKNOWN = "rotation-unknown"
    NOT_SEEN = "not-seen"  # a file that decides was not to be read

    # The configuration.
    CONFIG_BROKEN = "config-broken"  # missing, empty, or not to be parsed
    SERVING_GATE_OFF = "serving-gate-off"
    CLIENT_CA_BROKEN = "client-ca-broken"

    # The store.
    UPDATED_REGULAR_FILE = "updated-regular-file"
    STORE_NOT_WRITABLE = "store-not-writable"
    STORE_TARGET_BROKEN = "store-target-broken"
    CLIENT_PAIR_BROKEN = "client-pair-broken"  # the store's pair where that is not its link
    NOT_YET_VALID = "not-yet-valid"

    # kubelet.conf.
    KUBECONFIG_BROKEN = "kubeconfig-broken"
    KUBECONFIG_NOT_WRITABLE = "kubeconfig-not-writable"
    KUBECONFIG_EXPIRED = "kubeconfig-expired"
    KUBECONFIG_MISMATCHED = "kubeconfig-mismatched"  # its embedded halves are not of one key
    KUBECONFIG_CA_EMPTY = "kubeconfig-ca-empty"
    NEEDS_SIGNING = "needs-signing"
    CREDENTIAL_UNKNOWN = "credential-unknown"  # a token or a plugin, which no file tells to be good

    # The bootstrap kubeconfig.
    BOOTSTRAP_MISSING = "bootstrap-missing"
    BOOTSTRAP_BROKEN = "bootstrap-broken"
    BOOTSTRAP_CA_DIFFERS = "bootstrap-ca-differs"
    BOOTSTRAP_TOKEN_UNKNOWN = "bootstrap-token-unknown"  # noqa: S105 - a word

    # The serving side.
    SERVING_PAIR_BROKEN = "serving-pair-broken"
    SERVING_PAIR_HALF = "serving-pair-half"
    SERVING_NOT_WRITABLE = "serving-not-writable"

    @property
    def is_of_the_visit(self) -> bool:
        """Whether the visit could not see what decides; a root that looks would know."""
        return self in (RestartReason.FLAGS_UNKNOWN, RestartReason.ROTATION_UNKNOWN, RestartReason.NOT_SEEN)


@dataclass(frozen=True, slots=True)
class Restart:
    """``safe`` True: no certificate file stops it. False: one does. None: it cannot be known.

    ``words`` are the reason as a sentence with the node's own paths.
    """

    safe: bool | None
    reason: RestartReason
    words: str
    ending: Ending | None = None  # of a False
    until: float | None = None  # when it heals by itself, seconds since the epoch
