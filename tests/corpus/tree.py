"""One node's tree while it is built: what a kubelet, its installer and its kernel leave below a root."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.demo import kubeconfig as words
from exporter.demo import proc
from exporter.demo.proc import DAY, Machine, Process
from exporter.demo.signer import Authority, Pair, Request, key_pem, self_signed
from exporter.demo.store import FileStore
from tests.corpus import writers

HOUR = 3600
YEAR = 365 * DAY
LIFE = 30 * DAY  # --cluster-signing-duration=720h: a third of it is ten days
PKI = "/var/lib/kubelet/pki"
CURRENT = f"{PKI}/kubelet-client-current.pem"
SERVER_CURRENT = f"{PKI}/kubelet-server-current.pem"
CA = "/etc/kubernetes/pki/ca.crt"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf"
CONFIG = "/var/lib/kubelet/config.yaml"
CANARY = "cAnArY-7d1f0a-never-to-leave-the-node"
JOINED = 60 * DAY  # how long ago the node joined its cluster


@cache
def rsa_key(whose: str) -> rsa.RSAPrivateKey:
    """An RSA key, made once for all trees: it costs more than all the rest of a tree."""
    assert whose in ("authority", "kubelet")
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True, slots=True)
class Service:
    """The kubelet's systemd unit, for readers that may ask for it."""

    unit: str
    active: str = "active"
    sub: str = "running"
    restarts: int = 0
    status: int = 0


@dataclass(slots=True)
class Earlier:
    """What a reader knew from earlier visits. Ages are seconds before now; None among starts: it was down."""

    starts: tuple[float | None, ...] = ()
    newest: float | None = None  # how far the latest notBefore ever read lies back
    flags: dict[str, str] = field(default_factory=dict)  # of the last process seen


