"""A KubeletConfiguration's outline to the settings that matter for certificates.

What the kubelet refuses is ``broken``: another kind or version (drop-ins need both as well), a boolean that is none, a
path that is no text (Kubernetes' ``cmd/kubelet/app/server.go``, ``mergeKubeletConfigurations``). Fields that it does
not know and fields that stand twice are no matter: it decodes leniently, and the last one counts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace

from exporter.collect.documents.block_yaml import ShapeError
from exporter.collect.documents.named_path import named_path
from exporter.collect.documents.outline import VALUES, Line, Tree, tree
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, KubeletSettings

KIND = "KubeletConfiguration"
_VERSION = "kubelet.config.k8s.io/v1beta1"
_TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))  # YAML 1.1, as the kubelet's reader
_FALSE = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"))


def is_kubelet_configuration(lines: Sequence[Line]) -> bool:
    """Whether a document says that it is one: OpenShift's ``kubelet.conf`` is."""
    return any(line.key == "kind" and line.value == KIND and not line.indent for line in lines)


def parse(document: Document, lines: Sequence[Line], *, is_drop_in: bool = False) -> ConfigFile:
    """Paths are absolute from the configuration's own folder; a drop-in's stay as they are."""
    if document.condition is not DocumentCondition.READ:
        return ConfigFile(document)
    try:
        return ConfigFile(document, _settings(document.path, lines, is_drop_in=is_drop_in))
    except ShapeError as error:
        return ConfigFile(replace(document, condition=error.condition))


def _settings(path: str, lines: Sequence[Line], *, is_drop_in: bool) -> KubeletSettings:
    document = tree(lines)
    if not isinstance(document, dict):
        raise ShapeError(DocumentCondition.BROKEN)
    if document.get("kind") != KIND or document.get("apiVersion") != _VERSION:
        raise ShapeError(DocumentCondition.BROKEN)
    folder = "" if is_drop_in else posixpath.dirname(path)
    x509 = _mapping(_mapping(document, "authentication"), "x509")
    gates = _mapping(document, "featureGates")
    if is_drop_in:
        _refuse_taking_back((document, x509, gates))
    return KubeletSettings(
        rotate_certificates=_boolean(document.get("rotateCertificates")),
        server_tls_bootstrap=_boolean(document.get("serverTLSBootstrap")),
        tls_cert_file=_path(document.get("tlsCertFile"), folder),
        tls_private_key_file=_path(document.get("tlsPrivateKeyFile"), folder),
        client_ca_file=_path(x509.get("clientCAFile"), folder),
        serving_gate=_boolean(gates.get("RotateKubeletServerCertificate")),
    )


def _refuse_taking_back(mappings: tuple[dict[str, Tree], ...]) -> None:
    """An empty value in a drop-in takes an earlier file's back (a JSON merge patch): settings cannot say that."""
    if any(value is None and key in VALUES for mapping in mappings for key, value in mapping.items()):
        raise ShapeError(DocumentCondition.INTRICATE)


def _mapping(tree: dict[str, Tree], key: str) -> dict[str, Tree]:
    value = tree.get(key)
    if value is not None and not isinstance(value, dict):
        raise ShapeError(DocumentCondition.BROKEN)
    return value or {}


def _boolean(value: Tree) -> bool | None:
    if value is None:
        return None
    if value in ("y", "Y", "n", "N"):  # booleans to some versions of the kubelet's reader, text to others
        raise ShapeError(DocumentCondition.INTRICATE)
    if not isinstance(value, str) or value not in _TRUE | _FALSE:
        raise ShapeError(DocumentCondition.BROKEN)
    return value in _TRUE


def _path(value: Tree, folder: str) -> str | None:
    if isinstance(value, dict | list):
        raise ShapeError(DocumentCondition.BROKEN)
    return named_path(value, folder)
