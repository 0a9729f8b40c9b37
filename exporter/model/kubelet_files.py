"""The kubelet's own files, picked apart: kubeconfigs, and its configuration with drop-ins. Secrets never get here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from exporter.model.files import PemFile


class DocumentCondition(StrEnum):
    """What reading a YAML or JSON file of the kubelet's brought. The words are those of the node's answer."""

    READ = "read"
    EMPTY = "empty"
    BROKEN = "broken"  # the kubelet would refuse it: no YAML, a wrong type, or another kind of document
    INTRICATE = "intricate"  # perhaps good, but written in a way that is not picked apart (anchors, flow style, ...)
    MISSING = "missing"
    DENIED = "denied"
    NOT_REGULAR = "not_regular"
    TOO_LARGE = "too_large"
    OUTSIDE_ROOT = "outside_root"
    UNREADABLE = "unreadable"

    @property
    def is_seen(self) -> bool:
        """Whether it is known what the kubelet finds there."""
        return self in (
            DocumentCondition.READ,
            DocumentCondition.EMPTY,
            DocumentCondition.BROKEN,
            DocumentCondition.MISSING,
        )


@dataclass(frozen=True, slots=True)
class Document:
    """One such file as found. What ``stat`` tells is None where it was not seen.

    ``writable`` says whether the kubelet could write it, or create it where it is missing; only root knows.
    """

    path: str
    condition: DocumentCondition
    mode: int | None = None  # permission bits
    uid: int | None = None
    gid: int | None = None
    size: int | None = None  # bytes
    modified: int | None = None  # seconds since the epoch
    writable: bool | None = None


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What the current context of a kubeconfig comes to; relative paths are made absolute from its own folder.

    A credential's fields are independent, as in the file: a token may stand beside a certificate. Data and a file for
    one thing are ``broken`` (client-go ``tools/clientcmd/validation.go`` refuses both). What is there and not plain
    text is ``?``. Everything but ``document`` is empty where it was not read.
    """

    document: Document
    server: str | None = None
    authority: PemFile | None = None  # the cluster's CA, named or embedded; None: it names none
    certificate: PemFile | None = None  # the user's, named or embedded; None: it has none
    key: PemFile | None = None  # where the user's key should stand, of which ``key`` alone counts
    has_token: bool = False  # in the file or in a file that it names
    has_password: bool = False
    command: str | None = None  # of an exec plugin
    has_auth_provider: bool = False

    @property
    def is_read(self) -> bool:
        return self.document.condition is DocumentCondition.READ

    @property
    def is_missing(self) -> bool:
        return self.document.condition is DocumentCondition.MISSING


@dataclass(frozen=True, slots=True)
class KubeletSettings:
    """What one KubeletConfiguration file sets; None is "not set here"."""

    rotate_certificates: bool | None = None
    server_tls_bootstrap: bool | None = None
    tls_cert_file: str | None = None
    tls_private_key_file: str | None = None
    client_ca_file: str | None = None
    serving_gate: bool | None = None  # featureGates.RotateKubeletServerCertificate


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A KubeletConfiguration file, or a drop-in of one."""

    document: Document
    settings: KubeletSettings = KubeletSettings()
