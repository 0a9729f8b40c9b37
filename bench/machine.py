"""The machine and the programs that a bench ran on: in general words, no name of a host."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from bench.peers import peers

LIBRARIES = ("paramiko", "cryptography", "PyNaCl", "prometheus_client", "uvloop", "isal")


def machine() -> dict[str, str]:
    """What is worth saying of this machine, and the versions of the libraries and peers that are installed."""
    versions = {name: _version_of(name) for name in (*LIBRARIES, *peers())}
    return {
        "CPU": f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "kernel": f"{platform.system()} {_number_of(platform.release())}",
        "system": _system(),
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "programs": ", ".join(filter(None, (_told_by("ssh", "-V"), _told_by("prometheus", "--version")))),
    }


def _cpu_model() -> str:
    """As the kernel names it; the architecture where it names none."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _system() -> str:
    """The distribution, with Debian's point release."""
    name = platform.freedesktop_os_release().get("NAME", "")
    version = Path("/etc/debian_version")
    return f"{name} {version.read_text().strip()}" if version.exists() else name


def _number_of(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+(p\d+)?", text)
    return found[0] if found else text


def _version_of(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _told_by(program: str, flag: str) -> str:
    """``name number`` of a program; empty where it is not installed."""
    try:
        done = subprocess.run([program, flag], capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return f"{program} {_number_of(done.stdout + done.stderr)}"
