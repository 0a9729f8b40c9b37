"""What to do about what the kubelet serves with."""

from __future__ import annotations

import posixpath
from shlex import quote

from exporter.config.settings import SERVER_CURRENT
from exporter.judge.advice import requests, shell, steps
from exporter.judge.case import Case
from exporter.model.finding import Step

_YEAR = "the kubelet makes a new pair for a year; the new pair has a new CA, so who pinned the old one needs that"


def self_signed(case: Case) -> tuple[Step, ...]:
    """It makes a new pair when both files are gone."""
    return (*_aside(case, "both aside, never one alone"), requests.served())


def _aside(case: Case, what: str) -> tuple[Step, ...]:
    files = [quote(posixpath.join(case.facts.store.path, file)) for file in ("kubelet.crt", "kubelet.key")]
    moved = '[ ! -e "$file" ] || mv "$file" "$file.aside.$(date +%s)" || break'
    aside, gone = f"for file in {' '.join(files)}; do {moved}; done", tuple(f"[ ! -e {file} ]" for file in files)
    return steps.mended(case, (aside, *gone), gone, f"{what}; at its start {_YEAR}", "STOP: not both are aside")


def pair(case: Case) -> tuple[Step, ...]:
    """The pair that the kubelet makes itself, or the one that it was given."""
    given, key = case.kubelet.tls_cert_file, case.kubelet.tls_private_key_file
    if given and key:
        restart = shell.chain(*shell.pair(quote(given), quote(key)), steps.again(case), stop="STOP: no pair yet")
        return (
            Step(f"ls -l {quote(given)} {quote(key)}", "put the pair there again"),
            Step(restart, "restart the kubelet, once it is a pair and has not expired"),
            requests.served(),
        )
    if case.kubelet.server_tls_bootstrap:
        current = posixpath.join(case.facts.store.path, SERVER_CURRENT)
        aside = shell.chain(shell.aside(current), steps.again(case))
        purpose = (
            "has the kubelet ask for a new one: have someone with cluster access ready first, it serves nothing until "
            "that is approved; hold reboots until then"
        )
        return (Step(aside, purpose), *requests.serving(case))
    return (*_aside(case, "what is there of both goes aside"), requests.served())


def incomplete(case: Case) -> tuple[Step, ...]:
    """One of two settings."""
    lost, given = ("tlsPrivateKeyFile", "tlsCertFile")
    if not case.kubelet.tls_cert_file:
        lost, given = given, lost
    files = " ".join(quote(file.document.path) for file in case.facts.config or ()) or "/var/lib/kubelet/config.yaml"
    change = shell.chain(
        shell.confirmed(f"is {lost} set as well, or {given} removed?"), steps.again(case), stop="STOP: no restart"
    )
    return (
        Step(f"grep -nE 'tls(Cert|PrivateKey)File' {files}", f"set {lost}, or remove {given}"),
        Step(change, "restart the kubelet, after a yes"),
        requests.served(),
    )


def file(case: Case) -> tuple[Step, ...]:
    """The self-signed pair is made anew, any other is somebody else's to renew."""
    if case.serving and case.serving.managed:
        return requests.serving(case)
    path = case.facts.serving.path if case.facts.serving else ""
    if posixpath.basename(path) == "kubelet.crt" and not case.kubelet.tls_cert_file:
        return self_signed(case)
    shown = quote(case.kubelet.tls_cert_file or path)
    restart = shell.chain(f"openssl x509 -noout -checkend 0 -enddate -in {shown}", steps.again(case), stop="STOP: old")
    return (
        Step(f"openssl x509 -noout -subject -issuer -dates -in {shown}", "whose it is: have them renew it"),
        Step(restart, "restart the kubelet, once a new one is there (from 1.31 it is served without)"),
        requests.served(),
    )


def differs(case: Case) -> tuple[Step, ...]:
    """The restart is safe with a pair alone."""
    path = case.facts.serving.path if case.facts.serving else posixpath.join(case.facts.store.path, SERVER_CURRENT)
    keys = {case.kubelet.tls_cert_file or "": case.kubelet.tls_private_key_file or ""}
    key = keys.get(path) or (path.removesuffix("crt") + "key" if path.endswith(".crt") else path)
    restart = shell.chain(*shell.pair(quote(path), quote(key)), steps.again(case), stop=f"STOP: {path} is no good pair")
    return (
        Step(restart, "where the file's key and certificate match and it has not expired, the kubelet is restarted"),
        requests.served(),
    )
