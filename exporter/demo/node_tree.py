"""One node's files below a folder: what kubeadm, its kubelet and its kernel leave on a machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from exporter.demo import kubeconfig as words
from exporter.demo import proc
from exporter.demo.proc import DAY, Machine, Process
from exporter.demo.signer import Authority, self_signed
from exporter.demo.store import FileStore

PKI = "/var/lib/kubelet/pki"
CURRENT = f"{PKI}/kubelet-client-current.pem"
CA = "/etc/kubernetes/pki/ca.crt"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
CONFIG = "/var/lib/kubelet/config.yaml"
K3S_AGENT = "/var/lib/rancher/k3s/agent"
_JOINED = 60 * DAY
_RUNS_FOR = 20 * DAY
_UP_FOR = 50 * DAY
_KUBEADM_FLAGS = (
    "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
    f"--kubeconfig={KUBELET_CONF}",
    f"--config={CONFIG}",
)


class NodeTree:
    """A node called ``name`` below ``root``. Paths are the node's own, times seconds since the epoch, ages seconds."""

    def __init__(self, root: Path, name: str, authority: Authority) -> None:
        self.root = root
        self.name = name
        self.authority = authority

    def path(self, node_path: str) -> Path:
        """Where a path of the node lies here."""
        return self.root / node_path.lstrip("/")

    def write(self, node_path: str, content: str | bytes, when: float, mode: int = 0o644) -> Path:
        """A regular file of that age, in place of whatever was there."""
        path = self.path(node_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        os.utime(path, (when, when))
        return path

    def store(self) -> FileStore:
        """The kubelet's store of client certificates, opened as the kubelet opens it."""
        return FileStore(self.path(PKI), root=self.root)

    def kubeconfig(self, user: words.User, now: float, path: str = KUBELET_CONF) -> None:
        """A kubeconfig with the cluster's CA embedded."""
        authority = f"certificate-authority-data: {words.encoded(self.authority.certificate)}"
        self.write(path, words.kubeconfig(words.BOOTSTRAPPED, authority, user), now - _JOINED, 0o600)

    def kubeadm(self, now: float, *, rotates: bool = True, serving_age: float = _JOINED, runs: bool = True) -> None:
        """All but the store of a worker that kubeadm joined: configuration, CA, serving pair, a running kubelet."""
        self.write(CA, self.authority.certificate, now - _JOINED)
        self.write(CONFIG, words.configuration(CA, rotateCertificates=rotates), now - _JOINED)
        self.kubeconfig(words.by_file(CURRENT), now)
        pair = self_signed(self.name, now - serving_age)
        self.write(f"{PKI}/kubelet.crt", pair.certificate, now - serving_age)
        self.write(f"{PKI}/kubelet.key", pair.key, now - serving_age, 0o600)
        processes = [Process("kubelet", ("/usr/bin/kubelet", *_KUBEADM_FLAGS), _RUNS_FOR)] if runs else []
        self.machine(now, *processes)

    def machine(self, now: float, *processes: Process) -> None:
        """The machine's names, and its /proc with these processes."""
        self.write("/etc/hostname", f"{self.name}\n", now - _UP_FOR)
        identity = hashlib.sha256(self.name.encode()).hexdigest()[:32]
        self.write("/etc/machine-id", f"{identity}\n", now - _UP_FOR)
        self.write("/etc/os-release", "ID=debian\n", now - _UP_FOR)
        proc.write(self.path("/proc"), int(now), self.name, Machine(_UP_FOR), list(processes))

    def kubelet_starts(self, now: float) -> None:
        """Its kubelet is a new process."""
        proc.start_again(self.path("/proc"), now, up=1.0)
