"""What a demonstration leaves in its directory, so that one that is started there again goes on: keys and ports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from exporter.demo.server import HostKey, read_key
from exporter.demo.signer import Authority
from exporter.errors import ConfigurationError, Mistake

LOGIN = "id_ecdsa"


@dataclass(frozen=True, slots=True)
class Keepsakes:
    """``ports`` are the nodes' last ones, by name."""

    login: HostKey
    hosts: dict[str, HostKey]
    authorities: dict[str, Authority]  # by cluster
    ports: dict[str, int]

    def leave(self, directory: Path) -> None:
        """Write them, for their owner alone."""
        folder = _folder(directory)
        folder.mkdir(mode=0o700)
        self.login.write_private_key_file(str(directory / LOGIN))
        for name, key in self.hosts.items():
            key.write_private_key_file(str(folder / f"{name}.host"))
        for cluster, authority in self.authorities.items():
            path = folder / f"{cluster}.ca"
            path.touch(mode=0o600)
            path.write_text(json.dumps(authority.kept))


def keepsakes(directory: Path, config: Path) -> Keepsakes | None:
    """Those of the demonstration that was here before, None where nothing was. Raises ConfigurationError."""
    folder = _folder(directory)
    if not any(directory.iterdir()):
        return None
    if not folder.is_dir():
        raise ConfigurationError(Mistake(str(directory), "neither empty nor a demonstration's"))
    try:
        groups = json.loads(config.read_text())["groups"].values()
        return Keepsakes(
            login=read_key(directory / LOGIN),
            hosts={path.stem: read_key(path) for path in folder.glob("*.host")},
            authorities={path.stem: Authority.again(**json.loads(path.read_text())) for path in folder.glob("*.ca")},
            ports={node["name"]: node["port"] for group in groups for node in group["nodes"]},
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        told = f"a demonstration's that cannot go on ({type(error).__name__}): name another directory"
        raise ConfigurationError(Mistake(str(directory), told)) from error


def _folder(directory: Path) -> Path:
    return directory / "keys"
