"""The exporter as a process behind its own door, with either server stack, and a client that has what it asks for."""

from __future__ import annotations

import base64
import http.client
import os
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from tests.authority import Authority
from tests.running import Running

STACKS = {"fast": (), "pure": ("uvloop", "httptools", "isal.isal_zlib")}
PASSWORD = "correct horse"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
HOUSE = f"""
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
{{sans}}
basic_auth_users:
  prometheus: {HASH}
http_server_config:
  headers:
    X-Frame-Options: deny
    X-XSS-Protection: 0
"""


def basic(name: str = "prometheus", password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@dataclass
class House:
    """A daemon behind its door, and the files of both."""

    here: Path
    authority: Authority
    exporter: Running

    @property
    def port(self) -> int:
        return int(self.exporter.url.rpartition(":")[2])

    @property
    def probes(self) -> str:
        found = re.search(r"probes=(\S+)", "".join(self.exporter.log))
        assert found
        return found[1]

    def context(self, client: str | None = "client", **versions: ssl.TLSVersion) -> ssl.SSLContext:
        """A client's, that trusts the server; ``client`` names its own pair."""
        context = ssl.create_default_context(cafile=str(self.here / "ca.crt"))
        for name, version in versions.items():
            setattr(context, name, version)
        if client:
            context.load_cert_chain(self.here / f"{client}.crt", self.here / f"{client}.key")
        return context

    def get(
        self, path: str = "/metrics", authorization: str | None = basic(), context: ssl.SSLContext | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPSConnection("localhost", self.port, context=context or self.context(), timeout=20)
        try:
            connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def scrape(self) -> float:
        """The seconds that a whole scrape takes."""
        began = time.monotonic()
        status, _, body = self.get()
        assert (status, "kubelet_cert_inventory_nodes" in body) == (200, True)
        return time.monotonic() - began

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.exporter.process.pid}/fd"))

    def memory(self) -> int:
        """MiB that the daemon has."""
        status = Path(f"/proc/{self.exporter.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s*(\d+)", status)[0]) // 1024


def build(here: Path, stack: str, web: str, *flags: str) -> House:
    """Files for a daemon over one node that is not there; it is not started yet."""
    authority = Authority()
    authority.server().write(here, "server")
    authority.client().write(here, "client")
    (here / "ca.crt").write_bytes(authority.certificate)
    (here / "web.yml").write_text(web)
    (here / "config.yaml").write_text(f"groups:\n  a:\n    transport: local\n    root: {here}\n    nodes: [n1]\n")
    flags = (f"--web.config.file={here / 'web.yml'}", "--web.health-listen-address=127.0.0.1:0", *flags)
    return House(here, authority, Running(here / "config.yaml", *flags, without=STACKS[stack]))


def until(condition: Callable[[], bool], patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
