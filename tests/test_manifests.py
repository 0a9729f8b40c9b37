"""The Kubernetes manifests: what they promise, that they fit the exporter, and that a pod of that shape can read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import arguments, main
from exporter.cli.shard import shard
from exporter.demo.signer import Authority
from exporter.rounds.keeper import Kept
from tests.running import Running, states
from tests.sshd import IS_ROOT, make_key, stock

SHAPES = Path(__file__).parent.parent / "deploy/kubernetes"
PLAIN = ("ssh", "daemonset")
BY_SSH = ("ssh", "ssh-sharded")
STORE_PATH = "/var/lib/kubelet/pki"
NO_WORKLOAD = ("monitoring", "prometheus-access")
ROOT = "/host"  # where the DaemonSet mounts what it sees of its node
# What a volume may be in a pod of the Pod Security Standard "restricted".
RESTRICTED_VOLUMES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI", "csi", "ephemeral", "name"}
NODE = "worker-1.prod"


def documents(file: Path) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text()))


def kustomization(shape: str) -> Any:
    return documents(SHAPES / shape / "kustomization.yaml")[0]


def resources(shape: str) -> list[Any]:
    """The manifests of one folder, and those that it patches."""
    given = kustomization(shape)
    found: list[Any] = []
    for file in given["resources"]:
        found += resources(file.removeprefix("../")) if file.startswith("../") else documents(SHAPES / shape / file)
    for patch in given.get("patches", ()):
        (target,) = (one for one in found if (one["kind"], one["metadata"]["name"]) == tuple(patch["target"].values()))
        for operation in documents(SHAPES / shape / patch["path"])[0]:
            change(target, operation)
    return found


def change(manifest: Any, operation: dict[str, Any]) -> None:
    """One operation of a JSON patch."""
    *way, last = operation["path"].strip("/").split("/")
    at = manifest
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if operation["op"] == "remove":
        del at[int(last) if isinstance(at, list) else last]
    elif operation["op"] == "test":
        assert at[last] == operation["value"], operation
    elif last == "-":
        at.append(operation["value"])
    else:
        assert (last in at) == (operation["op"] == "replace"), operation
        at[last] = operation["value"]


class Shape:
    """The manifests of one folder, by kind."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kustomization = kustomization(name)
        found = resources(name)
        self.kinds = {one["kind"]: one for one in found}
        assert len(self.kinds) == len(found)
        (self.workload,) = (one for one in found if "template" in one.get("spec", {}))
        self.template = self.workload["spec"]["template"]
        self.pod = self.template["spec"]
        (self.container,) = self.pod["containers"]
        self.volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        self.claims = {one["metadata"]["name"]: one for one in self.workload["spec"].get("volumeClaimTemplates", ())}
        self.mounts = {mount["name"]: mount for mount in self.container["volumeMounts"]}

    @property
    def config_path(self) -> str:
        return str(arguments.parse(self.container["args"]).config_file)

    def lay(self, folder: Path, word: str = "", other: str = "") -> Path:
        """The ConfigMap's files as the pod has them, with one word replaced; the configuration's path."""
        for name, text in self.kinds["ConfigMap"]["data"].items():
            (folder / name).write_text(text.replace(word, other) if word else text)
        return folder / os.path.basename(self.config_path)


@pytest.fixture(params=(*PLAIN, "ssh-sharded"))
def shape(request: pytest.FixtureRequest) -> Shape:
    return Shape(request.param)


@pytest.fixture
def daemonset() -> Shape:
    return Shape("daemonset")


def test_every_manifest_is_in_its_kustomization() -> None:
    """No file lies beside a kustomization unused, and none that it names is missing."""
    for folder in SHAPES.iterdir():
        given = kustomization(folder.name)
        named = {*given["resources"], *(patch["path"] for patch in given.get("patches", ())), "kustomization.yaml"}
        assert {name for name in named if not name.startswith("../")} == {file.name for file in folder.iterdir()}
    others = {"daemonset-any-owner", "daemonset-kubeadm", "monitoring", "prometheus-access", "ssh-sharded"}
    assert {folder.name for folder in SHAPES.iterdir()} == {*PLAIN, *others}


def test_no_secret_is_shipped() -> None:
    """A key is made by its owner: no manifest holds one."""
    texts = [file.read_text() for file in SHAPES.rglob("*.yaml")]
    assert not [text for text in texts if re.search(r"^kind: Secret$|PRIVATE KEY", text, re.MULTILINE)]


