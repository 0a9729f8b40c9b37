"""``python -m bench.peers``: what the extra ``bench`` names, a line each, for pip to install one by one."""

from __future__ import annotations

from importlib import metadata


def peers() -> list[str]:
    """The requirements of the extra, as setup.cfg lists them."""
    wanted = metadata.requires("kubelet-cert-exporter") or []
    return [name.split(";")[0].strip() for name in wanted if name.endswith('extra == "bench"')]


if __name__ == "__main__":
    print(*peers(), sep="\n")
