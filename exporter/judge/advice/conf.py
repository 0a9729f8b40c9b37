"""kubelet.conf: both of its fields name the store's link."""

from __future__ import annotations

from shlex import quote

from exporter.judge.advice import shell, steps
from exporter.judge.case import Case
from exporter.model.finding import Step

_FIELD = "^( *client-(certificate|key))"
WAIT = 120  # seconds for a certificate to be asked for, approved and stored
AFTER_STOP = "; after a STOP nothing was changed: edit it by hand, both fields the link, no -data, then restart"


def _both(path: str) -> str:
    return f"^ *client-(certificate|key): {shell.literal(path)}$"


def pointed(case: Case, *, embeds: bool | None = None, link: str | None = None, keep: bool = True) -> str:
    """The change itself. Embedded data win over a file, so they become the file's line and others go.

    What is not two plain lines afterwards (JSON, quoted keys, flow style) is left as it was.
    """
    path = link or steps.link(case)
    credential = case.facts.kubeconfig.certificate if case.facts.kubeconfig else None
    is_embedded = (credential is None or credential.is_embedded) if embeds is None else embeds
    edits = shell.sed(f"/{_FIELD}:/d", f"s#{_FIELD}-data:.*#\\1: {path}#")
    if not is_embedded:
        edits = shell.sed(f"s#{_FIELD}:.*#\\1: {path}#")
    check = shell.count(_both(path), 2)
    return shell.rewritten(steps.kubeconfig(case), edits, check, keep=keep)


def named(case: Case) -> str:
    """Whether both fields name the link by now."""
    return shell.count(_both(steps.link(case)), 2, quote(steps.kubeconfig(case)))


def look(case: Case, otherwise: str = "") -> Step:
    """Shows no secret, whatever the file holds."""
    return Step(
        f"grep -E '^ *client-(certificate|key):' {quote(steps.kubeconfig(case))}",
        f"must show two lines, both with the link{otherwise}",
    )


def point_at_link(case: Case) -> tuple[Step, ...]:
    """The store's pair is good, so kubelet.conf can name it."""
    purpose = (
        "where the link's key and certificate match and it has not expired, both fields name the link; a copy is kept "
        "as .before.TIME"
    )
    pair = shell.pair(quote(steps.link(case)))
    change, check = (*pair, pointed(case)), (*pair, named(case))
    return (
        *steps.mended(case, change, check, purpose, "STOP: kubelet.conf is as it was"),
        look(case, AFTER_STOP),
        steps.ready(case),
    )


def wait_and_point(case: Case, *, embeds: bool | None = None) -> tuple[Step, ...]:
    """Only once the kubelet has stored a pair of its own may kubelet.conf name it."""
    link = quote(steps.link(case))
    change = shell.chain(
        f"timeout {WAIT} sh -c 'until [ -s \"$0\" ]; do sleep 2; done' {link}",
        pointed(case, embeds=embeds),
        steps.again(case),
        stop="STOP: no new certificate yet, kubelet.conf is as it was",
    )
    purpose = (
        "waits for the new link, then kubelet.conf names it; if this prints STOP, do not go on: the node works with "
        "what it has, see rotation-not-signed, and run this line again later"
    )
    return (Step(change, purpose), look(case), steps.ready(case))