def test_names_fit_each_other(shape: Shape) -> None:
    """One namespace, and selectors, accounts and volumes that name what is there."""
    namespace = shape.kinds["Namespace"]["metadata"]["name"]
    assert shape.kustomization["namespace"] == namespace
    for kind, manifest in shape.kinds.items():
        assert kind == "Namespace" or manifest["metadata"]["namespace"] == namespace
    labels = shape.template["metadata"]["labels"]
    assert shape.workload["spec"]["selector"]["matchLabels"] == labels
    assert shape.kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert shape.pod["serviceAccountName"] == shape.kinds["ServiceAccount"]["metadata"]["name"]
    assert shape.volumes["config"]["configMap"]["name"] == shape.kinds["ConfigMap"]["metadata"]["name"]
    assert sorted(shape.mounts) == sorted([*shape.volumes, *shape.claims])
    if "Service" in shape.kinds:
        assert shape.kinds["Service"]["spec"]["selector"] == labels


def test_the_pod_is_confined(shape: Shape) -> None:
    """Nothing can be written but a folder of its own; no privilege, no token, nothing of the host but its mounts."""
    confined, pod = shape.container["securityContext"], shape.pod
    assert confined["readOnlyRootFilesystem"] is True
    assert confined["allowPrivilegeEscalation"] is False
    assert confined["privileged"] is False
    assert confined["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert shape.kinds["ServiceAccount"]["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    written = [name for name, mount in shape.mounts.items() if not mount.get("readOnly")]
    assert all(name in shape.claims or "emptyDir" in shape.volumes[name] for name in written)
    assert "subPath" not in str(shape.mounts)  # it would stay as it was at the start
    assert shape.container["resources"]["limits"]["memory"]
    assert "Role" not in str(list(shape.kinds))


def test_the_network_policy_lets_in_one_port(shape: Shape) -> None:
    """Prometheus comes in, to the one port; what goes out is listed."""
    policy = shape.kinds["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": "metrics", "protocol": "TCP"}]
    assert rule["from"]
    out = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert out == ({53, 22} if shape.name in BY_SSH else set())
    assert all(rule["to"] for rule in policy["egress"])


