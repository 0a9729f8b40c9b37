"""The kubelet as its flags and files describe it: which of them wins, and that what is not known stays so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.judge.kubelet import agrees_with_store, understand
from exporter.model.assessment import Memory
from exporter.model.files import PemFile
from exporter.model.host import Process, Sight
from exporter.model.kubelet import Credential
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, KubeletSettings
from tests.kubelets import (
    BOOTSTRAP_CONF,
    CA,
    CONFIG,
    CURRENT,
    DATED,
    GOOD,
    HEALTHY,
    KUBELET_CONF,
    OTHER,
    PKI,
    Worker,
    absent,
    document,
    kubeconfig,
    pair,
    pem,
)

UNSET = KubeletSettings()
DROP_IN = "/etc/kubernetes/kubelet.conf.d/10-rotation.conf"


def configured(*settings: KubeletSettings, condition: DocumentCondition = DocumentCondition.READ) -> Worker:
    """A worker with a configuration file and drop-ins; the last of them is in this condition."""
    paths = [CONFIG, *(f"{DROP_IN}.{number}" for number in range(len(settings) - 1))]
    files = [ConfigFile(document(path), own) for path, own in zip(paths, settings, strict=True)]
    files[-1] = replace(files[-1], document=document(paths[-1], condition))
    return replace(HEALTHY, config=tuple(files))


def test_a_kubeadm_worker_is_understood() -> None:
    """Flags give the paths, the configuration rotation and the client CA, kubelet.conf the store's link."""
    kubelet = HEALTHY.kubelet
    assert (kubelet.flags_known, kubelet.flags_remembered, kubelet.config_known) == (True, False, True)
    assert (kubelet.store, kubelet.kubeconfig, kubelet.bootstrap) == (PKI, KUBELET_CONF, BOOTSTRAP_CONF)
    assert (kubelet.credential, kubelet.rotates, kubelet.server_tls_bootstrap) == (Credential.LINK, True, False)
    assert (kubelet.serving_gate, kubelet.client_ca_file, kubelet.tls_cert_file) == (True, CA, None)
    assert kubelet.node_name == "worker-1"


ON, OFF = KubeletSettings(rotate_certificates=True), KubeletSettings(rotate_certificates=False)


@pytest.mark.parametrize(
    ("settings", "flag", "rotates"),
    [
        ([UNSET], None, False),
        ([ON], None, True),
        ([OFF], None, False),
        ([ON, OFF], None, False),
        ([OFF, ON, UNSET], None, True),
        ([ON, OFF], "true", True),
        ([OFF, ON], "false", False),
        ([UNSET], "1", True),
        ([ON], "0", False),
        ([ON], "?", None),
        ([ON], "yes", None),
    ],
)
def test_drop_ins_win_over_the_configuration_and_flags_over_both(
    settings: list[KubeletSettings], flag: str | None, rotates: bool | None
) -> None:
    """The last file that sets it counts, a flag more than any; it is off where nobody sets it."""
    assert configured(*settings).with_flags(rotate_certificates=flag).kubelet.rotates is rotates


@pytest.mark.parametrize("condition", [it for it in DocumentCondition if it is not DocumentCondition.READ])
@pytest.mark.parametrize("settings", [[ON], [ON, OFF], [OFF, ON]])
def test_a_configuration_that_was_not_understood_leaves_its_settings_unknown(
    settings: list[KubeletSettings], condition: DocumentCondition
) -> None:
    """A file that nobody could read may set it either way; a flag still counts."""
    worker = configured(*settings, condition=condition)
    assert (worker.kubelet.config_known, worker.kubelet.rotates, worker.kubelet.serving_gate) == (False, None, None)
    assert worker.with_flags(rotate_certificates="true").kubelet.rotates is True


BROKEN = (ConfigFile(document(CONFIG, DocumentCondition.BROKEN), ON),)


@pytest.mark.parametrize(
    ("config", "flag", "known"),
    [(None, CONFIG, True), ((), CONFIG, False), ((), None, True), (None, "/other", False), (BROKEN, None, True)],
)
def test_the_configuration_is_known_where_the_flag_names_what_was_read(
    config: tuple[ConfigFile, ...] | None, flag: str | None, known: bool
) -> None:
    """Without a flag there is no configuration file to know, whatever lies where others have one."""
    kubelet = replace(HEALTHY, config=config).with_flags(config=flag).kubelet
    assert (kubelet.config_known, kubelet.rotates is not None) == (known, known)


@pytest.mark.parametrize(
    ("flags", "store"),
    [
        ({}, PKI),
        ({"cert_dir": "/srv/pki"}, "/srv/pki"),
        ({"cert_dir": "/srv/pki/"}, "/srv/pki"),
        ({"root_dir": "/data/kubelet"}, PKI),  # options.go: the two know nothing of each other
        ({"root_dir": "/data/kubelet", "cert_dir": "/data/pki"}, "/data/pki"),
    ],
)
def test_the_certificate_folder_is_the_flag_or_the_default(flags: dict[str, str], store: str) -> None:
    """--cert-dir, else /var/lib/kubelet/pki."""
    assert HEALTHY.with_flags(**flags).kubelet.store == store


