"""Which share of the fleet a daemon takes, out of the command line's words."""

from __future__ import annotations

import argparse
import re
import socket

from exporter.errors import ConfigurationError, Mistake
from exporter.model.shard import Shard

HOSTNAME = "hostname"
_ORDINAL = re.compile(r"(?:.*[^-]-)?(0|[1-9][0-9]{0,8})")  # as a StatefulSet names its pods
_NEGATIVE = re.compile(r"-[0-9]+")


def shard(given: argparse.Namespace) -> Shard:
    """The share that ``--shard`` and ``--total-shards`` name; the whole fleet without them.

    Raises ConfigurationError: half of the pair, no ordinal, or one that there is no shard for.
    """
    word, total = given.shard, given.total_shards
    if word is None and total is None:
        return Shard()
    if word is None:  # else every process would take the first share
        raise ConfigurationError(Mistake(f"--total-shards={total}", "needs --shard, which of them this one is"))
    if total is None:
        raise ConfigurationError(Mistake(f"--shard={word}", "needs --total-shards, how many there are"))
    try:
        return Shard(_index(word), total)
    except ValueError as error:
        raise ConfigurationError(Mistake(f"--shard={word}", str(error))) from error


def _index(word: str) -> int:
    """A number, or the one that a pod's name ends in. Raises ValueError."""
    name = socket.gethostname().partition(".")[0] if word == HOSTNAME else word
    if not name:
        raise ValueError(
            "empty; a pod has the label apps.kubernetes.io/pod-index from Kubernetes 1.28 on, and in a StatefulSet"
        )
    if _NEGATIVE.fullmatch(name):
        raise ValueError("it must be 0 or more")
    found = _ORDINAL.fullmatch(name)
    if not found:
        whose = f"this host's name, {name!r}," if word == HOSTNAME else "it"
        raise ValueError(f"no number: {whose} does not end in one as a StatefulSet's pods do, kubelet-cert-exporter-2")
    return int(found[1])
