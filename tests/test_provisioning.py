"""grafana/provisioning: what a Grafana finds that has these folders mounted, as grafana/README.md says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from grafana.builder.__main__ import main

GRAFANA = Path(__file__).parent.parent / "grafana"
README = (GRAFANA / "README.md").read_text()
README_MOUNT = re.compile(r'-v "\$PWD/grafana/(\S+?):(\S+?):ro"')


def provisioned(kind: str, file: str) -> Any:
    document = yaml.safe_load((GRAFANA / "provisioning" / kind / file).read_text())
    assert document["apiVersion"] == 1
    (only,) = document["datasources" if kind == "datasources" else "providers"]
    return only


def test_dashboards_are_looked_for_where_they_are_mounted() -> None:
    """The provider's path, and each kind of provisioning at Grafana's own place for it."""
    mounts = dict(README_MOUNT.findall(README))
    assert mounts == {
        "provisioning/datasources": "/etc/grafana/provisioning/datasources",
        "provisioning/dashboards": "/etc/grafana/provisioning/dashboards",
        "dashboards": provisioned("dashboards", "kubelet-cert.yaml")["options"]["path"],
    }
    (home,) = re.findall(r"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH=(\S+)", README)
    folder, _, name = home.rpartition("/")
    assert folder == mounts["dashboards"]
    assert (GRAFANA / "dashboards" / name).is_file()


def test_changes_in_the_browser_are_refused() -> None:
    """They would be lost at the next look at the files."""
    provider = provisioned("dashboards", "kubelet-cert.yaml")
    assert (provider["type"], provider["allowUiUpdates"], provider["disableDeletion"]) == ("file", False, True)


def test_the_data_source_is_the_default() -> None:
    """The dashboards' variable has no saved value: it takes the default Prometheus."""
    source = provisioned("datasources", "prometheus.yaml")
    assert (source["type"], source["isDefault"], source["access"]) == ("prometheus", True, "proxy")


def test_the_page_is_true_of_the_builder(tmp_path: Path) -> None:
    """Its command builds, and the folders that it names afterwards are there."""
    (call,) = re.findall(r"python3 -m grafana\.builder ((?:[^\n]*\\\n)*[^\n]*)", README)
    given = call.replace("\\\n", " ").replace("build/kubelet-cert", str(tmp_path)).split()
    assert main(given) == 0
    named = set(re.findall(r"build/kubelet-cert/(\w+)", README))
    assert named <= {folder.name for folder in tmp_path.iterdir()}


def test_its_commands_pass_the_linter(tmp_path: Path) -> None:
    """Each block of shell is clean for any POSIX one."""
    for number, block in enumerate(re.findall(r"^ *```sh\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)):
        (tmp_path / f"{number}.sh").write_text(block)
    done = subprocess.run(["shellcheck", "-s", "sh", *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_its_prometheus_configuration_is_valid(tmp_path: Path) -> None:
    """The example of a configuration, as promtool sees it."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (example,) = [block for block in blocks if "scrape_configs" in block]
    file = tmp_path / "prometheus.yml"
    file.write_text(example.replace("/etc/prometheus/kubelet-cert", str(GRAFANA / "alerts")))
    done = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
