"""The demonstration fleet: its nodes' files, their stories, and the configuration that finds them."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from exporter.demo.server import DemoServer, Host, HostKey, new_key
from exporter.demo.signer import Authority, Pair
from exporter.demo.store import FileStore
from exporter.errors import ConfigurationError, Mistake

HEALTHY_TTL = 300  # with the signer's backdate a life of ten minutes
STALLED_LIFE = 4 * 3600
STALLED_AT = 0.899
TICK = 0.5


class Story(StrEnum):
    """What is the matter with a node of the demonstration."""

    HEALTHY = "healthy"
    STALLED = "stalled"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    UNREACHABLE = "unreachable"
    CHANGED_HOST_KEY = "changed host key"
    DENIED = "store denied"
    REGULAR_FILE = "regular file in place of the link"


@dataclass(frozen=True, slots=True)
class Character:
    """A node of the demonstration: its name, cluster and story."""

    name: str
    cluster: str
    story: Story = Story.HEALTHY


FLEET = (
    *(Character(f"control-{number}.prod", "prod") for number in range(1, 4)),
    *(Character(f"worker-{number:02}.prod", "prod") for number in range(1, 8)),
    Character("worker-08.prod", "prod", Story.STALLED),
    Character("worker-09.prod", "prod", Story.CHANGED_HOST_KEY),
    Character("worker-10.prod", "prod", Story.REGULAR_FILE),
    *(Character(f"edge-{number:02}.branch", "branch") for number in range(1, 8)),
    Character("edge-08.branch", "branch", Story.EXPIRED),
    Character("edge-09.branch", "branch", Story.UNREACHABLE),
    Character("edge-10.branch", "branch", Story.NOT_YET_VALID),
    Character("edge-11.branch", "branch", Story.DENIED),
)


class World:
    """The fleet on disk below ``directory``, its sshd, and the thread in which its kubelets rotate."""

    def __init__(self, directory: Path, dice: random.Random) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigurationError(Mistake(str(directory), "not empty"))
        self.directory = directory
        self.config = directory / "config.yaml"
        self._dice = dice
        self._authorities = {character.cluster: Authority(f"{character.cluster}-ca") for character in FLEET}
        self._due: dict[Character, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="demo-kubelets", daemon=True)
        login = new_key()
        keys = {character.name: new_key() for character in FLEET}
        self._server = DemoServer([self._host(character, keys[character.name]) for character in FLEET], login)
        directory.chmod(0o755)  # one node's script runs under another uid
        login.write_private_key_file(str(directory / "id_ecdsa"))
        for character in FLEET:
            self._furnish(character, time.time())
        self._write_known_hosts(keys)
        self._write_config()

    def start(self) -> None:
        self._server.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.stop()
        self._thread.join(2.0)

    def switch(self, name: str) -> Path:
        """While this file exists, the node does not answer."""
        return self.directory / "nodes" / name / "off"

    def store(self, name: str) -> Path:
        """A node's certificate directory."""
        return self.directory / "nodes" / name / "var/lib/kubelet/pki"

    def _host(self, character: Character, key: HostKey) -> Host:
        off = self.switch(character.name)
        return Host(character.name, key, lambda: not off.exists(), as_nobody=character.story is Story.DENIED)

    def _furnish(self, character: Character, now: float) -> None:
        """Give a node its store as its story has it."""
        store, name = FileStore(self.store(character.name)), f"system:node:{character.name}"
        authority = self._authorities[character.cluster]
        match character.story:
            case Story.STALLED:
                issued = now - STALLED_AT * STALLED_LIFE
                store.update(authority.issue(name, issued, issued + STALLED_LIFE), issued)
            case Story.EXPIRED:
                store.update(authority.issue(name, now - 4200, now - 600), now - 4200)
            case Story.NOT_YET_VALID:
                store.update(authority.issue(name, now + 7200, now + 7200 + 86400), now)
            case Story.REGULAR_FILE:
                path = store.update(authority.client(character.name, now, 86400), now)
                content = path.read_bytes()
                store.current.unlink()
                store.current.write_bytes(content)
                store.current.chmod(0o600)
            case _:
                self._rotate(character, now - self._dice.uniform(0, 0.15) * (HEALTHY_TTL + 300))
        if character.story is Story.DENIED:
            self.store(character.name).chmod(0o000)
        if character.story is Story.UNREACHABLE:
            self.switch(character.name).touch()

    def _rotate(self, character: Character, now: float) -> None:
        """One rotation by the kubelet's rule, and the draw of the next."""
        authority = self._authorities[character.cluster]
        pair: Pair = authority.client(character.name, now, HEALTHY_TTL)
        FileStore(self.store(character.name)).update(pair, now)
        not_before, not_after = authority.dates(now, HEALTHY_TTL)
        self._due[character] = not_before + (not_after - not_before) * self._dice.uniform(0.7, 0.9)

    def _live(self) -> None:
        while not self._stopping.wait(TICK):
            now = time.time()
            for character, due in list(self._due.items()):
                if due <= now and character.story is Story.HEALTHY:
                    self._rotate(character, now)

    def _write_known_hosts(self, keys: dict[str, HostKey]) -> None:
        lines = []
        for character in FLEET:
            other = character.story is Story.CHANGED_HOST_KEY
            key = new_key() if other else keys[character.name]
            port = self._server.ports[character.name]
            lines.append(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n")
        (self.directory / "known_hosts").write_text("".join(lines))

    def _write_config(self) -> None:
        groups = {
            cluster: {
                "labels": {"cluster": cluster},
                "nodes": [
                    {
                        "name": character.name,
                        "address": "127.0.0.1",
                        "port": self._server.ports[character.name],
                        "paths": {"store": str(self.store(character.name))},
                    }
                    for character in FLEET
                    if character.cluster == cluster
                ],
            }
            for cluster in self._authorities
        }
        settings = {
            "interval": "15s",
            "min_interval": "5s",
            "concurrency": 8,
            "ssh": {"known_hosts": ["known_hosts"], "identities": [{"file": "id_ecdsa"}]},
            "groups": groups,
        }
        self.config.write_text(json.dumps(settings, indent=2))  # JSON is YAML