class Tree:
    """A node below ``root`` as it is at ``now`` (epoch seconds). Paths are the node's own; ages are seconds.

    ``flags`` are those of the kubelet; ``kubelet_age`` None means that none runs. ``real`` says whether a reader may
    meet a process that has only just started in its place. ``read_only`` are paths that are to be mounted so, ``full``
    folders of a file system without room, ``tmpfs`` folders in memory. ``clock`` is how far the node's clock is ahead
    of the reader's, in seconds. ``compared``: its verdict rests on whether a certificate and a key are of one pair.
    """

    def __init__(self, root: Path, now: int) -> None:
        self.root = root
        self.now = now
        self.name = "worker-1"
        self.system = "debian"
        self.authority = self.cluster_authority()
        self.flags: dict[str, str] = {}
        self.flag_sign = "="  # or a blank: the value is a word of its own
        self.kubelet = "/usr/bin/kubelet"
        self.kubelet_age: float | None = 20 * DAY
        self.own_mounts: str | None = None  # where the root of the kubelet's own mount namespace lies
        self.within = ""  # below it, where files are written that the kubelet alone sees
        self.zone: str | None = None
        self.processes: list[Process] = []
        self.machine = Machine()
        self.service: Service | None = Service("kubelet.service")
        self.earlier = Earlier()
        self.real = True
        self.read_only: list[str] = []
        self.full: list[str] = []
        self.tmpfs: list[str] = []
        self.clock = 0.0
        self.compared = False

    # Files.

    def path(self, node_path: str) -> Path:
        """Where a path of the node lies here."""
        return self.root / self.within.lstrip("/") / node_path.lstrip("/")

    def write(self, node_path: str, content: str | bytes, mode: int = 0o644, age: float = JOINED) -> Path:
        """A regular file, in place of whatever was there."""
        path = self.path(node_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        os.utime(path, (self.now - age, self.now - age))
        return path

    def damage(self, node_path: str, content: bytes) -> None:
        """Other content in a file that keeps its times: what a power cut leaves."""
        age = self.now - self.path(node_path).stat().st_mtime
        self.write(node_path, content, 0o600, age)

    def link(self, node_path: str, target: str) -> None:
        """A symbolic link, in place of whatever was there."""
        path = self.path(node_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def remove(self, node_path: str) -> None:
        self.path(node_path).unlink()

    def target(self, link: str = CURRENT) -> str:
        """Where a link leads, as the node sees it."""
        return os.readlink(self.path(link))

    # Certificates.

    def cluster_authority(self, name: str = "kubernetes", serial: int | None = 0) -> Authority:
        """A cluster's CA of ten years, two of them over, with kubeadm's RSA key."""
        begin = self.now - 2 * YEAR
        return Authority(name, begin + 10 * YEAR, not_before=begin, key=rsa_key("authority"), serial=serial)

    def store(self, folder: str = PKI, prefix: str = "kubelet-client") -> FileStore:
        """The kubelet's store, opened as the kubelet opens it."""
        return FileStore(self.path(folder), prefix, self.path("/"))

    def issued(self, share: float, life: float = LIFE, authority: Authority | None = None) -> Pair:
        """A client certificate of this node of whose life ``share`` is over."""
        return (authority or self.authority).client(self.name, self.moment(share, life), life)

    def moment(self, share: float, life: float = LIFE) -> float:
        """When a certificate was signed of whose life (backdate included) ``share`` is over now."""
        return self.now - share * life + 300

    def rotated(self, share: float = 1 / 3, *, life: float = LIFE, times: int = 3, folder: str = PKI) -> FileStore:
        """Client certificates as rotation at 0.8 of each life left them; of the last one ``share`` is over."""
        store, last = self.store(folder), self.moment(share, life)
        for back in reversed(range(times)):
            when = last - back * 0.8 * life
            store.update(self.authority.client(self.name, when, life), when)
        return store

    def serving_rotated(self, share: float = 1 / 3, *, life: float = LIFE, folder: str = PKI) -> FileStore:
        """A serving certificate from the cluster's signer, rotated once."""
        store, last = self.store(folder, "kubelet-server"), self.moment(share, life)
        for when in (last - 0.8 * life, last):
            names = (self.name, "10.20.0.21")
            store.update(self.authority.serving(self.name, names, when, life), when)
        return store

    def serving_self_signed(self, age: float = JOINED, certificate: str = f"{PKI}/kubelet.crt") -> Pair:
        """``kubelet.crt`` and ``kubelet.key`` as a kubelet makes them at its first start."""
        pair = self_signed(self.name, self.now - age, key=rsa_key("kubelet"))
        self.write(certificate, pair.certificate, 0o644, age)
        self.write(certificate.removesuffix(".crt") + ".key", pair.key, 0o600, age)
        return pair

    def serving_by_openssl(self, certificate: str, age: float, life: float) -> None:
        """A pair as ``openssl req -x509`` makes it: its own issuer, and a CA by the defaults."""
        begin = self.now - age
        key = rsa_key("kubelet")
        own = Authority(self.name, begin + life, not_before=begin, key=key)
        self.write(certificate, own.certificate, 0o600, age)
        self.write(certificate.removesuffix(".crt") + ".key", key_pem(key), 0o600, age)

    def of_owner(self, name: str, age: float, life: float, organization: str = "system:nodes") -> Pair:
        """A client certificate that another tool made, with an RSA key."""
        begin = self.now - age
        return self.authority.sign(Request(name, begin, begin + life, organization, rsa_key("kubelet")))

    # The kubelet's own files.

    @property
    def ca_data(self) -> str:
        """The line that embeds the cluster's CA."""
        return f"certificate-authority-data: {words.encoded(self.authority.certificate)}"

    def kubeconfig(
        self, user: words.User, path: str = KUBELET_CONF, *, names: words.Names = words.BOOTSTRAPPED, ca: str = ""
    ) -> None:
        """A kubeconfig with the cluster's CA embedded, or with ``ca`` as its line."""
        self.write(path, words.kubeconfig(names, ca or self.ca_data, user), 0o600)

    def bootstrap(self, path: str = BOOTSTRAP, server: str = words.SERVER) -> None:
        """A bootstrap kubeconfig with a token."""
        text = words.kubeconfig(words.TOKEN_USER, self.ca_data, writers.by_token(f"abcdef.{CANARY}"), server)
        self.write(path, text, 0o600)

    def config(self, path: str = CONFIG, client_ca: str | None = CA, **more: str | bool | dict[str, bool]) -> None:
        """A KubeletConfiguration; ``client_ca`` is written with the cluster's CA in it."""
        if client_ca and not self.path(client_ca).exists():
            self.write(client_ca, self.authority.certificate)
        self.write(path, words.configuration(client_ca, **more))

    # The kernel's and the installer's.

    def finish(self) -> None:
        """The process, /proc and the machine's names."""
        self.within = ""
        if self.kubelet_age is not None:
            self.processes.insert(0, self._process(self.kubelet_age))
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/machine-id", f"{hashlib.md5(self.name.encode(), usedforsecurity=False).hexdigest()}\n")
        self.write("/etc/os-release", f'NAME="{self.system.title()}"\nID={self.system}\nVERSION_ID="12"\n')
        proc.write(self.path("/proc"), self.now, self.name, self.machine, self.processes)

    def _process(self, age: float) -> Process:
        words = [
            word for name, value in self.flags.items() for word in f"--{name}{self.flag_sign}{value}".split(" ", 1)
        ]
        return Process("kubelet", (self.kubelet, *words), age, self.own_mounts, self.zone, secret=CANARY)
