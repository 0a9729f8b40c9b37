"""Would the kubelet come back: its serving certificate, the CA of its clients, its configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.model.files import Condition, KeyBlock, PemFile
from exporter.model.kubelet_files import ConfigFile, DocumentCondition, KubeletSettings
from tests.kubelets import (
    CA,
    CONFIG,
    EXPIRED,
    GOOD,
    HEALTHY,
    PKI,
    SERVER_CURRENT,
    SERVER_UPDATED,
    Worker,
    absent,
    document,
    key,
    line,
    pem,
)
from tests.restarts import COMES_BACK, told

BROKEN, HALF, FULL = (f"0 serving-{what} dies" for what in ("pair-broken", "pair-half", "not-writable"))
LINK = f"{PKI}/kubelet-server-2026-08-22-10-00-00.pem"
CRT, KEY = f"{PKI}/kubelet.crt", f"{PKI}/kubelet.key"
TLS_CRT, TLS_KEY = "/etc/kubernetes/certs/server.crt", "/etc/kubernetes/certs/server.key"
ROTATES = HEALTHY.with_settings(server_tls_bootstrap=True)
NAMES = HEALTHY.with_settings(tls_cert_file=TLS_CRT, tls_private_key_file=TLS_KEY)
FRESH = HEALTHY.with_files(absent(CRT), absent(KEY))


def current(*certificates: bytes, key: KeyBlock = KeyBlock.WHOLE) -> PemFile:
    """The serving store's link."""
    return pem(SERVER_CURRENT, *certificates, key=key, link=LINK)


def updated(link: str | None = LINK) -> PemFile:
    """What a death between unlink and rename leaves; a regular file without ``link``."""
    return pem(SERVER_UPDATED, GOOD, key=KeyBlock.WHOLE, link=link)


def folder(worker: Worker, **facts: object) -> Worker:
    """The same with a folder that differs."""
    assert worker.folder
    return replace(worker, folder=replace(worker.folder, **facts))  # type: ignore[arg-type]  # fields by name


def untold(worker: Worker, path: str) -> Worker:
    """The same where nothing was told of a file."""
    return replace(worker, files=tuple(file for file in worker.files if file.path != path))


