"""The kubelet as its flags and files describe it: who rotates what, from where, with which credential.

Kubernetes' ``cmd/kubelet/app/server.go``: the configuration file, then its drop-ins in their order, each over the one
before; then the flags over all of them. ``options.go``: the certificate folder is ``--cert-dir``, by default
/var/lib/kubelet/pki whatever ``--root-dir`` says (k0sproject/k0s#675 fell over that). What is not known stays None.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import fields

from exporter.config.settings import CLIENT_CURRENT, Paths, is_dated
from exporter.judge.distributions import recognise
from exporter.model.assessment import Memory
from exporter.model.facts import NodeFacts
from exporter.model.files import PemFile
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Credential, Kubelet, node_name
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, Kubeconfig, KubeletSettings

OWN_PROCESS = ("kubelet", "hyperkube", "")  # whose flags are the kubelet's; remembered ones may come without a name
_PATHS = ("kubeconfig", "bootstrap-kubeconfig", "config", "config-dir", "cert-dir")
_UNTOLD = "?"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")  # strconv.ParseBool
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_GATE = "RotateKubeletServerCertificate"
_SETTINGS = tuple(field.name for field in fields(KubeletSettings))
_DEFAULTS = KubeletSettings(rotate_certificates=False, server_tls_bootstrap=False, serving_gate=True)


def understand(facts: NodeFacts, memory: Memory) -> Kubelet:
    """What flags, configuration and drop-ins come to."""
    process = _process(facts, memory)
    known = process is not None and _are_plain(process)
    path = _path_reader(process if known else None)
    files = () if known and not (path("config") or path("config-dir")) else facts.config or ()
    understood = _are_understood(files, path("config"))
    config_known = known and understood
    settings = _settings(files if understood else (), path, _DEFAULTS if config_known else KubeletSettings())
    store = posixpath.normpath((path("cert-dir") or Paths().store) if known else facts.store.path)
    is_client = not known or path("kubeconfig") is not None  # standalone it has no certificate to rotate
    return Kubelet(
        distribution=recognise(facts),
        flags_known=known,
        flags_remembered=process is not None and (process.remembered or process is not facts.process),
        config_known=config_known,
        store=store,
        kubeconfig=path("kubeconfig") if known else _place(facts.kubeconfig),
        bootstrap=path("bootstrap-kubeconfig") if known else _place(facts.bootstrap),
        credential=credential(facts.kubeconfig, store),
        rotates=is_client and _rotates(facts, process, settings),
        server_tls_bootstrap=_flag(process, "rotate-server-certificates", otherwise=settings.server_tls_bootstrap),
        serving_gate=_gate(process, otherwise=settings.serving_gate),
        tls_cert_file=settings.tls_cert_file,
        tls_private_key_file=settings.tls_private_key_file,
        client_ca_file=settings.client_ca_file,
        node_name=_node_name(facts, process),
    )


def credential(kubeconfig: Kubeconfig | None, store: str) -> Credential:
    """With what kubelet.conf lets the kubelet in; ``store`` is the certificate folder."""
    if kubeconfig is None or not kubeconfig.is_read:
        missing = kubeconfig is not None and kubeconfig.document.condition is DocumentCondition.MISSING
        return Credential.NONE if missing else Credential.UNKNOWN
    if kubeconfig.certificate is not None:
        return _of_certificate(kubeconfig.certificate, store)
    if kubeconfig.command or kubeconfig.has_auth_provider:
        return Credential.EXEC
    return Credential.TOKEN if kubeconfig.has_token or kubeconfig.has_password else Credential.NONE


def agrees_with_store(facts: NodeFacts, kubelet: Kubelet) -> bool | None:
    """Whether kubelet.conf's certificate is the store's; None where either was not read."""
    if kubelet.credential is Credential.LINK:
        return True
    own = facts.kubeconfig.certificate if facts.kubeconfig else None
    store = facts.pem(posixpath.join(kubelet.store, CLIENT_CURRENT))
    if own is None or store is None or not own.certificates or not store.certificates:
        return None
    return own.certificates[0] == store.certificates[0]


def _of_certificate(certificate: PemFile, store: str) -> Credential:
    if certificate.is_embedded:
        return Credential.EMBEDDED
    folder, name = posixpath.split(posixpath.normpath(certificate.path))
    if name == CLIENT_CURRENT:
        return Credential.LINK if folder == store else Credential.LINK_ELSEWHERE
    if is_dated(name, "kubelet-client-"):
        return Credential.DATED
    return Credential.LEGACY_PAIR if name == "kubelet-client.crt" else Credential.OTHER_FILE


def _process(facts: NodeFacts, memory: Memory) -> Process | None:
    """The process whose flags count: the one there is, else the one that was; None where neither was a kubelet's."""
    for process in (facts.process, memory.process):
        if process and process.name in OWN_PROCESS and (process.sight is Sight.SEEN or process.remembered):
            return process
        if process and process.sight is Sight.SEEN:
            return None
    return None


