"""A whole node as a folder: store, the kubelet's own files, and a /proc of static files, read by the script's ROOT."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from exporter.collect.answer import answer
from exporter.collect.script import node_script
from exporter.config.settings import Paths
from exporter.demo.signer import Pair
from exporter.demo.store import FileStore
from exporter.model.facts import NodeFacts
from tests.trees import CURRENT, NOW, Mint, plain


def _as_sh(name: str, path: str) -> str:
    """A shell by the name ``sh``, as a login finds it: bash and busybox look at their name."""
    link = Path(_FOLDER.name, name, "sh")
    link.parent.mkdir(mode=0o755)
    link.symlink_to(path)
    return str(link)


SHELLS = {name: path for name in ("dash", "bash", "busybox") if (path := shutil.which(name))}
_FOLDER = tempfile.TemporaryDirectory(prefix="kce-shells-")
os.chmod(_FOLDER.name, 0o755)
SH = {name: _as_sh(name, path) for name, path in SHELLS.items()}
STORE = Paths().store
KUBECONFIG = "/etc/kubernetes/kubelet.conf"
BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf"
CONFIG = "/var/lib/kubelet/config.yaml"
CLUSTER_CA = "/etc/kubernetes/pki/ca.crt"
LINK = f"{STORE}/{CURRENT}"
KUBEADM = (
    "/usr/bin/kubelet",
    f"--bootstrap-kubeconfig={BOOTSTRAP}",
    f"--kubeconfig={KUBECONFIG}",
    f"--config={CONFIG}",
)
BOOTED = NOW - 1_000_000
STARTED_TICKS = 5_000
LINK_USER = f"client-certificate: {LINK}\n    client-key: {LINK}"
CONFIGURATION = f"""\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  x509:
    clientCAFile: {CLUSTER_CA}
clusterDNS:
- 10.96.0.10
kind: KubeletConfiguration
rotateCertificates: true
"""


def base64_of(text: bytes) -> str:
    return base64.b64encode(text).decode("ascii")


def kubeconfig(user: str = LINK_USER, authority: str = "certificate-authority: pki/ca.crt") -> str:
    """kubelet.conf as kubeadm writes it; ``user`` and ``authority`` are lines, indented by four."""
    return f"""\
apiVersion: v1
clusters:
- cluster:
    {authority}
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: system:node:worker-1
  name: system:node:worker-1@kubernetes
current-context: system:node:worker-1@kubernetes
kind: Config
users:
- name: system:node:worker-1
  user:
    {user}
"""


def embedded(pair: Pair) -> str:
    """A user whose certificate and key stand in the kubeconfig itself."""
    return f"client-certificate-data: {base64_of(pair.certificate)}\n    client-key-data: {base64_of(pair.key)}"


class NodeTree:
    """A folder that is a node's root; paths are the node's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mint = Mint()
        root.mkdir(parents=True, exist_ok=True)
        self.write("/proc/stat", f"cpu 1 2 3\nbtime {BOOTED}\n")

    @classmethod
    def worker(cls, root: Path, rotations: int = 3) -> NodeTree:
        """A healthy kubeadm worker."""
        tree = cls(root)
        tree.write("/proc/uptime", "1000000.50 3000000.10\n")
        tree.write("/etc/hostname", "worker-1\n")
        tree.write("/etc/os-release", 'NAME="Debian"\nID=debian\nID_LIKE=none\n')
        tree.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        tree.write("/proc/sys/kernel/random/boot_id", "81b21828-2f81-4d13-9e7a-a2385e964c43\n")
        tree.rotate(rotations)
        tree.write(CLUSTER_CA, tree.mint.issue("kubernetes", NOW, NOW + 10).certificate, 0o644)
        tree.write(KUBECONFIG, kubeconfig())
        tree.write(CONFIG, CONFIGURATION, 0o644)
        tree.process(100, KUBEADM)
        return tree

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, content: str | bytes, mode: int = 0o600) -> Path:
        where = self.at(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        return plain(where, content if isinstance(content, bytes) else content.encode(), mode=mode)

    def link(self, path: str, target: str) -> None:
        where = self.at(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.symlink_to(target)

    def rotate(self, rotations: int, store: str = STORE) -> None:
        """A store whose link is absolute on the node."""
        files = FileStore(self.at(store))
        for back in reversed(range(rotations)):
            moment = NOW - back * 86400
            files.update(self.mint.leaf(moment), moment)
        target = os.readlink(files.current)
        files.current.unlink()
        files.current.symlink_to(f"{store}/{os.path.basename(target)}")

    def process(
        self, number: int, arguments: tuple[str, ...], name: str = "kubelet", uid: int = 0, ticks: int = STARTED_TICKS
    ) -> None:
        """A process of static files."""
        folder = f"/proc/{number}"
        self.write(f"{folder}/comm", f"{name}\n")
        self.write(f"{folder}/cmdline", "".join(f"{word}\0" for word in arguments))
        self.write(f"{folder}/stat", f"{number} ({name}) S 1" + " 0" * 17 + f" {ticks} 0 0\n")
        self.write(f"{folder}/status", f"Name:\t{name}\nState:\tS (sleeping)\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        self.write(f"{folder}/environ", "PATH=/bin\0TZ=Asia/Tokyo\0")

    def output(
        self, shell: str = "dash", paths: Paths | None = None, user: int | None = None, **baked: object
    ) -> bytes:
        """What the script prints of this node."""
        text = node_script(paths or Paths(), root=str(self.root), **baked)
        return run(shell, text, user)

    def facts(
        self, shell: str = "dash", paths: Paths | None = None, user: int | None = None, **baked: object
    ) -> NodeFacts:
        return answer.parse(self.output(shell, paths, user, **baked), paths or Paths(), NOW, NOW)


# No process but our own: a kubelet that happens to run on this machine is none of the tests' business.
ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc") if os.geteuid() == 0 else ()


def run(shell: str, text: str, user: int | None = None, before: tuple[str, ...] = ()) -> bytes:
    """What a script prints, run as ``sh`` by one of the shells; ``before`` are the words of a program that runs it."""
    done = subprocess.run(
        [*before, SH[shell], "-s"],
        input=text.encode("ascii"),
        capture_output=True,
        timeout=60,
        check=True,
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    assert done.stderr == b""
    return done.stdout
