"""What to do about the store's links and files."""

from __future__ import annotations

import posixpath
from shlex import quote

from exporter.config.settings import CLIENT_UPDATED, SERVER_CURRENT, SERVER_UPDATED
from exporter.judge.advice import requests, shell, steps
from exporter.judge.advice.reissue import reissue
from exporter.judge.case import Case
from exporter.judge.certificate import leaf
from exporter.judge.store import entry
from exporter.model.files import Condition, KeyBlock
from exporter.model.finding import Step


def regular_file(case: Case) -> tuple[Step, ...]:
    """The newest good pair gets the link: a dated one, or what stands in the link's place."""
    if case.facts.client.link is not None:
        return _aside_of_serving(case, SERVER_CURRENT)
    here, path, target = leaf(case.facts.client), steps.link(case), steps.good_file(case)
    dated = next((leaf(file) for file in case.facts.store.newest if file.path == target), None)
    is_whole = case.facts.client.key not in (KeyBlock.NONE, KeyBlock.CUT)
    if here and is_whole and (dated is None or dated.not_before < here.not_before):
        keep = (
            f"[ ! -L {quote(path)} ]",
            *shell.pair(quote(path)),
            f'new={quote(case.facts.store.path)}/kubelet-client-$(date +%F-%H-%M-%S).pem && cp -p "$p" "$new"',
            'ln -sfn "$new" "$p"',
        )
        purpose = (
            "where its key and certificate match and it has not expired, it becomes a dated file with the link pointed "
            "at it"
        )
        check, stop = (f"[ -L {quote(path)} ]", *shell.pair(quote(path))), "STOP: a link already, or not a good pair"
        return (*steps.mended(case, keep, check, purpose, stop), steps.ready(case))
    if target is None:
        return (Step(shell.aside(path), "out of the kubelet's way, and kept"), *reissue(case))
    return (*steps.relinked(case, target, f"{{ [ -L {quote(path)} ] || {shell.aside(path)}; }}"), steps.ready(case))


def updated(case: Case) -> tuple[Step, ...]:
    """Out of the way; a kubelet that waits for its next try then succeeds by itself."""
    if entry(case.facts.store, CLIENT_UPDATED) is None:
        return _aside_of_serving(case, SERVER_UPDATED)
    aside = shell.aside(posixpath.join(case.facts.store.path, CLIENT_UPDATED))
    if case.facts.client.condition is Condition.MISSING:
        return (Step(aside, "out of the kubelet's way, and kept"), *relink(case))
    return (
        Step(aside, "out of the kubelet's way, and kept; what is due is stored at the next try, within a minute"),
        steps.stored(case, "a quarter of an hour later, where it was due"),
    )


def _aside_of_serving(case: Case, name: str) -> tuple[Step, ...]:
    """In the serving store: what is asked for anew costs an approval and nothing else."""
    aside = shell.chain(shell.aside(posixpath.join(case.facts.store.path, name)), steps.again(case))
    return (Step(aside, "out of the kubelet's way, and kept; then it asks anew"), *requests.serving(case))


def gap(case: Case) -> tuple[Step, ...]:
    """What the rotation would have done next."""
    updated, path = quote(posixpath.join(case.facts.store.path, CLIENT_UPDATED)), quote(steps.link(case))
    move, pair = (f"[ ! -e {path} ]", *shell.pair(updated), f"mv {updated} {path}"), shell.pair(path)
    purpose = "what the rotation would have done next, where that is a good pair"
    return (*steps.mended(case, move, pair, purpose, "STOP: not renamed"), steps.ready(case))


def relink(case: Case) -> tuple[Step, ...]:
    """Back to the newest good pair, else to a new certificate."""
    target = steps.good_file(case)
    return reissue(case) if target is None else (*steps.relinked(case, target), steps.ready(case))


def invalid(case: Case) -> tuple[Step, ...]:
    """Nothing on the node mends what a signer sends; the journal tells."""
    return (
        Step(steps.journal(case, "Unable to store", since="-2d"), "why it was refused"),
        Step(f"df -h {quote(case.facts.store.path)}", "a disk that was full cuts files off: make room"),
        steps.stored(case, "a quarter of an hour later, where it was due (it tries again by itself)"),
    )


def valid(case: Case) -> tuple[Step, ...]:
    """The pair is there: only the link has to be pointed at it."""
    return relink(case) if steps.good_file(case) else invalid(case)
