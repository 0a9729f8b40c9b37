"""``node-script``: the one thing that runs on a node, to be read before it is trusted, and how it gets there."""

from __future__ import annotations

import argparse
import sys

from exporter.cli.visit import not_a_node
from exporter.collect.installation import Installation
from exporter.collect.script import checksum, node_script, script_for
from exporter.collect.ssh import identity
from exporter.config.loading import load
from exporter.config.schema import Config
from exporter.config.settings import Paths
from exporter.errors import ConfigurationError, Mistake
from exporter.inventory.catalogue import Catalogue
from exporter.model.node import Node, SshAccess


def command(given: argparse.Namespace) -> int:
    """Print the script with one node's paths, or with kubeadm's, or how it is installed. Raises ConfigurationError."""
    if given.node is None:
        sys.stdout.write(_without_node(given.show))
        return 0
    config, beside = load(given.config_file)
    node = _chosen(Catalogue(config, beside), given.node)
    script = script_for(node)
    if given.show == "script":
        sys.stdout.write(script)
    elif given.show == "sha256":
        sys.stdout.write(f"{checksum(script)}\n")
    else:
        installation = _installation(config, node, script, given.sources)
        text = getattr(installation, given.show.replace("-", "_"))
        sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
        if not given.sources:
            sys.stderr.write("the key is good from every address: give the exporter's by --from=ADDRESS\n")
    return 0


def _without_node(show: str) -> str:
    script = node_script(Paths())
    if show == "script":
        return script
    if show == "sha256":
        return f"{checksum(script)}\n"
    raise ConfigurationError(Mistake(f"--show={show}", "needs a NODE: user, key and paths are its own"))


def _chosen(catalogue: Catalogue, name: str) -> Node:
    nodes = {node.name: node for node in catalogue.nodes}
    if name not in nodes:
        raise ConfigurationError(Mistake(name, not_a_node(name, nodes)))
    return nodes[name]


def _installation(config: Config, node: Node, script: str, sources: str) -> Installation:
    access = node.access
    if not isinstance(access, SshAccess):
        raise ConfigurationError(Mistake(node.name, "is read from a mounted tree: nothing is installed on it"))
    identities = tuple(one.files for one in config.ssh.identities) if access.identities is None else access.identities
    if not identities:
        raise ConfigurationError(Mistake(node.name, "has no identity: there is no key to let in"))
    own = identity.load(identities[0], agent=True)
    try:
        return Installation(
            script,
            access.script,
            access.user,
            access.privilege,
            own.authority or own.public_key,
            of_authority=bool(own.authority),
            sources=sources,
        )
    except ValueError as error:
        raise ConfigurationError(Mistake(node.name, str(error))) from error
