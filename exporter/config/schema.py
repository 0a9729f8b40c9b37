"""What a configuration may say: one class a section, defaults in place, unknown keys refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter.config.duration import Seconds
from exporter.config.ranges import expand
from exporter.config.section import Section
from exporter.config.settings import HostKeyPolicy, Pace, Privilege, ProbeVisit, Rotation, TransportKind, Visits
from exporter.config.ssh import Identity, Ssh
from exporter.config.targets import TargetPattern
from exporter.config.value import (
    AbsolutePath,
    FilePattern,
    HandshakePort,
    HostKeys,
    HostWord,
    LabelName,
    LabelValue,
    NodeNames,
    NodePath,
    Port,
    ScriptPath,
    StorePath,
    Word,
    no_boolean,
)


class PathSettings(Section):
    """Where the kubelet's certificates are; what is not set comes from the next level."""

    store: NodePath | None = None
    client_certificate: NodePath | None = None
    serving_certificate: NodePath | None = None


class NodeSettings(Section):
    """What can be set for all nodes, a group, or one node; None is "not set here"."""

    transport: TransportKind | None = None
    user: Word | None = None
    port: Port | None = None
    host_key: HostKeys | None = None
    host_key_alias: HostWord | None = None
    host_key_policy: HostKeyPolicy | None = None
    identities: tuple[Identity, ...] | None = None
    bastion: Word | None = None
    privilege: Privilege | None = None
    script: ScriptPath | None = None
    compare_keys: bool | None = None  # over SSH: openssl on the node says whether a certificate fits its key
    journal: bool | None = None  # over SSH: the kubelet's journal is looked through for lines that mean something
    root: AbsolutePath | None = None
    rotation: Rotation | None = None
    serving_handshake: HandshakePort | None = None
    paths: PathSettings = PathSettings()
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict)


class NodeEntry(NodeSettings):
    """One node, or a range of them, as the configuration names it."""

    name: NodeNames
    address: Word | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("address")
    @classmethod
    def _one_each(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address and "{name}" not in address and len(expand(info.data.get("name", ""))) > 1:
            raise ValueError("one address for a range of nodes: write {name} in it")
        return address


class FileSd(Section):
    """Prometheus file_sd files that name a group's nodes."""

    files: Annotated[tuple[FilePattern, ...], Field(min_length=1)]
    use_target_port: bool = False  # files made for node_exporter carry node_exporter's port


class Group(NodeSettings):
    """Nodes that share settings."""

    nodes: tuple[NodeEntry, ...] = ()
    file_sd: FileSd | None = None


class Module(NodeSettings):
    """What a probe may be asked with: when it visits, for how long, and how targets outside the inventory are read."""

    timeout: Seconds | None = None
    visit: ProbeVisit = ProbeVisit.NOW
    targets: tuple[TargetPattern, ...] = ()  # besides the inventory's nodes


class Config(Section):
    """The whole configuration."""

    interval: Seconds = 3600.0
    min_interval: Seconds = 60.0
    max_interval: Seconds | None = None
    concurrency: Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=1024)] = 32
    ready_after: Seconds = 300.0
    file_sd_refresh: Seconds = 5.0
    store: StorePath | None = None  # None: where this user keeps state
    visits: Visits = Visits.SCHEDULED
    modules: dict[Word, Module] = Field(default_factory=dict)
    ssh: Ssh = Ssh()
    defaults: NodeSettings = NodeSettings()
    groups: Annotated[dict[Word, Group], Field(min_length=1)]

    @field_validator("min_interval")
    @classmethod
    def _at_most_interval(cls, seconds: float, info: ValidationInfo) -> float:
        if seconds > info.data.get("interval", seconds):
            raise ValueError("longer than interval")
        return seconds

    @field_validator("max_interval")
    @classmethod
    def _at_least_interval(cls, seconds: float | None, info: ValidationInfo) -> float | None:
        if seconds is not None and seconds < info.data.get("interval", seconds):
            raise ValueError("shorter than interval")
        return seconds

    @property
    def pace(self) -> Pace:
        return Pace(self.interval, self.min_interval, self.ssh.logins_per_second, self.max_interval)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Every label that is configured anywhere: the one label set of the whole fleet, sorted."""
        levels: list[NodeSettings] = [self.defaults, *self.groups.values(), *self.modules.values()]
        levels.extend(node for group in self.groups.values() for node in group.nodes)
        return tuple(sorted({label for level in levels for label in level.labels}))
