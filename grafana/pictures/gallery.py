"""Which pictures there are."""

from __future__ import annotations

# A picture's name, its dashboard, and what is chosen there.
PICTURES: dict[str, tuple[str, dict[str, str]]] = {
    "fleet": ("fleet", {}),
    "node": ("node", {"cluster": "prod", "node": "worker-08.prod"}),  # the one that stalls
    "node-healthy": ("node", {"cluster": "prod", "node": "worker-01.prod"}),
    "exporter": ("exporter", {}),
}
