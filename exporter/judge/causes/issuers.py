"""The client certificate's issuer, as far as the node's own CA files show it."""

from __future__ import annotations

import posixpath

from exporter.config.settings import Rotation
from exporter.judge import roles, store
from exporter.judge.case import UNSEEN, Answer, Case, Unseen
from exporter.judge.causes.wording import when
from exporter.judge.certificate import leaf
from exporter.model.assessment import Certificate
from exporter.model.facts import DirectoryCondition
from exporter.model.kubelet import Distribution

SAME_END = 2  # seconds
SOON = 365 * 86400  # seconds: a certificate of ten years may well end with its CA


def ca_expired(case: Case) -> Answer:
    """22, 32: the issuer has ended, and with it everything that it signed; a signer with it refuses to sign."""
    certificate, issuer = case.certificate(), issuer_of(case)
    if not isinstance(certificate, Certificate) or not isinstance(issuer, Certificate):
        return _unless_seen(certificate, issuer)
    if not case.has_ended(issuer):
        return None
    end = when(issuer.not_after, case.facts.taken)
    return (
        f"the CA that signed the client certificate ({issuer.subject}) expired on {end}: nothing it signed is accepted"
    )


def ca_caps_leaf(case: Case) -> Answer:
    """32: the certificate ends with its issuer (k/k#73706), so each one is shorter than the last.

    Told in the CA's last year. OpenShift's signer is itself replaced all the time: there it is nothing.
    """
    certificate, issuer = case.certificate(), issuer_of(case)
    if case.kubelet.distribution is Distribution.OPENSHIFT or not _is_rotated(case):
        return None
    if not isinstance(certificate, Certificate) or not isinstance(issuer, Certificate):
        return _unless_seen(certificate, issuer)
    if abs(certificate.not_after - issuer.not_after) > SAME_END or case.has_ended(issuer):
        return None
    if issuer.not_after - case.certainly > SOON:
        return None
    end = when(issuer.not_after, case.facts.taken)
    return (
        f"the client certificate expires with the CA that signed it ({issuer.subject}), on {end}: each rotation brings "
        "a shorter one, and on that day every certificate of this CA is over, on all nodes and the control plane"
    )


def issuer_not_trusted(case: Case) -> Answer:
    """31: the CA was replaced where certificates are signed before the API servers trust it: 401 on every call until
    the certificate's own end, and no exit [lab]. The certificate before this one shows which CA was trusted.
    """
    certificate = case.certificate()
    if not _is_rotated(case) or certificate is None or isinstance(certificate, Unseen):
        return certificate if isinstance(certificate, Unseen) and _is_rotated(case) else None
    before = _before(case)
    if not certificate.authority_identifier or before is None or isinstance(before, Unseen):
        return UNSEEN if before is UNSEEN else None
    if before.authority_identifier == certificate.authority_identifier:
        return None
    trusted, is_all_seen = roles.authorities(case.facts, case.kubelet)
    if not is_all_seen:
        return UNSEEN
    known = {authority.key_identifier for authority in trusted}
    if certificate.authority_identifier in known or before.authority_identifier not in known:
        return None
    return (
        f"the client certificate of {when(certificate.not_before, case.facts.taken)} is signed by another CA than the "
        f"one before it, and neither kubelet.conf nor {case.kubelet.client_ca_file} holds that CA "
        f"(key identifier {certificate.authority_identifier})"
    )


def issuer_of(case: Case) -> Certificate | Unseen | None:
    """The client certificate's issuer as far as the node holds it; UNSEEN where it may hold it unseen."""
    certificate = case.certificate()
    if certificate is None or isinstance(certificate, Unseen):
        return certificate
    found = roles.authority(case.facts, case.kubelet, certificate)
    return found if found or roles.authorities(case.facts, case.kubelet)[1] else UNSEEN


def _unless_seen(*grounds: Certificate | Unseen | None) -> Answer:
    return UNSEEN if UNSEEN in grounds else None


def _is_rotated(case: Case) -> bool:
    managed = case.client is None or case.client.managed
    return managed and case.owner is Rotation.KUBELET and not case.kubelet.distribution.renews_itself


def _before(case: Case) -> Certificate | Unseen | None:
    """The certificate in the dated file before the link's target."""
    if case.facts.store.condition in (DirectoryCondition.DENIED, DirectoryCondition.OUTSIDE_ROOT):
        return UNSEEN
    target = posixpath.basename(case.facts.client.link or "")
    older = {name: file for file in case.facts.store.newest if (name := posixpath.basename(file.path)) < target}
    newest = max((name for name in older if store.is_dated_client(name)), default=None)
    if newest is None:
        return None
    return leaf(older[newest]) if older[newest].condition.is_seen else UNSEEN