@pytest.mark.parametrize(
    ("flags", "attribute", "value"),
    [
        ({"kubeconfig": None}, "kubeconfig", None),
        ({"kubeconfig": ""}, "kubeconfig", None),
        ({"bootstrap_kubeconfig": None}, "bootstrap", None),
        ({"bootstrap_kubeconfig": ""}, "bootstrap", None),
        ({"hostname_override": "Node-7"}, "node_name", "node-7"),
        ({"hostname_override": "?"}, "node_name", None),
        ({"rotate_server_certificates": "true"}, "server_tls_bootstrap", True),
        ({"feature_gates": "A=true,RotateKubeletServerCertificate=false"}, "serving_gate", False),
        ({"feature_gates": "RotateKubeletServerCertificate=true"}, "serving_gate", True),
        ({"feature_gates": "A=false"}, "serving_gate", True),
        ({"tls_cert_file": "/a.crt", "tls_private_key_file": "/a.key"}, "tls_private_key_file", "/a.key"),
        ({"tls_cert_file": "/a.crt"}, "tls_private_key_file", None),
        ({"client_ca_file": "/etc/kubernetes/certs/ca.crt"}, "client_ca_file", "/etc/kubernetes/certs/ca.crt"),
    ],
)
def test_what_a_flag_says(flags: dict[str, str | None], attribute: str, value: object) -> None:
    """An empty path is none; without a kubeconfig a kubelet is standalone."""
    kubelet = HEALTHY.with_flags(**flags).kubelet
    assert (kubelet.flags_known, getattr(kubelet, attribute)) == (True, value)


@pytest.mark.parametrize("flag", ["kubeconfig", "bootstrap_kubeconfig", "config", "cert_dir", "config_dir"])
@pytest.mark.parametrize("value", ["?", "kubelet.conf", "./pki"])
def test_a_path_that_cannot_be_followed_leaves_the_flags_unknown(flag: str, value: str) -> None:
    """A value that is not plain, or relative to a folder that nobody knows."""
    assert not HEALTHY.with_flags(**{flag: value}).kubelet.flags_known


SEEN = HEALTHY.facts.process
assert SEEN is not None
ABSENT, HIDDEN = Process(Sight.ABSENT), Process(Sight.HIDDEN)


@pytest.mark.parametrize(
    ("now", "before", "known", "remembered"),
    [
        (SEEN, None, True, False),
        (SEEN, replace(SEEN, flags=()), True, False),
        (ABSENT, SEEN, True, True),
        (HIDDEN, SEEN, True, True),
        (None, SEEN, True, True),
        (replace(ABSENT, flags=SEEN.flags, remembered=True), None, True, True),
        (ABSENT, None, False, False),
        (HIDDEN, ABSENT, False, False),
        (replace(SEEN, name="k3s-agent"), SEEN, False, False),  # another owner now
        (ABSENT, replace(SEEN, name="kubelite"), False, False),
        (replace(SEEN, name="hyperkube"), None, True, False),
    ],
)
def test_flags_are_those_of_the_process_or_the_remembered_ones(
    now: Process | None, before: Process | None, known: bool, remembered: bool
) -> None:
    """A process that is another program's tells nothing of the kubelet within it."""
    kubelet = understand(replace(HEALTHY.facts, process=now), Memory(process=before))
    assert (kubelet.flags_known, kubelet.flags_remembered) == (known, remembered)
    assert kubelet.kubeconfig == KUBELET_CONF
    assert kubelet.rotates is True  # the configuration says so


def test_without_flags_what_nobody_sets_is_unknown() -> None:
    """A flag may set what the configuration does not."""
    facts = replace(configured(UNSET).facts, process=ABSENT)
    kubelet = understand(facts, Memory())
    assert (kubelet.config_known, kubelet.rotates, kubelet.server_tls_bootstrap) == (False, None, None)


@pytest.mark.parametrize(
    ("process", "rotates"),
    [(HEALTHY.process, False), (Process(Sight.HIDDEN), None), (ABSENT, None), (None, None)],
)
def test_a_flag_that_was_not_seen_may_overrule_the_file(process: Process | None, rotates: bool | None) -> None:
    """``rotateCertificates: false`` is the last word only where --rotate-certificates was looked for."""
    worker = replace(HEALTHY.with_settings(rotate_certificates=False), process=process)
    assert understand(worker.facts, Memory()).rotates is rotates


ELSEWHERE = "/data/pki/kubelet-client-current.pem"


@pytest.mark.parametrize(
    ("certificate", "fields", "credential"),
    [
        (pair(CURRENT, GOOD, link=DATED), {}, Credential.LINK),
        (absent(CURRENT), {}, Credential.LINK),
        (pair(f"{PKI}/../pki/kubelet-client-current.pem", GOOD), {}, Credential.LINK),
        (pair(ELSEWHERE, GOOD), {}, Credential.LINK_ELSEWHERE),
        (pair(DATED, GOOD), {}, Credential.DATED),
        (pem(f"{PKI}/kubelet-client.crt", GOOD), {}, Credential.LEGACY_PAIR),
        (pem("/etc/kubernetes/ssl/kube-node.pem", GOOD), {}, Credential.OTHER_FILE),
        (pem("#1", GOOD), {}, Credential.EMBEDDED),
        (pem("#1", GOOD), {"has_token": True}, Credential.EMBEDDED),
        (None, {"has_token": True}, Credential.TOKEN),
        (None, {"has_password": True}, Credential.TOKEN),
        (None, {"command": "aws"}, Credential.EXEC),
        (None, {"has_auth_provider": True}, Credential.EXEC),
        (None, {}, Credential.NONE),
        (None, {"document": document(KUBELET_CONF, DocumentCondition.MISSING)}, Credential.NONE),
        (None, {"document": document(KUBELET_CONF, DocumentCondition.DENIED)}, Credential.UNKNOWN),
        (None, {"document": document(KUBELET_CONF, DocumentCondition.INTRICATE)}, Credential.UNKNOWN),
    ],
)
def test_with_what_kubelet_conf_lets_the_kubelet_in(
    certificate: PemFile | None, fields: dict[str, Any], credential: Credential
) -> None:
    """The link of the store is told apart from everything that only looks like it."""
    assert HEALTHY.with_kubeconfig(certificate, **fields).kubelet.credential is credential


def test_a_kubeconfig_that_nobody_looked_at_is_unknown() -> None:
    """An older script tells nothing of it."""
    assert replace(HEALTHY, kubeconfig=None).kubelet.credential is Credential.UNKNOWN


@pytest.mark.parametrize(
    ("certificate", "agrees"),
    [
        (absent(CURRENT), True),  # whatever is in the link, kubelet.conf follows it
        (pem("#1", GOOD), True),
        (pem("#1", OTHER), False),
        (pair(DATED, GOOD), True),
        (absent(DATED), None),
        (None, None),
    ],
)
def test_whether_kubelet_conf_agrees_with_the_store(certificate: PemFile | None, agrees: bool | None) -> None:
    """The leaf decides; where one was not read nothing is claimed."""
    worker = HEALTHY.with_kubeconfig(certificate)
    assert agrees_with_store(worker.facts, worker.kubelet) is agrees


@pytest.mark.parametrize("store", [HEALTHY.with_files(absent(CURRENT)), HEALTHY.with_flags(cert_dir="/srv/pki")])
def test_a_store_that_was_not_read_agrees_with_nothing(store: Worker) -> None:
    """Neither where it holds nothing nor where another folder was looked at."""
    worker = store.with_kubeconfig(pem("#1", GOOD))
    assert agrees_with_store(worker.facts, worker.kubelet) is None


def test_the_key_of_a_flags_certificate_may_stand_in_the_configuration() -> None:
    """What is set there is known, whatever the script tells of flags."""
    worker = HEALTHY.with_settings(tls_private_key_file="/b.key").with_flags(tls_cert_file="/a.crt")
    assert (worker.kubelet.tls_cert_file, worker.kubelet.tls_private_key_file) == ("/a.crt", "/b.key")


def test_drop_ins_count_without_a_configuration_file() -> None:
    """--config-dir alone is enough."""
    worker = replace(HEALTHY, config=(ConfigFile(document(DROP_IN), ON),))
    assert worker.with_flags(config=None, config_dir="/etc/kubernetes/kubelet.conf.d").kubelet.rotates is True
    assert worker.with_flags(config=None).kubelet.rotates is False


def test_a_configuration_that_nobody_looked_at_is_unknown() -> None:
    """An older script tells nothing of it."""
    facts = replace(HEALTHY.facts, config=None)
    assert (understand(facts, Memory()).config_known, understand(facts, Memory()).rotates) == (False, None)


def test_the_answer_for_remembered_flags_has_the_paths_of_the_day() -> None:
    """The paths of the last visit are followed into the files of this one."""
    moved = kubeconfig("/srv/kubelet.conf", pair(CURRENT, GOOD))
    facts = replace(HEALTHY.facts, process=ABSENT, kubeconfig=moved)
    before = HEALTHY.with_flags(kubeconfig="/srv/kubelet.conf").facts
    assert understand(facts, Memory(process=before.process)).kubeconfig == "/srv/kubelet.conf"
