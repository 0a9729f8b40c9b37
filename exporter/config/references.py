"""What one setting asks of another: bastions that exist and lead somewhere, a file for the keys that are accepted."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from exporter.config.document import Place
from exporter.config.schema import Config, Module, NodeSettings
from exporter.config.settings import HostKeyPolicy, TransportKind
from exporter.config.ssh import NO_BASTION, Bastion

Level = NodeSettings | Bastion


def unmet(config: Config) -> Iterator[tuple[Place, str]]:
    """Every setting whose counterpart is missing, with where it stands."""
    bastions = config.ssh.bastions
    for name, bastion in bastions.items():
        if name == NO_BASTION:
            yield ("ssh", "bastions", name), f'a bastion may not be called "{NO_BASTION}"'
        if _leads_in_a_circle(name, bastions):
            yield ("ssh", "bastions", name, "bastion"), "leads back to itself"
        yield from _of_level(config, bastion, ("ssh", "bastions", name))
    yield from _of_level(config, config.defaults, ("defaults",))
    for name, group in config.groups.items():
        yield from _of_level(config, group, ("groups", name))
        for index, entry in enumerate(group.nodes):
            yield from _of_level(config, entry, ("groups", name, "nodes", index))
    for name, module in config.modules.items():
        yield from _of_level(config, module, ("modules", name))
        yield from _of_module(config, module, ("modules", name))


def unknown_bastion(name: str, known: dict[str, Bastion]) -> str:
    """What to say of a bastion that ``ssh.bastions`` does not have."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"ssh.bastions has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _of_level(config: Config, level: Level, at: Place) -> Iterator[tuple[Place, str]]:
    if level.bastion not in (None, NO_BASTION, *config.ssh.bastions):
        yield (*at, "bastion"), unknown_bastion(str(level.bastion), config.ssh.bastions)
    if level.host_key_policy is HostKeyPolicy.ACCEPT_NEW and not config.ssh.accepted_host_keys:
        yield (*at, "host_key_policy"), "accept-new needs ssh.accepted_host_keys, the file that first keys are kept in"


def _of_module(config: Config, module: Module, at: Place) -> Iterator[tuple[Place, str]]:
    """What is reached because a request names it is no node of ours until its host key says so."""
    if not module.targets:
        for setting in sorted(module.model_fields_set - {"timeout", "visit", "targets"}):
            yield (*at, setting), "counts for targets outside the inventory alone: name them in targets"
        return
    kind, policy = (
        module.transport or config.defaults.transport,
        module.host_key_policy or config.defaults.host_key_policy,
    )
    if kind is TransportKind.LOCAL:
        yield (*at, "targets"), "targets outside the inventory are read over SSH alone"
    if policy not in (None, HostKeyPolicy.STRICT):
        yield (*at, "targets"), f"targets outside the inventory need host_key_policy strict, and not {policy}"


def _leads_in_a_circle(name: str, bastions: dict[str, Bastion]) -> bool:
    at, seen = bastions[name].bastion, {name}
    while at in bastions and at not in seen:
        seen.add(at)
        at = bastions[at].bastion
    return at == name
