"""The kubelet's configuration and its drop-ins: the settings that matter, and what the kubelet would refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.documents import kubelet_config
from exporter.collect.documents.outline import KEYS, Line, lines_of
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, KubeletSettings

PATH = "/var/lib/kubelet/config.yaml"
HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
BROKEN, INTRICATE = DocumentCondition.BROKEN, DocumentCondition.INTRICATE
KUBEADM = f"""\
{HEAD}authentication:
  anonymous:
    enabled: false
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
clusterDNS:
- 10.96.0.10
rotateCertificates: true
"""


def read(text: str, *, is_drop_in: bool = False) -> ConfigFile:
    """The configuration at ``PATH``."""
    condition, lines = lines_of(text.encode())
    return kubelet_config.parse(Document(PATH, condition), lines, is_drop_in=is_drop_in)


def test_kubeadms_is_understood() -> None:
    """Rotation and the clients' authority are set, and nothing else."""
    settings = KubeletSettings(rotate_certificates=True, client_ca_file="/etc/kubernetes/pki/ca.crt")
    assert read(KUBEADM) == ConfigFile(Document(PATH, DocumentCondition.READ), settings)


SETTINGS: dict[str, tuple[str, KubeletSettings]] = {
    "nothing": ("", KubeletSettings()),
    "rotation off": ("rotateCertificates: false", KubeletSettings(rotate_certificates=False)),
    "serving": ("serverTLSBootstrap: true", KubeletSettings(server_tls_bootstrap=True)),
    "gate off": (
        "featureGates:\n  Other: true\n  RotateKubeletServerCertificate: false",
        KubeletSettings(serving_gate=False),
    ),
    "files": (
        "tlsCertFile: /a.crt\ntlsPrivateKeyFile: /a.key",
        KubeletSettings(tls_cert_file="/a.crt", tls_private_key_file="/a.key"),
    ),
    "file beside it": ("tlsCertFile: ./pki/a.crt", KubeletSettings(tls_cert_file="/var/lib/kubelet/pki/a.crt")),
    "file that is not plain": ("tlsCertFile: /a b", KubeletSettings(tls_cert_file="?")),
    "set to nothing": ("tlsCertFile: ''\nrotateCertificates: null\nfeatureGates: {}", KubeletSettings()),
    "YAML 1.1": (
        "rotateCertificates: yes\nserverTLSBootstrap: Off",
        KubeletSettings(rotate_certificates=True, server_tls_bootstrap=False),
    ),
    "twice": ("rotateCertificates: true\nrotateCertificates: false", KubeletSettings(rotate_certificates=False)),
    "unknown fields": ("rotateCertificate: 5\nx509:\n  clientCAFile: /a", KubeletSettings()),
    "elsewhere": ("authentication:\n  webhook:\n    clientCAFile: /a", KubeletSettings()),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_each_setting_is_understood(case: str) -> None:
    """What a configuration sets; None where it does not."""
    text, settings = SETTINGS[case]
    assert read(HEAD + text) == ConfigFile(Document(PATH, DocumentCondition.READ), settings)


REFUSED = {
    "empty": ("", DocumentCondition.EMPTY),
    "comments": ("---\n# nothing\n", DocumentCondition.EMPTY),
    "no kind": ("rotateCertificates: true", BROKEN),
    "another kind": (HEAD.replace("KubeletConfiguration", "Config"), BROKEN),
    "no version": ("kind: KubeletConfiguration", BROKEN),
    "another version": (HEAD.replace("v1beta1", "v1"), BROKEN),
    "another group": (HEAD.replace("kubelet.config.k8s.io/", ""), BROKEN),
    "boolean in quotes": (f"{HEAD}rotateCertificates: 'true'", BROKEN),
    "boolean that is none": (f"{HEAD}serverTLSBootstrap: maybe", BROKEN),
    "boolean that is a mapping": (f"{HEAD}serverTLSBootstrap:\n  a: b", BROKEN),
    "boolean to some": (f"{HEAD}rotateCertificates: y", INTRICATE),
    "gates that are none": (f"{HEAD}featureGates: a", BROKEN),
    "file that is a list": (f"{HEAD}tlsCertFile:\n- a", BROKEN),
    "list": ("- a", BROKEN),
    "tab": (f"{HEAD}featureGates:\n\tRotateKubeletServerCertificate: true", BROKEN),
    "flow style": (f"{HEAD}featureGates: {{RotateKubeletServerCertificate: true}}", INTRICATE),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("is_drop_in", [False, True])
def test_what_the_kubelet_refuses_is_broken(case: str, is_drop_in: bool) -> None:
    """It is fatal in the configuration and in a drop-in alike; no setting of it counts."""
    text, condition = REFUSED[case]
    assert read(text, is_drop_in=is_drop_in) == ConfigFile(Document(PATH, condition))


TAKING_BACK = ("tlsCertFile: ''", "rotateCertificates: null", "featureGates:\n  RotateKubeletServerCertificate:")


@pytest.mark.parametrize("text", TAKING_BACK)
def test_a_drop_in_that_takes_a_setting_back_is_intricate(text: str) -> None:
    """An empty value in a drop-in undoes an earlier file's: that is not told as "not set"."""
    assert read(HEAD + text, is_drop_in=True).document.condition is INTRICATE


def test_a_drop_ins_relative_path_stays() -> None:
    """Only the configuration's own paths start in its folder."""
    found = read(f"{HEAD}tlsCertFile: pki/a.crt", is_drop_in=True)
    assert found.settings.tls_cert_file == "pki/a.crt"


@pytest.mark.parametrize("condition", [one for one in DocumentCondition if one is not DocumentCondition.READ])
def test_an_unread_configuration_sets_nothing(condition: DocumentCondition) -> None:
    """Lines of a document that was not read to its end do not count."""
    _, lines = lines_of(KUBEADM.encode())
    document = Document(PATH, condition)
    assert kubelet_config.parse(document, lines) == ConfigFile(document)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(KUBEADM, True), ("kind: Config", False), ("a:\n  kind: KubeletConfiguration", False), ("", False)],
)
def test_a_kubelet_configuration_says_so(text: str, is_one: bool) -> None:
    """OpenShift's kubelet.conf is told apart from a kubeconfig by its kind."""
    assert kubelet_config.is_kubelet_configuration(lines_of(text.encode())[1]) is is_one


LINES = st.builds(
    Line,
    st.sampled_from((0, 2, 4)),
    st.booleans(),
    st.sampled_from((*sorted(KEYS), "*")),
    st.sampled_from(("-", "-", "!", "true", "KubeletConfiguration", "kubelet.config.k8s.io/v1beta1")),
)


@given(st.lists(LINES, max_size=20), st.booleans())
def test_any_lines_give_a_configuration(lines: list[Line], is_drop_in: bool) -> None:
    """Whatever a node tells: settings, or a condition; never an exception."""
    head = [
        Line(0, False, "apiVersion", "kubelet.config.k8s.io/v1beta1"),
        Line(0, False, "kind", "KubeletConfiguration"),
    ]
    found = kubelet_config.parse(Document(PATH, DocumentCondition.READ), [*head, *lines], is_drop_in=is_drop_in)
    assert found.document.condition in (DocumentCondition.READ, BROKEN, INTRICATE)
