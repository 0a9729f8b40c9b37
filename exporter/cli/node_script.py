"""``node-script``: the one thing that runs on a node, to be read before it is trusted."""

from __future__ import annotations

import argparse
import sys

from exporter.cli.visit import not_a_node
from exporter.collect.script import node_script
from exporter.config.loading import load
from exporter.config.settings import Paths
from exporter.errors import ConfigurationError, Mistake
from exporter.inventory.catalogue import Catalogue


def command(given: argparse.Namespace) -> int:
    """Print the script with one node's paths, or with kubeadm's. Raises ConfigurationError."""
    sys.stdout.write(node_script(_paths(given.config_file, given.node) if given.node else Paths()))
    return 0


def _paths(config_file: str, name: str) -> Paths:
    nodes = {node.name: node for node in Catalogue(*load(config_file)).nodes}
    if name not in nodes:
        raise ConfigurationError(Mistake(name, not_a_node(name, nodes)))
    return nodes[name].paths
