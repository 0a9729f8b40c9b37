"""A real Prometheus on loopback, with a configuration of the caller's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from grafana.demo_stack import stack
from grafana.demo_stack.addresses import url
from grafana.demo_stack.programs import Programs
from tests.machines import free_port


@contextmanager
def serving(directory: Path, document: Mapping[str, object]) -> Iterator[str]:
    """Its URL, once it answers; its data are in ``prometheus`` below the folder."""
    config = directory / "prometheus.yml"
    config.write_text(json.dumps(document))  # JSON is YAML
    port = free_port()
    part = stack.prometheus_part(Programs(prometheus="prometheus", alertmanager=""), config, port)
    with stack.running([part], threading.Event()):
        yield url(port)
