"""OpenSSH's own client: a child process for each node."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.clients.client import Round, Tally
from bench.site import COMMAND, Site

PINNED = (
    "-oKexAlgorithms=curve25519-sha256",
    "-oCiphers=aes128-gcm@openssh.com",
    "-oHostKeyAlgorithms=ssh-ed25519",
    "-oPubkeyAcceptedAlgorithms=ssh-ed25519",
)


def children(site: Site, in_flight: int) -> Round:
    """With the algorithms that it chooses by itself."""
    return _round(site, in_flight, ())


def pinned(site: Site, in_flight: int) -> Round:
    """With the cheapest algorithms, and no search for others."""
    return _round(site, in_flight, PINNED)


def shared(site: Site, in_flight: int) -> Round:
    """Through one connection to the bastion (ControlMaster), to which each node's child is a jump."""

    def visits(tally: Tally) -> None:
        with tempfile.TemporaryDirectory(prefix="kce-") as folder:
            control = (f"-oControlPath={folder}/control",)
            to_bastion = [*command(site, site.bastion), *control]
            # in the foreground: a master that detaches itself is no child of ours, and its CPU would not count
            master = subprocess.Popen([*to_bastion, "-M", "-N"], stdin=subprocess.DEVNULL)
            try:
                while not Path(folder, "control").exists() and master.poll() is None:
                    time.sleep(0.02)
                jump = shlex.join([*to_bastion[:-1], "-W", "%h:%p", site.bastion])
                _round(site, in_flight, (f"-oProxyCommand={jump}",))(tally)
            finally:
                master.terminate()
                master.wait()

    return visits


def command(site: Site, address: str, options: Sequence[str] = ()) -> list[str]:
    """``ssh`` that reads no file of this machine's user, and asks nothing."""
    where = ["-p", str(site.port), "-l", site.user, "-i", site.key]
    trust = [f"-oUserKnownHostsFile={site.known_hosts}", "-oGlobalKnownHostsFile=/dev/null"]
    manner = ["-oStrictHostKeyChecking=yes", "-oBatchMode=yes", "-oIdentitiesOnly=yes", "-oUpdateHostKeys=no"]
    return ["ssh", "-F", "none", *where, *trust, *manner, *options, address]


def _round(site: Site, in_flight: int, options: Sequence[str]) -> Round:
    def visit(address: str) -> bytes:
        asked = [*command(site, address, options), COMMAND]
        return subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout

    def visits(tally: Tally) -> None:
        with ThreadPoolExecutor(in_flight) as pool:
            for text in pool.map(visit, site.addresses):
                tally.take(text)

    return visits