TLS_FILES = (pem(TLS_CRT, GOOD), key(TLS_KEY))
BROKEN_TLS = (pem(TLS_CRT, GOOD), pem(TLS_KEY, key=KeyBlock.CUT))
ROTATES_NAMES = ROTATES.with_settings(tls_cert_file=TLS_CRT, tls_private_key_file=TLS_KEY)
FIXED = (pem(f"{PKI}/kubelet-server.crt", GOOD), pem(f"{PKI}/kubelet-server.key", key=KeyBlock.CUT))


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(ROTATES, COMES_BACK, id="none: it asks for one"),
        pytest.param(ROTATES.with_files(current(GOOD)), COMES_BACK, id="current"),
        pytest.param(ROTATES.with_files(current(EXPIRED)), COMES_BACK, id="current expired"),
        pytest.param(ROTATES.with_files(PemFile(SERVER_CURRENT, Condition.DENIED)), "? not-seen", id="current denied"),
        pytest.param(HEALTHY.with_flags(rotate_server_certificates="?"), "? not-seen", id="on or off is not known"),
        pytest.param(ROTATES.with_files(current(GOOD, key=KeyBlock.CUT)), BROKEN, id="current cut in its key"),
        pytest.param(ROTATES.with_files(absent(SERVER_CURRENT, Condition.EMPTY)), BROKEN, id="current empty"),
        pytest.param(ROTATES.with_files(absent(SERVER_CURRENT, Condition.DANGLING)), COMES_BACK, id="current dangling"),
        pytest.param(ROTATES_NAMES.with_files(*TLS_FILES), COMES_BACK, id="tlsCertFile with its key"),
        pytest.param(ROTATES_NAMES.with_files(*BROKEN_TLS), BROKEN, id="tlsCertFile with half a key"),
        pytest.param(ROTATES_NAMES.with_files(current(GOOD), *BROKEN_TLS), COMES_BACK, id="current comes first"),
        pytest.param(
            ROTATES_NAMES.with_files(pem(TLS_CRT, GOOD), absent(TLS_KEY)), COMES_BACK, id="tlsCertFile half there"
        ),
        pytest.param(ROTATES_NAMES.with_files(absent(TLS_CRT), absent(TLS_KEY)), COMES_BACK, id="tlsCertFile missing"),
        pytest.param(ROTATES.with_settings(tls_cert_file=TLS_CRT), COMES_BACK, id="tlsCertFile without a key set"),
        pytest.param(ROTATES.with_files(*FIXED), BROKEN, id="kubelet-server.crt and half a key"),
        pytest.param(ROTATES.with_files(FIXED[0]), COMES_BACK, id="kubelet-server.crt alone"),
        pytest.param(ROTATES.with_files(absent(KEY)), COMES_BACK, id="kubelet.crt alone"),
        pytest.param(ROTATES.with_files(absent(CRT, Condition.EMPTY), pem(KEY)), COMES_BACK, id="kubelet.crt empty"),
        pytest.param(folder(ROTATES, writable=False), COMES_BACK, id="read-only folder"),
        pytest.param(ROTATES.with_files(updated()), COMES_BACK, id="recovery: a link"),
        pytest.param(
            folder(ROTATES.with_files(updated()), writable=False), "0 store-not-writable dies", id="recovery fails"
        ),
        pytest.param(ROTATES.with_files(updated(None)), "0 updated-regular-file dies", id="recovery: a regular file"),
        pytest.param(ROTATES.with_files(current(GOOD), updated(None)), COMES_BACK, id="recovery: current there"),
        pytest.param(
            ROTATES.with_files(replace(updated(), key=KeyBlock.CUT)), BROKEN, id="recovery: what became current"
        ),
        pytest.param(HEALTHY.with_files(updated(None)), COMES_BACK, id="recovery: not without serverTLSBootstrap"),
    ],
)
def test_with_server_tls_bootstrap(tree: Worker, expected: str) -> None:
    """The first pair that exists must load; that there is none, or an old one, is no hindrance."""
    assert told(tree) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(NAMES.with_files(*TLS_FILES), COMES_BACK, id="both set"),
        pytest.param(NAMES.with_files(pem(TLS_CRT, EXPIRED), key(TLS_KEY)), COMES_BACK, id="both set, expired"),
        pytest.param(NAMES.with_files(*BROKEN_TLS), BROKEN, id="both set, half a key"),
        pytest.param(NAMES.with_files(absent(TLS_CRT), key(TLS_KEY)), BROKEN, id="both set, one not there"),
        pytest.param(
            replace(NAMES.with_files(*TLS_FILES), pairs=((TLS_CRT, TLS_KEY, False),)), BROKEN, id="both set, two keys"
        ),
        pytest.param(NAMES.with_files(*TLS_FILES, absent(KEY)), COMES_BACK, id="both set: kubelet.crt is no matter"),
        pytest.param(
            HEALTHY.with_settings(tls_cert_file=TLS_CRT), COMES_BACK, id="certificate alone set: serves nothing"
        ),
        pytest.param(
            HEALTHY.with_settings(tls_private_key_file=TLS_KEY), COMES_BACK, id="key alone set: serves nothing"
        ),
        pytest.param(
            HEALTHY.with_flags(tls_cert_file=TLS_CRT).with_files(absent(TLS_CRT)),
            COMES_BACK,
            id="certificate alone set by the flag: serves nothing",
        ),
        pytest.param(HEALTHY.with_files(pem(CRT, EXPIRED)), COMES_BACK, id="kubelet.crt expired"),
        pytest.param(HEALTHY.with_files(absent(CRT, Condition.EMPTY)), BROKEN, id="kubelet.crt empty"),
        pytest.param(HEALTHY.with_files(absent(KEY, Condition.EMPTY)), BROKEN, id="kubelet.key empty"),
        pytest.param(HEALTHY.with_files(pem(KEY, key=KeyBlock.CUT)), BROKEN, id="kubelet.key cut off"),
        pytest.param(
            HEALTHY.with_files(PemFile(KEY, Condition.EMPTY)), BROKEN, id="an empty kubelet.key has no key block"
        ),
        pytest.param(HEALTHY.with_files(absent(KEY, Condition.DENIED)), "? not-seen", id="kubelet.key denied"),
        pytest.param(HEALTHY.with_files(absent(CRT)), HALF, id="kubelet.crt missing"),
        pytest.param(HEALTHY.with_files(absent(KEY)), HALF, id="kubelet.key missing"),
        pytest.param(FRESH, COMES_BACK, id="neither there: they are made"),
        pytest.param(folder(FRESH, writable=False), FULL, id="neither there, folder not writable"),
        pytest.param(folder(FRESH, read_only=True), FULL, id="neither there, read-only mount"),
        pytest.param(folder(FRESH, bytes_free=0), FULL, id="neither there, disk full"),
        pytest.param(folder(FRESH, files_free=0), FULL, id="neither there, no inodes"),
        pytest.param(folder(FRESH, files_free=0, filesystem="btrfs"), COMES_BACK, id="btrfs counts no inodes"),
        pytest.param(folder(FRESH, writable=None), "? not-seen", id="neither there, not seen as root"),
        pytest.param(folder(FRESH, bytes_free=None), "? not-seen", id="neither there, room not seen"),
        pytest.param(
            HEALTHY.with_settings(tls_cert_file=TLS_CRT).with_files(absent(KEY)), COMES_BACK, id="half set, half there"
        ),
        pytest.param(
            HEALTHY.with_settings(tls_private_key_file=TLS_KEY).with_files(absent(KEY)),
            COMES_BACK,
            id="the other half set, half there",
        ),
        pytest.param(untold(HEALTHY, KEY), HALF, id="kubelet.key neither told nor listed"),
        pytest.param(
            replace(untold(HEALTHY, KEY), extra=(line(KEY),)), "? not-seen", id="kubelet.key listed and not told"
        ),
        pytest.param(NAMES, "? not-seen", id="a named file that nobody told of"),
        pytest.param(
            HEALTHY.with_settings(tls_cert_file=f"{PKI}/own.crt", tls_private_key_file=f"{PKI}/own.key"),
            "? not-seen",
            id="a named file of a name that no listing has",
        ),
        pytest.param(folder(HEALTHY, writable=False, bytes_free=0), COMES_BACK, id="both there: room is no matter"),
    ],
)
def test_without_server_tls_bootstrap(tree: Worker, expected: str) -> None:
    """tlsCertFile where both of it are set, else kubelet.crt, which is made where there is none."""
    assert told(tree) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(HEALTHY.with_files(absent(CA)), "0 client-ca-broken dies", id="missing"),
        pytest.param(HEALTHY.with_files(absent(CA, Condition.EMPTY)), "0 client-ca-broken dies", id="empty"),
        pytest.param(HEALTHY.with_files(key(CA)), "0 client-ca-broken dies", id="without a certificate"),
        pytest.param(HEALTHY.with_files(pem(CA, b"0")), "0 client-ca-broken dies", id="with something else"),
        pytest.param(HEALTHY.with_files(pem(CA, EXPIRED)), COMES_BACK, id="expired"),
        pytest.param(HEALTHY.with_settings(client_ca_file=None).with_files(absent(CA)), COMES_BACK, id="not set"),
    ],
)
def test_the_client_ca(tree: Worker, expected: str) -> None:
    """It must hold a certificate; which one, and from when, is no matter."""
    assert told(tree) == expected


def configured(condition: DocumentCondition, path: str = CONFIG) -> Worker:
    """A configuration file and a drop-in, one of them in this condition."""
    settings = KubeletSettings(rotate_certificates=True)
    files = [ConfigFile(document(CONFIG), settings), ConfigFile(document("/etc/kubernetes/10.conf"), settings)]
    changed = [
        replace(file, document=document(path, condition)) if file.document.path == path else file for file in files
    ]
    return replace(HEALTHY, config=tuple(changed))


GATE_OFF = HEALTHY.with_settings(serving_gate=False)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param(configured(DocumentCondition.READ), COMES_BACK, id="read"),
        pytest.param(configured(DocumentCondition.MISSING), "0 config-broken dies", id="missing"),
        pytest.param(configured(DocumentCondition.EMPTY), "0 config-broken dies", id="empty"),
        pytest.param(configured(DocumentCondition.BROKEN), "0 config-broken dies", id="does not parse"),
        pytest.param(
            configured(DocumentCondition.BROKEN, "/etc/kubernetes/10.conf"),
            "0 config-broken dies",
            id="a drop-in does not parse",
        ),
        pytest.param(configured(DocumentCondition.INTRICATE), "? not-seen", id="intricate"),
        pytest.param(
            configured(DocumentCondition.DENIED, "/etc/kubernetes/10.conf"), "? not-seen", id="a drop-in denied"
        ),
        pytest.param(
            configured(DocumentCondition.BROKEN).with_flags(config=None, rotate_certificates="true"),
            COMES_BACK,
            id="one that no flag names does not parse",
        ),
        pytest.param(GATE_OFF.with_settings(server_tls_bootstrap=True), "0 serving-gate-off dies", id="gate off"),
        pytest.param(GATE_OFF, COMES_BACK, id="gate off without serverTLSBootstrap"),
        pytest.param(ROTATES, COMES_BACK, id="serverTLSBootstrap with its gate"),
        pytest.param(
            replace(HEALTHY, config=()).with_flags(rotate_certificates="true"), "? not-seen", id="not looked at"
        ),
        pytest.param(
            replace(HEALTHY, config=()).with_flags(rotate_certificates="true", config=None),
            COMES_BACK,
            id="flags alone",
        ),
    ],
)
def test_the_configuration(tree: Worker, expected: str) -> None:
    """Configuration and drop-ins must be there, parse and be valid."""
    assert told(tree) == expected