def test_ports_and_probes_fit_the_exporter(shape: Shape) -> None:
    """The container's port is the one that its arguments name; probes and service use it."""
    given = arguments.parse(shape.container["args"])
    assert given.command == "run"
    (port,) = shape.container["ports"]
    assert given.listen == [f":{port['containerPort']}"] == [arguments.DEFAULT_ADDRESS]
    probes = [shape.container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert {probe["port"] for probe in probes} == {port["name"]}
    assert [probe["path"] for probe in probes] == ["/-/healthy", "/-/healthy", "/-/ready"]
    if "Service" in shape.kinds:
        (served,) = shape.kinds["Service"]["spec"]["ports"]
        assert (served["port"], served["targetPort"]) == (port["containerPort"], port["name"])


@pytest.mark.parametrize("name", BY_SSH)
def test_the_ssh_shape_is_restricted(name: str) -> None:
    """The Deployment's pod is what the Pod Security Standard "restricted" admits, and its namespace enforces that."""
    shape = Shape(name)
    assert shape.kinds["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert shape.pod["securityContext"]["runAsNonRoot"] is True
    assert {key for volume in shape.volumes.values() for key in volume} <= RESTRICTED_VOLUMES


def test_the_ssh_shape_runs_as_the_image_does() -> None:
    """The user is the image's own; the key is readable by its group, and by nobody else."""
    shape = Shape("ssh")
    user = shape.pod["securityContext"]
    found = re.search(r"^USER (\d+):(\d+)$", (SHAPES.parent.parent / "Dockerfile").read_text(), re.MULTILINE)
    assert found
    assert (user["runAsUser"], user["runAsGroup"]) == (int(found[1]), int(found[2]))
    assert user["fsGroup"] == user["runAsGroup"]
    assert shape.volumes["ssh"]["secret"]["defaultMode"] == 0o400


def test_the_ssh_shapes_configuration_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ConfigMap's files and a key of the user's pass --config.check."""
    shape = Shape("ssh")
    assert shape.config_path.startswith(shape.mounts["config"]["mountPath"] + "/")
    make_key(tmp_path / "id_ed25519", "ed25519")
    config = shape.lay(tmp_path, shape.mounts["ssh"]["mountPath"], str(tmp_path))
    status = main.main(["run", f"--config.file={config}", "--config.check"])
    assert (status, capsys.readouterr().out.splitlines()[0]) == (0, f"{config}: no mistakes; nodes: 3")
    kept = Kept(str(config))
    assert {node.cluster for node in kept.fleet.nodes} == {"prod"}


def test_the_sharded_shape_is_the_ssh_shape() -> None:
    """Its pods differ from the Deployment's in nothing but the share that each has, and a store that outlives it."""
    one, many = Shape("ssh"), Shape("ssh-sharded")
    assert many.workload["kind"] == "StatefulSet"
    assert many.workload["spec"]["serviceName"] == many.kinds["Service"]["metadata"]["name"]
    assert many.container["args"][: len(one.container["args"])] == one.container["args"]
    assert set(many.container) - set(one.container) == {"env"}
    assert "emptyDir" in one.volumes.pop("state")
    volumes = list(one.volumes.values())
    assert many.template | {"spec": {**many.pod, "containers": ()}} == one.template | {
        "spec": {**one.pod, "containers": (), "volumes": volumes}
    }


def test_every_shard_has_a_store_of_its_own() -> None:
    """Each pod claims the volume of its store, which one pod at a time may write to; the pods share none."""
    many = Shape("ssh-sharded")
    folder = re.search(r"^VOLUME (\S+)$", (SHAPES.parent.parent / "Dockerfile").read_text(), re.MULTILINE)
    (claim,) = many.claims.values()
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert folder
    assert many.mounts[claim["metadata"]["name"]]["mountPath"] == folder[1]
    assert not [volume for volume in many.volumes.values() if "persistentVolumeClaim" in volume]


def test_every_share_has_a_pod(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The pods' ordinals are the shards, and together they have every node of the configuration."""
    shape = Shape("ssh-sharded")
    (variable,) = shape.container["env"]
    assert variable["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    make_key(tmp_path / "id_ed25519", "ed25519")
    config = shape.lay(tmp_path, shape.mounts["ssh"]["mountPath"], str(tmp_path))
    nodes = []
    for ordinal in range(shape.workload["spec"]["replicas"]):
        args = [one.replace(f"$({variable['name']})", str(ordinal)) for one in shape.container["args"]]
        share = shard(arguments.parse(args))
        assert (share.index, share.total) == (ordinal, shape.workload["spec"]["replicas"])
        nodes += [node.name for node in Kept(str(config), shard=share).fleet.nodes]
    assert sorted(nodes) == [node.name for node in Kept(str(config)).fleet.nodes]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("name", [folder.name for folder in SHAPES.iterdir() if folder.name not in NO_WORKLOAD])
def test_kustomize_builds_it(name: str) -> None:
    """What these tests read is what is applied."""
    done = subprocess.run(["kubectl", "kustomize", SHAPES / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    built = {one["kind"]: one for one in yaml.safe_load_all(done.stdout)}
    for one in resources(name):
        if "template" in one.get("spec", {}):  # the workload, which patches change
            images = {
                image["name"]: image for image in kustomization("ssh" if "ssh" in name else "daemonset")["images"]
            }
            (container,) = one["spec"]["template"]["spec"]["containers"]
            image = images[container["image"]]
            container["image"] = f"{image['newName']}:{image['newTag']}"
            assert built[one["kind"]] == one


def test_the_daemonset_sees_the_store_and_nothing_else(daemonset: Shape) -> None:
    """As root, without a capability, on every node: one folder of the host, where the node itself has it."""
    assert daemonset.pod["securityContext"]["runAsUser"] == 0
    assert daemonset.pod["tolerations"] == [{"operator": "Exists"}]
    hosts = {name: volume["hostPath"] for name, volume in daemonset.volumes.items() if "hostPath" in volume}
    assert list(hosts.values()) == [{"path": STORE_PATH, "type": "Directory"}]
    (name,) = hosts
    assert daemonset.mounts[name]["mountPath"] == ROOT + STORE_PATH
    assert {key for volume in daemonset.volumes.values() for key in volume} == {"name", "configMap", "hostPath"}


def test_the_daemonsets_configuration_names_its_own_node(
    daemonset: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One configuration for all: each pod reads the node that it runs on, below the mount, and calls it by its name."""
    (variable,) = daemonset.container["env"]
    assert variable["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName"
    monkeypatch.setenv(variable["name"], NODE)
    (node,) = Kept(str(daemonset.lay(tmp_path))).fleet.nodes
    assert (node.name, node.address, node.paths.store) == (NODE, ROOT, STORE_PATH)


def test_one_more_shape_adds_one_capability() -> None:
    """Stores that are not root's take the same DaemonSet with DAC_READ_SEARCH, and with nothing else."""
    given = kustomization("daemonset-any-owner")
    assert given["resources"] == ["../daemonset"]
    (patch,) = given["patches"]
    workload = Shape("daemonset").workload
    assert patch["target"] == {"kind": workload["kind"], "name": workload["metadata"]["name"]}
    assert documents(SHAPES / "daemonset-any-owner" / patch["path"])[0] == [
        {
            "op": "add",
            "path": "/spec/template/spec/containers/0/securityContext/capabilities/add",
            "value": ["DAC_READ_SEARCH"],
        }
    ]


SEEN = (  # beside the store, on a node of kubeadm's
    ("/proc", "Directory"),
    ("/etc/kubernetes/kubelet.conf", "File"),
    ("/var/lib/kubelet/config.yaml", "File"),
    ("/etc/kubernetes/pki/ca.crt", "File"),
)


def test_the_shape_for_kubeadm_adds_what_it_says_and_nothing_else() -> None:
    """The same DaemonSet with /proc and three files, each read-only and where the node has it; no privilege."""
    given = kustomization("daemonset-kubeadm")
    assert given["resources"] == ["../daemonset"]
    (patch,) = given["patches"]
    workload = Shape("daemonset").workload
    assert patch["target"] == {"kind": workload["kind"], "name": workload["metadata"]["name"]}
    operations = documents(SHAPES / "daemonset-kubeadm" / patch["path"])[0]
    assert {operation["op"] for operation in operations} == {"add"}
    pod = "/spec/template/spec"
    mounts = [one["value"] for one in operations if one["path"] == f"{pod}/containers/0/volumeMounts/-"]
    volumes = [one["value"] for one in operations if one["path"] == f"{pod}/volumes/-"]
    assert len(mounts) + len(volumes) == len(operations)
    assert [volume["hostPath"] for volume in volumes] == [{"path": path, "type": kind} for path, kind in SEEN]
    assert mounts == [
        {"name": volume["name"], "mountPath": ROOT + volume["hostPath"]["path"], "readOnly": True} for volume in volumes
    ]


class Pod:
    """A process of the DaemonSet's shape: root with the given capabilities alone, over a store mounted read-only."""

    def __init__(self, daemonset: Shape, folder: Path) -> None:
        self.store = stock(folder / "node", NODE, Authority(), time.time())
        self.mounted = folder / "host" / STORE_PATH.lstrip("/")
        self.mounted.mkdir(parents=True)
        self.config = daemonset.lay(folder, ROOT, str(folder / "host"))

    def wrapper(self, *capabilities: str) -> list[str]:
        """What becomes the exporter in the end."""
        mount = 'mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" && shift 2 && exec "$@"'
        bounded = ",".join(("-all", *capabilities))
        place = ["unshare", "--mount", "--propagation=private", "sh", "-c", mount, "sh"]
        user = ["setpriv", "--no-new-privs", "--clear-groups", "--inh-caps=-all", f"--bounding-set={bounded}"]
        return [*place, str(self.store), str(self.mounted), *user, "env", f"NODE_NAME={NODE}"]

    def visit(self, *capabilities: str) -> tuple[str, str | None]:
        """State and reason as one visit tells them."""
        command = [sys.executable, "-m", "exporter", "visit", f"--config.file={self.config}", "--format=json"]
        done = subprocess.run([*self.wrapper(*capabilities), *command], capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        (node,) = json.loads(done.stdout)
        assert node["node"] == NODE
        return node["state"], node["reason"]


@pytest.fixture
def pod(daemonset: Shape, tmp_path: Path) -> Pod:
    if not IS_ROOT:
        pytest.skip("only root can be root without capabilities, and mount")
    pod = Pod(daemonset, tmp_path)
    tried = subprocess.run([*pod.wrapper(), "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no mount namespace can be made here: {tried.stderr.strip()}")
    return pod


@pytest.mark.parametrize(
    ("owner", "folder", "capabilities", "told"),
    [
        (0, 0o755, (), ("fresh", None)),
        (0, 0o700, (), ("fresh", None)),
        (1234, 0o755, (), ("unknown", "certificate_denied")),
        (1234, 0o700, (), ("unknown", "store_denied")),
        (1234, 0o700, ("+dac_read_search",), ("fresh", None)),
    ],
)
def test_what_root_without_capabilities_reads(
    pod: Pod, owner: int, folder: int, capabilities: Sequence[str], told: tuple[str, str | None]
) -> None:
    """Root's own 0600 files need no capability; another owner's need DAC_READ_SEARCH, else they are denied."""
    for path in (pod.store, *pod.store.iterdir()):
        os.chown(path, owner, owner, follow_symlinks=False)
    pod.store.chmod(folder)
    assert {path.stat().st_mode & 0o777 for path in pod.store.glob("*-20*")} == {0o600}
    assert pod.visit(*capabilities) == told


def test_a_pod_of_the_daemonset_serves_its_node(pod: Pod, daemonset: Shape) -> None:
    """The daemon runs in that shape: its probes answer, and its one node is told by name."""
    with Running(pod.config, wrapper=pod.wrapper()) as exporter:
        exporter.wait_for(lambda: exporter.get(daemonset.container["readinessProbe"]["httpGet"]["path"])[0] == 200)
        assert exporter.get(daemonset.container["livenessProbe"]["httpGet"]["path"])[0] == 200
        assert states(exporter.scrape()) == {NODE: "fresh"}
        status = Path(f"/proc/{exporter.process.pid}/status").read_text()
    assert re.findall(r"^(?:Uid|CapEff|CapBnd|NoNewPrivs):\s+(\S+)", status, re.MULTILINE) == [
        "0",
        "0" * 16,
        "0" * 16,
        "1",
    ]
