"""The kubelet's flags out of a command line: those of a short list, and nothing else of it (it may hold a token)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exporter.collect.local import listing

SWITCHES = frozenset(("rotate-certificates", "rotate-server-certificates"))  # true where no value is given
VALUED = frozenset(
    (
        *("kubeconfig", "bootstrap-kubeconfig", "config", "config-dir", "cert-dir", "root-dir", "hostname-override"),
        *("tls-cert-file", "tls-private-key-file", "client-ca-file"),
    )
)
_UNSHOWABLE = "?"


def parse(arguments: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Names without dashes, and values; what is not plain text is ``?``. An underscore is a hyphen (pflag)."""
    return tuple(_flags(iter(arguments)))


def _flags(arguments: Iterator[str]) -> Iterator[tuple[str, str]]:
    for argument in arguments:
        if argument == "--":
            return
        if not argument.startswith("--"):
            continue
        name, equals, value = argument[2:].partition("=")
        name = name.replace("_", "-")
        if name in SWITCHES:
            yield name, _shown(value) if equals else "true"
        elif name in VALUED and equals:
            yield name, _shown(value)
        elif name in VALUED:
            given = next(arguments, None)
            if given is not None:
                yield name, _shown(given)


def _shown(value: str) -> str:
    """A value may be empty. One that begins with a dash is another flag, which may be a token's."""
    if value.startswith("-"):
        return _UNSHOWABLE
    return listing.plain_or(value, _UNSHOWABLE) if value else ""