def _are_plain(process: Process) -> bool:
    """Whether every path among the flags can be followed: plain text, and not relative to who knows what."""
    return all((process.flag(name) or "/").startswith("/") for name in _PATHS)


def _path_reader(process: Process | None) -> Callable[[str], str | None]:
    """A flag's value; None where it is not given, or given empty, which the kubelet takes for the same."""

    def path(name: str) -> str | None:
        return (process.flag(name) or None) if process else None

    return path


def _place(kubeconfig: Kubeconfig | None) -> str | None:
    return kubeconfig.document.path if kubeconfig else None


def _are_understood(files: tuple[ConfigFile, ...], path: str | None) -> bool:
    """Whether every configuration file was understood; ``path`` is the one that a flag names.

    One that was not may have overruled any other.
    """
    is_there = path is None or path in [file.document.path for file in files]
    return is_there and all(file.document.condition is DocumentCondition.READ for file in files)


def _settings(
    files: tuple[ConfigFile, ...], path: Callable[[str], str | None], merged: KubeletSettings
) -> KubeletSettings:
    """Configuration and drop-ins over what is ``merged`` already, and the paths that flags set over them."""
    for file in files:
        merged = _over(merged, file.settings)
    flags = KubeletSettings(
        tls_cert_file=path("tls-cert-file"),
        tls_private_key_file=path("tls-private-key-file"),
        client_ca_file=path("client-ca-file"),
    )
    return _over(merged, flags)


def _over(below: KubeletSettings, above: KubeletSettings) -> KubeletSettings:
    """Field by field, what is set above wins."""
    return KubeletSettings(*(getattr(above if getattr(above, name) is not None else below, name) for name in _SETTINGS))


def _flag(process: Process | None, name: str, *, otherwise: bool | None) -> bool | None:
    """A switch's flag where it is given; None where its value is neither on nor off."""
    value = process.flag(name) if process else None
    if value is None:
        return otherwise
    return True if value in _TRUE else False if value in _FALSE else None


def _rotates(facts: NodeFacts, process: Process | None, settings: KubeletSettings) -> bool | None:
    """Whether the client certificate is rotated; a flag that was not to be seen may overrule the file's "no"."""
    is_hidden = process is None and not (facts.process and facts.process.sight is Sight.SEEN)
    said = None if is_hidden and settings.rotate_certificates is False else settings.rotate_certificates
    return _flag(process, "rotate-certificates", otherwise=said)


def _gate(process: Process | None, *, otherwise: bool | None) -> bool | None:
    """The feature gate that serving rotation needs."""
    for name, value in reversed(process.flags if process else ()):
        for gate, _, state in (word.partition("=") for word in value.split(",")):
            if name == "feature-gates" and gate == _GATE:
                return state in _TRUE
    return otherwise


def _node_name(facts: NodeFacts, process: Process | None) -> str | None:
    """The name that the kubelet asks certificates for; cloud providers may give another."""
    name = (process.flag("hostname-override") if process else None) or (facts.host.name if facts.host else "")
    return node_name(name)
