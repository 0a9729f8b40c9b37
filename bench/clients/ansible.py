"""``ansible -m raw``: what many fleets are asked with today. Its start and its children count."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.clients.client import Round, Tally
from bench.site import COMMAND, Site

ANSWER = re.compile(rb"^kubelet-cert-exporter answer \S+ begin$.*?^kubelet-cert-exporter answer \S+ end\n", re.M | re.S)


def raw(site: Site, in_flight: int) -> Round:
    """One ``ansible`` over all nodes, its forks as many as may be in flight."""

    def visits(tally: Tally) -> None:
        with tempfile.TemporaryDirectory(prefix="kce-") as folder:
            inventory = Path(folder, "inventory")
            inventory.write_text("".join(f"{address}\n" for address in site.addresses))
            program = Path(sys.executable).with_name("ansible")
            asked = [str(program), "all", "-i", str(inventory), "-m", "raw", "-a", COMMAND, "-f", str(in_flight)]
            done = subprocess.run(asked, env=_environment(site, folder), capture_output=True, check=True)
        for text in ANSWER.findall(done.stdout.replace(b"\r\n", b"\n")):
            tally.take(text)

    return visits


def _environment(site: Site, folder: str) -> dict[str, str]:
    """No file of this machine's user; no ControlPersist, whose masters outlive the run, and their CPU its count."""
    arguments = f"-F none -o UserKnownHostsFile={site.known_hosts} -o IdentitiesOnly=yes -o ControlMaster=no"
    return {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_PRIVATE_KEY_FILE": site.key,
        "ANSIBLE_REMOTE_PORT": str(site.port),
        "ANSIBLE_REMOTE_USER": site.user,
        "ANSIBLE_SSH_ARGS": arguments,
    }
