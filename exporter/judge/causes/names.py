"""The node's name and its certificate's."""

from __future__ import annotations

import re

from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.model.assessment import Certificate
from exporter.model.kubelet import Distribution, node_name

_NODE = re.compile(r"(?:^|,)CN=system:node:((?:\\.|[^,+\\])+)")  # RFC 4514 escapes what is not plain
# These name a node by --hostname-override or the host's name; cloud providers set others.
_BY_HOSTNAME = (Distribution.KUBEADM, Distribution.K0S)
SIGNED_BY = 960.0  # seconds after a start in which a certificate for a new name may still be on its way
_HIDDEN = "?"


def node_name_differs(case: Case) -> Answer:
    """14: the template's name is not the certificate's: a request at once, which NodeRestriction refuses from 1.31
    ("can only create a node CSR with CN=system:node:<old>") and nobody approves before.
    """
    kubelet, certificate = case.kubelet, case.certificate()
    if kubelet.distribution.renews_itself or kubelet.rotates is False:
        return None
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    name = node_of(certificate)
    if name is None:
        return None
    process = case.facts.process
    override = process.flag("hostname-override") if process else None
    wanted = kubelet.node_name
    if wanted is None or override == _HIDDEN or not kubelet.flags_known:
        return UNSEEN
    if wanted == name:
        return None
    if override:
        return f"--hostname-override says {wanted} and the client certificate is system:node:{name}: {_REFUSED}"
    if kubelet.distribution not in _BY_HOSTNAME or wanted.split(".")[0] == name.split(".")[0]:
        return None
    age = case.process_age()
    if age is None:
        return UNSEEN
    if age <= SIGNED_BY:
        return None
    return f"the host is called {wanted} and the client certificate is system:node:{name}: {_REFUSED}"


_REFUSED = "a request for another name than the certificate's is refused, so nothing is renewed"


def node_of(certificate: Certificate) -> str | None:
    """The node that a client certificate is for."""
    found = _NODE.search(certificate.subject)
    return node_name(found[1]) if found else None
