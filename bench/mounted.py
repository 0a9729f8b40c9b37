"""Mounted trees to sweep: a kubeadm worker's disk each, with a store of its own and the kubelet's absolute links.

Files that are the same on every node, and nobody's store, are one file with many names.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from exporter.demo import kubeconfig as words
from exporter.demo.node_tree import CA, CONFIG, CURRENT, KUBELET_CONF, PKI
from exporter.demo.signer import Authority, self_signed

DAY = 86400
ROTATIONS = 3  # dated files in each store
_PREFIX = "kubelet-client-"


class Mounted:
    """So many trees below ``root``, called node-00000 and so on. Their client certificates share a key."""

    def __init__(self, root: Path, nodes: int) -> None:
        self.roots = [root / "trees" / f"node-{number:05}" for number in range(nodes)]
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = int(time.time())
        self._authority = Authority("kubernetes", self._now + 3000 * DAY)
        self._shared = root / "shared"
        self._shared.mkdir(parents=True)
        for name, content in self._constant().items():
            path = self._shared / name.replace("/", "-")
            path.write_bytes(content)
            path.chmod(0o600)
        for one in self.roots:
            self._make(one)

    def rotate(self) -> None:
        """Every kubelet stores a new pair and moves its link; the oldest of its dated files is cleaned away."""
        self._now += 1
        for root in self.roots:
            self._store(root, self._now)
            folder = f"{root}{PKI}"
            dated = sorted(name for name in os.listdir(folder) if name.startswith(_PREFIX) and name[-5].isdigit())
            for name in dated[:-ROTATIONS]:
                os.unlink(f"{folder}/{name}")

    def _constant(self) -> dict[str, bytes]:
        own = self_signed("node", self._now - 30 * DAY)
        return {
            CA: self._authority.certificate,
            CONFIG: words.configuration(CA, rotateCertificates=True).encode(),
            f"{PKI}/kubelet.crt": own.certificate,
            f"{PKI}/kubelet.key": own.key,
            "/etc/os-release": b"NAME=Debian\nID=debian\n",
        }

    def _make(self, root: Path) -> None:
        for folder in ("/etc/kubernetes/pki", PKI):
            os.makedirs(f"{root}{folder}")
        for name in self._constant_names:
            os.link(self._shared / name.replace("/", "-"), f"{root}{name}")
        user = words.by_file(CURRENT)
        authority = f"certificate-authority-data: {words.encoded(self._authority.certificate)}"
        own = {
            "/etc/hostname": f"{root.name}\n",
            "/etc/machine-id": f"{root.name:0>32}\n",
            KUBELET_CONF: words.kubeconfig(words.kubeadm(root.name), authority, user),
        }
        for name, content in own.items():
            Path(f"{root}{name}").write_text(content)
        for back in reversed(range(ROTATIONS)):
            self._store(root, self._now - (back + 1) * DAY)

    @property
    def _constant_names(self) -> tuple[str, ...]:
        return (CA, CONFIG, f"{PKI}/kubelet.crt", f"{PKI}/kubelet.key", "/etc/os-release")

    def _store(self, root: Path, now: int) -> None:
        pair = self._authority.issue(f"system:node:{root.name}", now, now + 365 * DAY, key=self._key)
        name = f"{_PREFIX}{time.strftime('%Y-%m-%d-%H-%M-%S', time.localtime(now))}.pem"
        with open(f"{root}{PKI}/{name}", "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(pair.certificate + pair.key)
        fresh = f"{root}{PKI}/kubelet-client-updated.pem"
        os.symlink(f"{PKI}/{name}", fresh)
        os.rename(fresh, f"{root}{CURRENT}")
