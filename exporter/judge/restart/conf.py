"""kubelet.conf and the bootstrap kubeconfig: whether they load, and which of the two a kubelet starts with.

Kubernetes' ``pkg/kubelet/certificate/bootstrap/bootstrap.go`` and client-go's ``tools/clientcmd/validation.go``. Halves
that a kubeconfig embeds are compared when it is loaded, files that it names are not (``transport.TLSConfigFor``).
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.judge.restart.outcome import lives, moment
from exporter.judge.restart.pem import Pair, certificates, every, exists, has_certificates, loads, why_not
from exporter.judge.restart.view import View
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet_files import DocumentCondition, Kubeconfig
from exporter.model.restart import Restart, RestartReason

Check = tuple[bool | None, str]  # whether it holds, and what is wrong where it does not

_UNLOADABLE = {
    DocumentCondition.MISSING: "it is not there",
    DocumentCondition.EMPTY: "it is empty",
    DocumentCondition.BROKEN: "it cannot be parsed",
}


def credential(view: View, conf: Kubeconfig) -> Pair | None:
    """The certificate and key that a kubeconfig names or embeds."""
    if conf.certificate is None or conf.key is None:
        return None
    return Pair(view.named(conf.certificate), view.named(conf.key))


def opens(view: View, conf: Kubeconfig) -> list[Check]:
    """It parses, every file that it names exists, its CA holds PEM; certificates are not read."""
    condition = conf.document.condition
    if condition is not DocumentCondition.READ:
        return [(False if condition.is_seen else None, _UNLOADABLE.get(condition, ""))]
    files = [view.named(file) for file in (conf.certificate, conf.key, conf.authority) if file]
    checks: list[Check] = [(exists(file), f"{file.path}, which it names, is not there") for file in files]
    if conf.certificate is not None:
        checks.append((conf.key is not None, "it has a certificate without a key"))
    if conf.authority is not None:
        checks.append((_is_authority(conf.authority), f"its CA cannot be read{_from(conf.authority)}"))
    return checks


def still_valid(view: View, conf: Kubeconfig) -> list[Check]:
    """With the bootstrap flag (``isClientConfigStillValid``): it opens, and no certificate in its PEM has ended."""
    checks = opens(view, conf)
    if conf.certificate is None and conf.is_read:
        checks.append((False, "it has no client certificate"))
    pair = credential(view, conf)
    if pair is None:
        return checks
    own = has_certificates(pair.certificate)
    checks.append((own, f"its certificate cannot be read{_from(pair.certificate)}"))
    if not pair.is_named:
        checks.append((loads(view, pair), f"the pair that it embeds {why_not(pair)}"))
    ended = [certificate.not_after for certificate in certificates(pair.certificate)]
    if ended:
        checks.append((view.now <= min(ended), f"a certificate in it expired on {moment(min(ended))}"))
    return checks


def holds(checks: list[Check]) -> bool | None:
    """Whether all of them do."""
    return every([check for check, _ in checks])


def fault(checks: list[Check]) -> str:
    """What is wrong, of checks that do not hold."""
    return next(words for check, words in checks if check is False)


def empty_authority(conf: Kubeconfig) -> Iterator[Restart]:
    """An empty CA file is accepted, and then no API server is trusted."""
    if conf.authority is not None and conf.authority.condition is Condition.EMPTY and not conf.authority.is_embedded:
        yield lives(
            RestartReason.KUBECONFIG_CA_EMPTY,
            f"{conf.authority.path}, the CA that {conf.document.path} names, is empty: no API server will be trusted.",
        )


def _from(file: PemFile) -> str:
    return "" if file.is_embedded else f" from {file.path}"


def _is_authority(file: PemFile) -> bool | None:
    return True if file.condition is Condition.EMPTY else has_certificates(file)
