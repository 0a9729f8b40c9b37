"""deploy/kubernetes/monitoring: what is generated is current and means what its sources mean; what monitors select."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.builder import bundle, catalogue, kubernetes, rules
from grafana.builder.__main__ import main
from tests.test_manifests import SHAPES, Shape

FOLDER = SHAPES / "monitoring"
ACCESS = SHAPES / "prometheus-access"
JOBS = re.compile("kubelet-cert-exporter.*")
LARGEST = 250_000  # bytes: a client-side apply keeps the whole object in an annotation, of which 256 KiB are allowed


def documents(file: Path) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text()))


@pytest.fixture(name="rule")
def prometheus_rule() -> Any:
    (found,) = documents(FOLDER / "prometheusrule.yaml")
    return found


def monitor(shape: str) -> tuple[Any, Any]:
    """What watches a shape: its spec, and its one endpoint."""
    (found,) = documents(FOLDER / {"ssh": "servicemonitor.yaml", "daemonset": "podmonitor.yaml"}[shape])
    (endpoint,) = found["spec"].get("endpoints") or found["spec"]["podMetricsEndpoints"]
    return found["spec"], endpoint


def test_what_is_committed_is_what_is_built() -> None:
    """Building again changes no file of the repository."""
    made = bundle.of_the_repository()
    assert {path for path in made if path.parent == FOLDER} == {
        FOLDER / name for name in ("prometheusrule.yaml", "dashboards.yaml")
    }
    assert [path.name for path, text in made.items() if path.read_text() != text] == []


def test_no_file_of_the_folder_is_forgotten() -> None:
    """What a build elsewhere writes is the whole folder."""
    generated = kubernetes.manifests({}, {})
    assert {file.name for file in FOLDER.iterdir()} == {*generated, *kubernetes.BY_HAND}


def test_the_rule_has_every_group(rule: Any) -> None:
    """All groups of all rule files, unchanged, in one PrometheusRule."""
    sources = [group for text in rules.rule_files().values() for group in yaml.safe_load(text)["groups"]]
    assert sources
    assert rule["spec"]["groups"] == sources
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")


def test_the_rule_is_valid_for_prometheus(rule: Any, tmp_path: Path) -> None:
    """Promtool takes its spec as a rule file."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rule["spec"]))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_old_releases_of_kube_prometheus_take_the_rule(rule: Any) -> None:
    """They ask for two labels; the chart's is put on by the kustomization."""
    assert {"prometheus": "k8s", "role": "alert-rules"}.items() <= rule["metadata"]["labels"].items()
    (kustomization,) = documents(FOLDER / "kustomization.yaml")
    assert kustomization["labels"] == [{"pairs": {"release": "kube-prometheus-stack"}}]


def test_each_dashboard_is_in_a_config_map() -> None:
    """With the sidecar's label, the same JSON, and a file name of its own."""
    held: dict[str, Any] = {}
    for config_map in documents(FOLDER / "dashboards.yaml"):
        assert (config_map["apiVersion"], config_map["kind"]) == ("v1", "ConfigMap")
        assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert config_map["metadata"]["annotations"] == {"grafana_folder": "Kubelet certificates"}
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", config_map["metadata"]["name"])
        held.update(config_map["data"])
    assert {name: json.loads(text) for name, text in held.items()} == {
        f"kubelet-cert-{file.name}": json.loads(file.read_text()) for file in catalogue.FOLDER.glob("*.json")
    }


def test_each_object_is_small_enough_to_be_applied() -> None:
    """A client-side apply copies an object into one of its annotations."""
    made = [one for file in FOLDER.iterdir() for one in documents(file)]
    assert [one["metadata"]["name"] for one in made if "metadata" in one and len(json.dumps(one)) > LARGEST] == []


def test_everything_is_in_the_namespace_of_the_monitoring() -> None:
    """It is the one that the exporters' network policies let in."""
    made = [one for file in FOLDER.iterdir() for one in documents(file) if one["kind"] != "Kustomization"]
    assert {one["metadata"]["namespace"] for one in made} == {kubernetes.NAMESPACE}
    for shape in ("ssh", "daemonset"):
        (ingress,) = Shape(shape).kinds["NetworkPolicy"]["spec"]["ingress"]
        selector = ingress["from"][0]["namespaceSelector"]["matchLabels"]
        assert selector == {"kubernetes.io/metadata.name": kubernetes.NAMESPACE}


