"""A kubeconfig's outline to what its current context comes to, by the rules of client-go's ``tools/clientcmd``.

A document that this code would refuse is ``broken``: another kind, a context or a cluster that is not there, no
current context (all is empty then), a name twice, a certificate without its key, data and a file for one thing
(``validation.go`` says that data would win, as an error), a token beside a password.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import replace

from exporter.collect.documents.block_yaml import ShapeError
from exporter.collect.documents.named_path import UNSHOWABLE, named_path
from exporter.collect.documents.outline import HIDDEN, Line, Tree, mappings, tree
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet_files import Document, DocumentCondition, Kubeconfig

_SECTIONS = ("clusters", "contexts", "users")
_PAIRS = (("client-certificate", "client-certificate-data"), ("client-key", "client-key-data"))

Finder = Callable[[str], PemFile | None]


def parse(document: Document, lines: Sequence[Line], find: Finder) -> Kubeconfig:
    """``find`` knows what was read at a path, or of ``#N``; None where nobody looked."""
    if document.condition is not DocumentCondition.READ:
        return Kubeconfig(document)
    try:
        cluster, user = _current(lines)
    except ShapeError as error:
        return Kubeconfig(replace(document, condition=error.condition))
    execution = user.get("exec")
    return Kubeconfig(
        document=document,
        server=_shown(cluster.get("server")),
        authority=_file(document.path, cluster, "certificate-authority", find),
        certificate=_file(document.path, user, "client-certificate", find),
        key=_file(document.path, user, "client-key", find),
        has_token=_is_there(user, "token") or _is_there(user, "tokenFile"),
        has_password=_has_password(user),
        command=_command(document.path, execution) if isinstance(execution, dict) else None,
        has_auth_provider=_is_there(user, "auth-provider"),
    )


def named_files(path: str, lines: Sequence[Line]) -> tuple[str, ...]:
    """The PEM files that the kubeconfig at ``path`` names for its current context; none where it is not understood."""
    try:
        cluster, user = _current(lines)
    except ShapeError:
        return ()
    named = (
        *(named_path(user.get(key), posixpath.dirname(path)) for key in ("client-certificate", "client-key")),
        named_path(cluster.get("certificate-authority"), posixpath.dirname(path)),
    )
    return tuple(dict.fromkeys(name for name in named if name and name != UNSHOWABLE))


def _current(lines: Sequence[Line]) -> tuple[dict[str, Tree], dict[str, Tree]]:
    """Cluster and user of the current context. Raises ShapeError where client-go would refuse the document."""
    document = tree(lines)
    if not isinstance(document, dict):
        raise ShapeError(DocumentCondition.BROKEN)
    if document.get("kind") not in (None, "Config") or document.get("apiVersion") not in (None, "v1"):
        raise ShapeError(DocumentCondition.BROKEN)
    clusters, contexts, users = (_named(document.get(section), section[:-1]) for section in _SECTIONS)
    context = contexts.get(_name(document.get("current-context")))
    cluster = clusters.get(_name(context.get("cluster"))) if context is not None else None
    if context is None or cluster is None or not cluster.get("server"):
        raise ShapeError(DocumentCondition.BROKEN)
    user = users.get(_name(context.get("user")), {})
    _refuse_contradictions(cluster, user)
    return cluster, user


def _named(section: Tree, what: str) -> dict[str, dict[str, Tree]]:
    """A section's members by their names, which are unique."""
    if section is not None and not isinstance(section, list):
        raise ShapeError(DocumentCondition.BROKEN)
    found: dict[str, dict[str, Tree]] = {}
    for item in mappings(section):
        name, member = item.get("name"), item.get(what)
        if name == HIDDEN:
            continue
        if not (name is None or isinstance(name, str)) or not (member is None or isinstance(member, dict)):
            raise ShapeError(DocumentCondition.BROKEN)
        if (name or "") in found:
            raise ShapeError(DocumentCondition.BROKEN)
        found[name or ""] = member or {}
    return found


def _name(value: Tree) -> str:
    """A reference to a member by its name. One that is not shown cannot be followed."""
    if value == HIDDEN:
        raise ShapeError(DocumentCondition.INTRICATE)
    if not (value is None or isinstance(value, str)):
        raise ShapeError(DocumentCondition.BROKEN)
    return value or ""


def _refuse_contradictions(cluster: dict[str, Tree], user: dict[str, Tree]) -> None:
    both = ("certificate-authority", "certificate-authority-data")
    has_certificate, has_key = (any(_is_there(user, key) for key in keys) for keys in _PAIRS)
    if all(_is_there(cluster, key) for key in both) or (
        has_certificate and (not has_key or any(all(_is_there(user, key) for key in keys) for keys in _PAIRS))
    ):
        raise ShapeError(DocumentCondition.BROKEN)
    if _is_there(user, "token") and _has_password(user):
        raise ShapeError(DocumentCondition.BROKEN)


def _file(path: str, member: dict[str, Tree], key: str, find: Finder) -> PemFile | None:
    """The file that a member names, or what it embeds; data count where they are there."""
    data = member.get(f"{key}-data")
    name = data if isinstance(data, str) else named_path(member.get(key), posixpath.dirname(path))
    if not name:
        return None
    return (find(name) if name != UNSHOWABLE else None) or PemFile(name, Condition.UNREADABLE)


def _shown(value: Tree) -> str | None:
    return UNSHOWABLE if value == HIDDEN else value if isinstance(value, str) else None


def _is_there(member: dict[str, Tree], key: str) -> bool:
    return member.get(key) is not None


def _has_password(user: dict[str, Tree]) -> bool:
    return _is_there(user, "username") or _is_there(user, "password")


def _command(path: str, execution: dict[str, Tree]) -> str | None:
    """An exec plugin's; only one with a slash is relative to the kubeconfig's folder."""
    command = _shown(execution.get("command"))
    return named_path(command, posixpath.dirname(path)) if command and "/" in command else command
