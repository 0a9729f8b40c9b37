"""Facts of a node as a visit as root brings them, for tests that change one detail: a healthy kubeadm worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from exporter.demo.signer import Pair
from exporter.judge.kubelet import understand
from exporter.model.assessment import Memory
from exporter.model.facts import DirectoryCondition, Folder, NodeFacts, StoreEntry, StoreFacts
from exporter.model.files import Condition, FileKind, KeyBlock, PemFile
from exporter.model.host import Host, Process, Service, Sight
from exporter.model.kubelet import Kubelet
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, Kubeconfig, KubeletSettings
from tests.trees import NOW, YEAR, Mint, unarmour

DAY = 86400
PKI = "/var/lib/kubelet/pki"
CURRENT, UPDATED = f"{PKI}/kubelet-client-current.pem", f"{PKI}/kubelet-client-updated.pem"
SERVER_CURRENT, SERVER_UPDATED = f"{PKI}/kubelet-server-current.pem", f"{PKI}/kubelet-server-updated.pem"
DATED = f"{PKI}/kubelet-client-2026-08-22-10-00-00.pem"
KUBELET_CONF, BOOTSTRAP_CONF = "/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf"
CONFIG, CA = "/var/lib/kubelet/config.yaml", "/etc/kubernetes/pki/ca.crt"
SERVER = "https://10.0.0.1:6443"
MINT = Mint()
AUTHORITY = unarmour(MINT.issue("kubernetes", NOW - YEAR, NOW + 9 * YEAR).certificate)
FLAGS = {"bootstrap-kubeconfig": BOOTSTRAP_CONF, "kubeconfig": KUBELET_CONF, "config": CONFIG}


def lasting(begin: int, end: int) -> bytes:
    """A client certificate's DER; dates are days from now."""
    return unarmour(MINT.issue("system:node:worker-1", NOW + begin * DAY, NOW + end * DAY).certificate)


GOOD, OTHER = lasting(-30, 335), lasting(-29, 336)
EXPIRED, FUTURE = lasting(-400, -35), lasting(2, 367)
SERVING: Pair = MINT.issue("worker-1@1787000000", NOW - 30 * DAY, NOW + 335 * DAY, serving=True)


def pem(path: str, *certificates: bytes, key: KeyBlock = KeyBlock.NONE, link: str | None = None) -> PemFile:
    """A PEM file that was read."""
    condition = Condition.READ if certificates else Condition.KEY_ONLY
    return PemFile(path, condition, certificates, link, key)


def pair(path: str, *certificates: bytes, link: str | None = None) -> PemFile:
    """Certificates and a whole key in one file, as the store writes them."""
    return pem(path, *certificates, key=KeyBlock.WHOLE, link=link)


def key(path: str) -> PemFile:
    """A file with a key alone."""
    return pem(path, key=KeyBlock.WHOLE)


def absent(path: str, condition: Condition = Condition.MISSING) -> PemFile:
    """A file that is not there, or holds nothing."""
    return PemFile(path, condition, key=KeyBlock.NONE)


def document(path: str, condition: DocumentCondition = DocumentCondition.READ, *, writable: bool = True) -> Document:
    """A file of the kubelet's as root sees it."""
    return Document(path, condition, 0o600, 0, 0, 2000, NOW - 30 * DAY, writable)


def kubeconfig(path: str = KUBELET_CONF, certificate: PemFile | None = None, **fields: Any) -> Kubeconfig:
    """A kubeconfig with the cluster's server and CA; ``certificate`` holds its key as well unless told otherwise."""
    conf = Kubeconfig(document(path), SERVER, pem("#1", AUTHORITY), certificate, key=certificate)
    return replace(conf, **fields)


def line(path: str, kind: FileKind = FileKind.REGULAR) -> StoreEntry:
    """One line of the store's listing."""
    return StoreEntry(path.removeprefix(f"{PKI}/"), kind, 0o600, 0, 0, 1100, NOW - 30 * DAY)


@dataclass(frozen=True)
class Worker:
    """A node in pieces that a test exchanges; ``facts`` puts them together.

    ``files`` are those of the store and around it, whose listing follows from them: what is absent has no line there,
    what has a link's text is a link.
    """

    files: tuple[PemFile, ...]
    kubeconfig: Kubeconfig | None
    bootstrap: Kubeconfig | None
    settings: KubeletSettings
    process: Process | None
    folder: Folder | None
    flags: tuple[tuple[str, str], ...] = tuple(FLAGS.items())
    config: tuple[ConfigFile, ...] | None = None  # None: one file with those settings
    extra: tuple[StoreEntry, ...] = ()  # lines of files that nobody reads
    pairs: tuple[tuple[str, str, bool], ...] = ()

    def with_files(self, *files: PemFile) -> Worker:
        """The same with these files in place of those at their paths."""
        paths = {file.path for file in files}
        return replace(self, files=(*(file for file in self.files if file.path not in paths), *files))

    def with_flags(self, **flags: str | None) -> Worker:
        """The same with these flags; underscores stand for hyphens, None takes a flag away."""
        own = dict(self.flags) | {name.replace("_", "-"): value for name, value in flags.items()}
        return replace(self, flags=tuple((name, value) for name, value in own.items() if value is not None))

    def with_settings(self, **settings: Any) -> Worker:
        """The same with these settings in its configuration file."""
        return replace(self, settings=replace(self.settings, **settings))

    def with_kubeconfig(self, certificate: PemFile | None, **fields: Any) -> Worker:
        """The same with a kubelet.conf of this certificate, its key in the same file unless told otherwise."""
        return replace(self, kubeconfig=kubeconfig(certificate=certificate, **fields))

    def store(self) -> StoreFacts:
        there = [file for file in self.files if file.condition is not Condition.MISSING]
        entries = [
            line(file.path, FileKind.LINK if file.link is not None else FileKind.REGULAR)
            for file in there
            if file.path.startswith(f"{PKI}/")
        ]
        return StoreFacts(PKI, DirectoryCondition.OK, (*entries, *self.extra), 1, folder=self.folder)

    @property
    def facts(self) -> NodeFacts:
        by_path = {file.path: file for file in self.files}
        client = by_path.pop(CURRENT, absent(CURRENT))
        serving = by_path.pop(SERVER_CURRENT, None) or by_path.pop(f"{PKI}/kubelet.crt", None)
        return NodeFacts(
            taken=NOW,
            store=self.store(),
            client=client,
            serving=serving,
            script_version="1.2",
            uid=0,
            host=Host("worker-1", "ubuntu", zone=0),
            process=replace(self.process, flags=self.flags) if self.process else None,
            service=Service("kubelet.service", "active", "running", 0, 0),
            kubeconfig=self.kubeconfig,
            bootstrap=self.bootstrap,
            config=(ConfigFile(document(CONFIG), self.settings),) if self.config is None else self.config,
            files=tuple(by_path.values()),
            pairs=self.pairs,
        )

    @property
    def kubelet(self) -> Kubelet:
        return understand(self.facts, Memory())


HEALTHY = Worker(
    files=(
        pair(CURRENT, GOOD, link=DATED),
        pair(DATED, GOOD),
        pem(f"{PKI}/kubelet.crt", unarmour(SERVING.certificate)),
        key(f"{PKI}/kubelet.key"),
        pem(CA, AUTHORITY),
    ),
    kubeconfig=kubeconfig(certificate=pair(CURRENT, GOOD, link=DATED)),
    bootstrap=Kubeconfig(document(BOOTSTRAP_CONF, DocumentCondition.MISSING)),
    settings=KubeletSettings(rotate_certificates=True, client_ca_file=CA),
    process=Process(Sight.SEEN, "kubelet", 1, NOW - 20 * DAY, 0),
    folder=Folder(0o755, 0, 0, writable=True, bytes_free=10**10, files_free=10**6, filesystem="ext4"),
)