@pytest.mark.parametrize(("shape", "selected"), [("ssh", "Service"), ("daemonset", "pod")])
def test_a_monitor_selects_what_runs(shape: str, selected: str) -> None:
    """By namespace, labels and the port's name; the job that comes of it is one that the rules ask for."""
    spec, endpoint = monitor(shape)
    runs = Shape(shape)
    metadata = runs.kinds["Service"]["metadata"] if selected == "Service" else runs.template["metadata"]
    ports = runs.kinds["Service"]["spec"]["ports"] if selected == "Service" else runs.container["ports"]
    assert spec["namespaceSelector"] == {"matchNames": [runs.kustomization["namespace"]]}
    assert spec["selector"]["matchLabels"].items() <= metadata["labels"].items()
    assert endpoint["port"] in [port["name"] for port in ports]
    assert JOBS.fullmatch(metadata["labels"][spec["jobLabel"]])
    assert endpoint["honorLabels"] is True


def test_the_jobs_are_those_of_the_rules() -> None:
    """Each matcher of a job in a rule takes both, as the whole name."""
    matchers = set(re.findall(r'job=~"([^"]+)"', "".join(rules.rule_files().values())))
    assert matchers == {JOBS.pattern}


@pytest.mark.parametrize("shape", ["ssh", "daemonset"])
def test_a_scrape_fits_its_interval(shape: str) -> None:
    """The rules look back ten minutes; a scrape ends before the next begins."""
    _, endpoint = monitor(shape)
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("1m", "30s")


def test_prometheus_may_look_and_nothing_more() -> None:
    """Its role reads what service discovery needs, in whichever namespace it is applied to."""
    (role,), (binding,) = documents(ACCESS / "role.yaml"), documents(ACCESS / "rolebinding.yaml")
    assert all("namespace" not in one["metadata"] for one in (role, binding))
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert resources == {"services", "endpoints", "pods", "endpointslices"}
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": role["kind"],
        "name": "prometheus-k8s",
    }
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "prometheus-k8s", "namespace": kubernetes.NAMESPACE}
    ]


def test_a_build_elsewhere_has_own_links(tmp_path: Path) -> None:
    """Rules, dashboards and manifests name the given base URLs, and none has a placeholder left."""
    given = ["--grafana-url=https://graphs.corp/g/", "--runbooks-url=https://wiki.corp/certs", f"--output={tmp_path}"]
    assert main(given) == 0
    files = {file.relative_to(tmp_path).as_posix(): file.read_text() for file in tmp_path.rglob("*.*")}
    assert {name.partition("/")[0] for name in files} == {"alerts", "dashboards", "kubernetes"}
    assert {name.removeprefix("kubernetes/") for name in files if name.startswith("kubernetes/")} == {
        file.name for file in FOLDER.iterdir()
    }
    assert [name for name, text in files.items() if rules.GRAFANA in text or rules.RUNBOOKS in text] == []
    for name in ("alerts/rotation.yaml", "kubernetes/prometheusrule.yaml"):
        assert "https://wiki.corp/certs/KubeletCertExpired.md" in files[name]
        assert "https://graphs.corp/g/d/kubelet-cert-node?" in files[name]


def test_a_build_elsewhere_is_valid(tmp_path: Path) -> None:
    """Links change nothing but links: what is built is still YAML and JSON, with as many rules."""
    main(
        [
            "--grafana-url=http://[2001:db8::1]:3000",
            "--runbooks-url=https://wiki.corp/a:b@c,d=e",
            f"--output={tmp_path}",
        ]
    )
    (rule,) = documents(tmp_path / "kubernetes/prometheusrule.yaml")
    (committed,) = documents(FOLDER / "prometheusrule.yaml")
    expressions = [
        [one["expr"] for group in it["spec"]["groups"] for one in group["rules"]] for it in (rule, committed)
    ]
    assert expressions[0] == expressions[1]
    for file in (tmp_path / "dashboards").iterdir():
        json.loads(file.read_text())


@pytest.mark.parametrize(
    "given", [["--grafana-url=https://graphs.corp"], ["--output=DIR", "--runbooks-url=wiki.corp"], ["--runbooks-url=x"]]
)
def test_arguments_that_cannot_be(given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own links never enter the repository, and what is no base URL is refused; then nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []
