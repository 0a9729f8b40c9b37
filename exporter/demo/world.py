"""The demonstration as it lives: the nodes' files, sshd and kubelets, and the configuration that finds them."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

from exporter.demo import stories
from exporter.demo.fleet import FLEET, Character, Story
from exporter.demo.keepsakes import LOGIN, Keepsakes, keepsakes
from exporter.demo.node_tree import PKI, NodeTree
from exporter.demo.server import DemoServer, Host, HostKey, new_key
from exporter.demo.signer import Authority, dates

# With the signer's backdate a life of a quarter of an hour. Of less than 14.3 minutes, four rotations at 70 % of it in
# a row would be a storm, as less than 0.35 of it lies between them.
HEALTHY_TTL = 600
TICK = 0.5
CRASHES_EVERY = 10.0  # as kubeadm has systemd do it


class World:
    """The fleet on disk below ``directory``, its sshd, and the thread in which its kubelets rotate."""

    def __init__(self, directory: Path, dice: random.Random) -> None:
        """In an empty directory, or where an earlier one was: that goes on. Raises ConfigurationError in another."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.config = directory / "config.yaml"
        self._dice = dice
        now = time.time()
        earlier = keepsakes(directory, self.config)
        self.goes_on = earlier is not None
        kept = earlier or _new(now)
        self._trees = {
            character: NodeTree(self._root(character.name), character.name, kept.authorities[character.cluster])
            for character in FLEET
        }
        self._due: dict[Character, float] = {}
        self._crashes = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="demo-kubelets", daemon=True)
        hosts = [self._host(character, kept.hosts[character.name]) for character in FLEET]
        self._server = DemoServer(hosts, kept.login, kept.ports)
        directory.chmod(0o755)  # one node's script runs under another uid
        if not self.goes_on:
            for character in FLEET:
                self._furnish(character, now)
            kept.leave(directory)
        else:
            self._go_on()
        self._write_known_hosts(kept.hosts)
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
        return self.directory / "nodes" / f"{name}.off"

    def store(self, name: str) -> Path:
        """A node's certificate directory."""
        return self._root(name) / PKI.lstrip("/")

    def _root(self, name: str) -> Path:
        return self.directory / "nodes" / name

    def _host(self, character: Character, key: HostKey) -> Host:
        off = self.switch(character.name)
        root, denied = self._root(character.name), character.story is Story.DENIED
        return Host(character.name, key, lambda: not off.exists(), root, as_nobody=denied)

    def _furnish(self, character: Character, now: float) -> None:
        """Give a node its files as its story has it."""
        stories.furnish(self._trees[character], character.story, now)
        if character.story in stories.ROTATES_BY_ITSELF:
            self._rotate(character, now - self._dice.uniform(0, 0.15) * (HEALTHY_TTL + 300))
        if character.story is Story.DENIED:
            self.store(character.name).chmod(0o000)
        if character.story is Story.UNREACHABLE:
            self.switch(character.name).touch()

    def _rotate(self, character: Character, now: float) -> None:
        """One rotation by the kubelet's rule, and the draw of the next."""
        tree = self._trees[character]
        tree.store().update(tree.authority.client(character.name, now, HEALTHY_TTL), now)
        self._draw(character, *tree.authority.dates(now, HEALTHY_TTL))

    def _go_on(self) -> None:
        """Each node as it is on disk, with a new draw where it rotates by itself."""
        for character in FLEET:
            if character.story is Story.HEALTHY:
                tree = self._trees[character]
                current = tree.path(str(tree.store().current.readlink()))
                self._draw(character, *dates(current.read_bytes()))

    def _draw(self, character: Character, not_before: float, not_after: float) -> None:
        """When a kubelet with a certificate of these dates asks for the next."""
        self._due[character] = not_before + (not_after - not_before) * self._dice.uniform(0.7, 0.9)

    def _live(self) -> None:
        while not self._stopping.wait(TICK):
            now = time.time()
            for character, due in list(self._due.items()):
                if due <= now and character.story is Story.HEALTHY:
                    self._rotate(character, now)
            if now - self._crashes > CRASHES_EVERY:
                self._crashes = now
                for character in FLEET:
                    if character.story is Story.CRASH_LOOP:
                        self._trees[character].kubelet_starts(now)

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
                    {"name": character.name, "address": "127.0.0.1", "port": self._server.ports[character.name]}
                    for character in FLEET
                    if character.cluster == cluster
                ],
            }
            for cluster in dict.fromkeys(one.cluster for one in FLEET)
        }
        settings = {
            "interval": "15s",
            "min_interval": "5s",
            "concurrency": 8,
            "store": "store.sqlite",
            "ssh": {"known_hosts": ["known_hosts"], "identities": [{"file": LOGIN}]},
            "groups": groups,
        }
        self.config.write_text(json.dumps(settings, indent=2))  # JSON is YAML


def _new(now: float) -> Keepsakes:
    return Keepsakes(
        login=new_key(),
        hosts={character.name: new_key() for character in FLEET},
        authorities={cluster: _authority(cluster, now) for cluster in dict.fromkeys(one.cluster for one in FLEET)},
        ports={},
    )


def _authority(cluster: str, now: float) -> Authority:
    return Authority(f"{cluster}-ca", not_before=now - 400 * 86400, not_after=now + 10 * 365 * 86400)
