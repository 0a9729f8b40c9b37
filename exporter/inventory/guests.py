"""Targets of probes that the inventory does not have, made nodes as a module has them read."""

from __future__ import annotations

from dataclasses import replace

from exporter.config.document import Document
from exporter.config.loading import node_entry
from exporter.config.schema import Config, Module
from exporter.config.ssh_config.ssh_config import SshConfig
from exporter.errors import ConfigurationError, Mistake, Mistakes
from exporter.inventory.settling import Settler
from exporter.model.node import Node, SshAccess

_ANY = "any"


class Guests:
    """Makes nodes of targets, by the modules of one configuration."""

    def __init__(self, config: Config, document: Document) -> None:
        """Raises ConfigurationError for a module whose targets could not be read, or by way of an unchecked host."""
        self._settler = Settler(config, SshConfig.read(config.ssh.config) if config.ssh.config else None)
        mistakes = Mistakes()
        samples: list[Node] = []
        for name, module in config.modules.items():
            if module.targets:
                with mistakes.gathered():
                    samples.append(self._sample(name, module, document.place(("modules", name))))
        mistakes.tell()
        self.samples = tuple(samples)  # one of each module that has any: what they need has to be there

    def node(self, target: str, name: str, module: Module, place: str = "") -> Node:
        """The node that a target is, called ``target@module``, so that it is no node of the inventory.

        Raises ConfigurationError where ssh_config asks for something for it that we do not do.
        """
        (node,) = self._settler.nodes(node_entry({"name": target}, place), module, place)
        return replace(node, name=f"{target}@{name}", is_guest=True)

    def _sample(self, name: str, module: Module, place: str) -> Node:
        node = self.node(_ANY, name, module, place)
        if isinstance(node.access, SshAccess) and node.access.is_unverified:
            problem = "targets outside the inventory need bastions whose host keys are checked"
            raise ConfigurationError(Mistake(f"{place}.targets", problem))
        return node
