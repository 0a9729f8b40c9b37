"""A node's answer: what is read, what is passed over, what is refused and with which reason."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.collect.answer.answer import is_whole, parse
from exporter.collect.answer.key_material import holds_key_material
from exporter.config.settings import Paths
from exporter.demo.signer import PrivateKey
from exporter.errors import CollectError, Reason
from exporter.model.facts import DirectoryCondition, Folder, NodeFacts, StoreEntry
from exporter.model.files import Condition, FileKind, KeyBlock, PemFile
from exporter.model.host import Host, JournalLine, JournalSign, Process, Service, Sight
from exporter.model.kubelet_files import ConfigFile, Document, DocumentCondition, Kubeconfig, KubeletSettings
from tests.trees import NOW, YEAR, Mint, unarmour

MINT = Mint()
LEAF = MINT.leaf()
ORPHAN = MINT.leaf()
DIRECTORY = "/var/lib/kubelet/pki"
ANSWER = f"""\
kubelet-cert-exporter answer 1.0 begin
time {NOW}
uid 0
path store {DIRECTORY}
path client {DIRECTORY}/kubelet-client-current.pem
path serving {DIRECTORY}/kubelet-server-current.pem
path serving {DIRECTORY}/kubelet.crt
directory ok
count client 2
count server 0
count hidden 1
entry lrwxrwxrwx 0 0 59 {NOW} {DIRECTORY}/kubelet-client-current.pem
entry -rw------- 0 0 1103 {NOW} {DIRECTORY}/kubelet-client-2026-09-21-14-13-20.pem
entry drwxr-sr-t 10 20 4096 - {DIRECTORY}/kubelet-client-2026-09-22-14-13-20.pem
file client read {DIRECTORY}/kubelet-client-current.pem
link {DIRECTORY}/kubelet-client-2026-09-21-14-13-20.pem
{LEAF.certificate.decode()}file dated read {DIRECTORY}/kubelet-client-2026-09-22-14-13-20.pem
{ORPHAN.certificate.decode()}file serving denied {DIRECTORY}/kubelet.crt
kubelet-cert-exporter answer 1.0 end
""".encode()
LINES = ANSWER.splitlines(keepends=True)


def facts_of(output: bytes) -> NodeFacts:
    """The facts, asked at NOW and answered two seconds later."""
    return parse(output, Paths(), NOW, NOW + 2)


def reason_of(output: bytes) -> Reason:
    """Why an output is refused."""
    with pytest.raises(CollectError) as caught:
        facts_of(output)
    return caught.value.reason


def test_an_answer_is_read() -> None:
    """Every line of an answer becomes the fact that it states."""
    facts = facts_of(ANSWER)
    assert (facts.taken, facts.script_version, facts.uid) == (NOW, "1.0", 0)
    assert facts.clock is not None
    assert (facts.clock.shown, facts.clock.asked, facts.clock.answered) == (NOW, NOW, NOW + 2)
    assert (facts.store.path, facts.store.condition) == (DIRECTORY, DirectoryCondition.OK)
    assert (facts.store.dated_client, facts.store.dated_server, facts.store.hidden) == (2, 0, 1)
    assert facts.store.entries == (
        StoreEntry("kubelet-client-current.pem", FileKind.LINK, 0o777, 0, 0, 59, NOW),
        StoreEntry("kubelet-client-2026-09-21-14-13-20.pem", FileKind.REGULAR, 0o600, 0, 0, 1103, NOW),
        StoreEntry("kubelet-client-2026-09-22-14-13-20.pem", FileKind.DIRECTORY, 0o3755, 10, 20, 4096, None),
    )
    assert (facts.client.condition, facts.client.certificates) == (Condition.READ, (unarmour(LEAF.certificate),))
    assert facts.client.link == f"{DIRECTORY}/kubelet-client-2026-09-21-14-13-20.pem"
    assert [file.certificates for file in facts.store.newest] == [(unarmour(ORPHAN.certificate),)]
    assert facts.serving is not None
    assert (facts.serving.path, facts.serving.condition) == (f"{DIRECTORY}/kubelet.crt", Condition.DENIED)


@pytest.mark.parametrize("letters", ["---------", "rwsrwsrwt", "rwSrwSrwT", "r-xr-xr-x", "rw-r-----"])
def test_permissions_are_read(letters: str) -> None:
    """The letters of a mode become its bits, set-id and sticky included."""
    wanted = {"---------": 0, "rwsrwsrwt": 0o7777, "rwSrwSrwT": 0o7666, "r-xr-xr-x": 0o555, "rw-r-----": 0o640}
    output = ANSWER.replace(b"-rw------- ", f"-{letters} ".encode())
    assert facts_of(output).store.entries[1].mode == wanted[letters]


@pytest.mark.parametrize(
    "before",
    [b"", b"Last login: today\n\n", b"\xff\xfe\x00binary\r\n", b"=" * 9000 + b"\n", b"kubelet-cert-exporter\n"],
)
@pytest.mark.parametrize("after", [b"", b"logout\n", b"\xc3\xa4\x00", b"A" * 9000])
def test_noise_around_the_marks_is_passed_over(before: bytes, after: bytes) -> None:
    """What a profile or motd prints around the marks changes nothing, whatever it is."""
    assert facts_of(before + ANSWER + after) == facts_of(ANSWER)


def test_an_answer_with_crlf_is_read() -> None:
    """Line ends of a terminal are line ends."""
    assert facts_of(ANSWER.replace(b"\n", b"\r\n")) == facts_of(ANSWER)


def test_unknown_lines_of_the_same_major_are_skipped() -> None:
    """A newer script's lines, words and all, are passed over."""
    newer = b"".join(line + b"suspended 17 seconds\n\nbootid\n" for line in LINES[1:14])
    assert facts_of(LINES[0] + newer + b"".join(LINES[14:])) == facts_of(ANSWER)


def test_a_newer_minor_is_read() -> None:
    """A script of the same major is read, and its version is told."""
    facts = facts_of(ANSWER.replace(b"answer 1.0", b"answer 1.27"))
    assert (facts.script_version, facts.client) == ("1.27", facts_of(ANSWER).client)


@pytest.mark.parametrize("version", [b"2.0", b"10.0", b"0.9"])
def test_another_major_is_refused(version: bytes) -> None:
    """A major that this exporter does not read has its own reason, whole or cut off."""
    assert reason_of(ANSWER.replace(b"answer 1.0", b"answer " + version)) is Reason.ANSWER_TOO_NEW


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\n",
        b"sh: 1: Syntax error\n",
        b"".join(LINES[1:]),
        b"x" + ANSWER,
        ANSWER.replace(b"begin", b"began"),
        b"\0" * 100,
    ],
)
def test_output_without_the_start_mark_is_missing(output: bytes) -> None:
    """Without the start mark as a line of its own there is no answer."""
    assert reason_of(output) is Reason.ANSWER_MISSING


def test_an_answer_cut_at_any_line_is_truncated() -> None:
    """Cut between any two lines an answer is truncated, or missing where nothing came, and never half believed."""
    for count in range(len(LINES)):
        assert reason_of(b"".join(LINES[:count])) is (Reason.ANSWER_TRUNCATED if count else Reason.ANSWER_MISSING)


def test_an_answer_cut_at_any_byte_is_never_believed() -> None:
    """Cut at any byte before the end mark is whole an answer is refused as truncated, or missing without a start."""
    first = len(LINES[0]) - 1
    for size in range(len(ANSWER) - 1):
        reason = reason_of(ANSWER[:size])
        assert reason is (Reason.ANSWER_TRUNCATED if size >= first else Reason.ANSWER_MISSING), size


def test_the_end_mark_of_another_answer_does_not_count() -> None:
    """An end mark before the start mark ends nothing."""
    assert reason_of(LINES[-1] + b"".join(LINES[:-1])) is Reason.ANSWER_TRUNCATED


def test_an_answer_is_not_whole_before_its_end() -> None:
    """While the end mark has not arrived there is something to wait for."""
    assert not any(is_whole(ANSWER[:size]) for size in range(len(ANSWER) - 1))


@pytest.mark.parametrize("output", [ANSWER, b"motd\n" + ANSWER + b"bye\n", ANSWER.replace(b"\n", b"\r\n")])
def test_an_answer_is_whole_at_its_end(output: bytes) -> None:
    """Once the end mark has arrived nothing more is waited for, whatever the line ends."""
    assert is_whole(output)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"uid 0", b"uid root"),
        (b"uid 0", b"uid"),
        (b"uid 0", "uid ٣".encode()),
        (f"time {NOW}".encode(), b"time now"),
        (f"time {NOW}".encode(), b"time " + b"9" * 400),
        (f"time {NOW}\n".encode(), b""),
        (b"directory ok\n", b""),
        (b"directory ok", b"directory fine"),
        (b"count client 2", b"count client"),
        (b"count client 2", b"count client two"),
        (b"entry lrwx", b"entry Lrwx"),
        (b"entry lrwxrwxrwx 0 0 59", b"entry lrwxrwxrwx 0 0"),
        (b"file client read", b"file client red"),
        (b"file client read", b"file somebody read"),
        (b"directory ok\n", b"directory ok\nlink /etc\n"),
        (b"directory ok\n", b"directory ok\n" + LEAF.certificate),
        (LEAF.certificate, b""),
        (b"directory ok", b"directory ok\nx\xe4"),
        (b"directory ok", b"directory ok\n" + b"x" * 4097),
    ],
)
def test_a_broken_line_is_malformed(old: bytes, new: bytes) -> None:
    """A line of ours that cannot be what it says, or that is missing, spoils the whole answer."""
    assert old in ANSWER
    assert reason_of(ANSWER.replace(old, new, 1)) is Reason.ANSWER_MALFORMED


def test_the_longest_line_is_read() -> None:
    """A line of 4096 bytes is no overlong line."""
    assert facts_of(ANSWER.replace(b"uid 0\n", b"uid 0\n" + b"x" * 4096 + b"\n")) == facts_of(ANSWER)


@pytest.mark.parametrize(
    "paths",
    [
        Paths(store="/data/pki"),
        Paths(client_certificate="/etc/kubernetes/client.pem"),
        Paths(serving_certificate="/etc/kubernetes/serving.pem"),
    ],
)
def test_other_paths_than_configured_have_their_reason(paths: Paths) -> None:
    """An installed script that reads other paths than the configuration names is told as such."""
    with pytest.raises(CollectError) as caught:
        parse(ANSWER, paths, NOW, NOW)
    assert caught.value.reason is Reason.ANSWER_OTHER_PATHS


def test_serving_paths_count_in_their_order() -> None:
    """The candidates of the serving certificate in another order are other paths."""
    lines = [*LINES[:5], LINES[6], LINES[5], *LINES[7:]]
    assert reason_of(b"".join(lines)) is Reason.ANSWER_OTHER_PATHS


def test_a_block_that_holds_no_certificate_makes_its_file_malformed() -> None:
    """Base64 that cannot be decoded spoils its file, not the answer."""
    output = ANSWER.replace(ORPHAN.certificate, ORPHAN.certificate.replace(b"\n-----END", b"A\n-----END"))
    facts = facts_of(output)
    assert (facts.client.condition, facts.store.newest[0].condition) == (Condition.READ, Condition.MALFORMED)


# Version 1.2: the machine, the process, the kubelet's own files.

BASE64 = LEAF.certificate.decode()
MORE = f"""\
zone -0330
host name worker-1
host system debian
host machine {"a" * 64}
host boot 81b21828-2f81-4d13-9e7a-a2385e964c43
host booted {NOW - 1000}
host uptime 1000.25
host awake 900000000000
host word unknown
process seen kubelet 2
process started 5000 100
process uid 0
process zone Asia/Tokyo
process label system_u:system_r:kubelet_t:s0
process mounts own
process flag kubeconfig /etc/kubernetes/kubelet.conf
process flag token secret
process flag config ?
process flag bootstrap-kubeconfig -
process flag cert-dir --token=secret
process word unknown
service kubelet.service active running 3 -
folder stat drwxr-x--- 0 0
folder writable no
folder free 1024 -
folder mount ext4 ro
folder label system_u:object_r:var_lib_t:s0
folder word unknown
document kubeconfig read /etc/kubernetes/kubelet.conf
stat -rw------- 0 0 5000 {NOW}
writable yes
line 0 . apiVersion v1
line 0 . clusters -
line 2 - cluster -
line 4 . server https://10.0.0.1:6443
line 4 . certificate-authority /etc/kubernetes/pki/ca.crt
line 2 . name k
line 0 . contexts -
line 2 - context -
line 4 . cluster k
line 4 . user u
line 2 . name c
line 0 . current-context c
line 0 . kind Config
line 0 . futureKey plain
line 0 . users -
line 2 - name u
line 2 . user -
line 4 . client-certificate-data #1
line 4 . client-key-data #2
line 4 . token !
file data read #1
{BASE64}key none
file data key_only #2
key whole
document config read /var/lib/kubelet/config.yaml
line 0 . apiVersion kubelet.config.k8s.io/v1beta1
line 0 . kind KubeletConfiguration
line 0 . rotateCertificates true
document drop_in missing /etc/d/20.conf
document drop_in broken /etc/d/10.conf
file pem read /etc/kubernetes/pki/ca.crt
{BASE64}key none
file pem key_only {DIRECTORY}/kubelet.key
key cut
pair yes #1 #2
pair no {DIRECTORY}/kubelet.crt {DIRECTORY}/kubelet.key
journal none 0
journal unauthorized 7
journal word 3
"""
NEWER = ANSWER.replace(b"answer 1.0", b"answer 1.2").replace(LINES[-1].replace(b"1.0", b"1.2"), b"") + (
    MORE.encode() + LINES[-1].replace(b"1.0", b"1.2")
)


NEWER_LINES = NEWER.splitlines(keepends=True)


def test_an_older_answer_tells_less() -> None:
    """A script that was installed before 1.2 is read; what it does not tell was not looked at."""
    for version in (b"1.0", b"1.1"):
        facts = facts_of(ANSWER.replace(b"answer 1.0", b"answer " + version))
        assert facts.client.key is KeyBlock.UNSEEN
        assert (facts.host, facts.process, facts.service, facts.kubeconfig, facts.bootstrap) == (None,) * 5
        assert (facts.config, facts.files, facts.pairs, facts.journal, facts.store.folder) == (None, (), (), None, None)


def test_a_whole_answer_is_read() -> None:
    """Every line of 1.2 becomes the fact that it states; words that a newer script may add are passed over."""
    facts = facts_of(NEWER)
    assert facts.host == Host(
        "worker-1", "debian", "a" * 64, "81b21828-2f81-4d13-9e7a-a2385e964c43", NOW - 1000, 1000.25, 900.0, -12600
    )
    assert facts.host.suspended == 100.25
    assert facts.process == Process(
        sight=Sight.SEEN,
        name="kubelet",
        count=2,
        started=NOW - 950.0,
        uid=0,
        flags=(
            ("kubeconfig", "/etc/kubernetes/kubelet.conf"),
            ("config", "?"),
            ("bootstrap-kubeconfig", ""),
            ("cert-dir", "?"),
        ),
        zone="Asia/Tokyo",
        label="system_u:system_r:kubelet_t:s0",
        own_mounts=True,
    )
    assert facts.service == Service("kubelet.service", "active", "running", 3, None)
    assert facts.store.folder == Folder(
        0o750, 0, 0, False, 1024 * 1024, None, "ext4", True, "system_u:object_r:var_lib_t:s0"
    )
    leaf = unarmour(LEAF.certificate)
    authority = PemFile("/etc/kubernetes/pki/ca.crt", Condition.READ, (leaf,), key=KeyBlock.NONE)
    assert facts.kubeconfig == Kubeconfig(
        Document("/etc/kubernetes/kubelet.conf", DocumentCondition.READ, 0o600, 0, 0, 5000, NOW, True),
        server="https://10.0.0.1:6443",
        authority=authority,
        certificate=PemFile("#1", Condition.READ, (leaf,), key=KeyBlock.NONE),
        key=PemFile("#2", Condition.KEY_ONLY, key=KeyBlock.WHOLE),
        has_token=True,
    )
    assert facts.config == (
        ConfigFile(
            Document("/var/lib/kubelet/config.yaml", DocumentCondition.READ),
            KubeletSettings(rotate_certificates=True),
        ),
        ConfigFile(Document("/etc/d/10.conf", DocumentCondition.BROKEN)),
        ConfigFile(Document("/etc/d/20.conf", DocumentCondition.MISSING)),
    )
    assert facts.files == (authority, PemFile(f"{DIRECTORY}/kubelet.key", Condition.KEY_ONLY, key=KeyBlock.CUT))
    assert facts.is_pair("#1", "#2") is True
    assert facts.is_pair(f"{DIRECTORY}/kubelet.crt", f"{DIRECTORY}/kubelet.key") is False
    assert facts.journal == (JournalLine(JournalSign.UNAUTHORIZED, 7),)


def test_remembered_flags_are_the_process_that_is_not_there() -> None:
    """They count where no process was seen, and only there."""
    flags = (("config", "/c"),)
    absent = NEWER.replace(b"process seen kubelet 2", b"process absent")
    assert parse(absent, Paths(), NOW, NOW, flags).process == replace(
        facts_of(absent).process or Process(Sight.ABSENT), flags=flags, remembered=True
    )
    assert parse(NEWER, Paths(), NOW, NOW, flags).process == facts_of(NEWER).process


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("zone -0330", "zone -3330"),
        ("zone -0330", "zone now"),
        ("host name worker-1", "host name \x1b[2J"),
        ("host name worker-1", "host name a b"),
        (f"host booted {NOW - 1000}", "host booted -1"),
        ("host uptime 1000.25", "host uptime 1e9"),
        ("host uptime 1000.25", "host uptime nan"),
        ("host awake 900000000000", "host awake 99999999999999999999"),
        ("process seen kubelet 2", "process seen kubelet"),
        ("process seen kubelet 2", "process lost"),
        ("process started 5000 100", "process started 5000"),
        ("process started 5000 100", "process started 5000 999999"),
        ("process uid 0", "process uid 4294967296"),
        ("process mounts own", "process mounts theirs"),
        ("process flag config ?", "process flag config a b"),
        ("process flag config ?", "process flag config"),
        ("service kubelet.service active running 3 -", "service kubelet.service active running 3"),
        ("service kubelet.service active running 3 -", "service kubelet.service active running many -"),
        ("folder stat drwxr-x--- 0 0", "folder stat drwxr-x--- 0"),
        ("folder stat drwxr-x--- 0 0", "folder stat rwx 0 0"),
        ("folder writable no", "folder writable perhaps"),
        ("folder mount ext4 ro", "folder mount ext4 wr"),
        ("document config read /var", "document config fine /var"),
        ("document config read /var", "document config read '/var"),
        ("stat -rw------- 0 0 5000", "stat -rw------- 0 0"),
        ("writable yes", "writable"),
        ("line 0 . kind Config", "line 0 . kind"),
        ("line 0 . kind Config", "line -1 . kind Config"),
        ("line 0 . kind Config", "line 0 + kind Config"),
        ("line 0 . kind Config", "line 0 . kind ?"),
        ("line 4 . token !", "line 4 . token secret"),
        ("line 4 . token !", "line 4 . client-key-data QUJD"),
        ("line 4 . token !", "line 4 . client-key-data #0"),
        ("line 4 . token !", "line 4 . server #1"),
        ("line 4 . token !", "line 4 . * secret"),
        ("file data read #1", "file data read #x"),
        ("file data read #1", "file data read /etc/passwd"),
        ("file pem read /etc", "file pem read $(id)/etc"),
        ("key cut", "key half"),
        ("pair yes #1 #2", "pair yes #1"),
        ("pair yes #1 #2", "pair maybe #1 #2"),
        ("pair yes #1 #2", "pair yes #1 #x"),
        ("journal unauthorized 7", "journal unauthorized -7"),
        ("journal unauthorized 7", "journal unauthorized"),
        ("link /var", "link $(id)/var"),
        ("uid 0\n", "uid 0\nat store /a b\n"),
        ("uid 0\n", "uid 0\nline 0 . kind Config\n"),
        ("uid 0\n", "uid 0\nstat -rw------- 0 0 1 1\n"),
        ("uid 0\n", "uid 0\nprocess uid 0\n"),
        ("uid 0\n", "uid 0\nkey whole\n"),
        ("uid 0\n", "uid -1\n"),
        ("line 0 . kind Config\n", "line 0 . kind Config\n" * 601),
        ("process uid 0\n", "process flag config /c\n" * 65),
    ],
)
def test_a_broken_line_of_the_newer_kind_is_malformed(old: str, new: str) -> None:
    """Bounded numbers, words of closed lists, plain texts, values only where they are told; and the log holds none."""
    assert old.encode() in NEWER
    with pytest.raises(CollectError) as caught:
        facts_of(NEWER.replace(old.encode(), new.encode(), 1))
    assert caught.value.reason is Reason.ANSWER_MALFORMED
    assert "secret" not in f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("old", "new", "modified"),
    [(f"1103 {NOW}", "1103 -62135596800", -62135596800), (f"1103 {NOW}", "1103 9999999999", 9999999999)],
)
def test_times_outside_the_usual_are_read(old: str, new: str, modified: int) -> None:
    """A file may be of before 1970 or after 2106."""
    assert facts_of(NEWER.replace(old.encode(), new.encode(), 1)).store.entries[1].modified == modified


# Private keys.


@cache
def private_keys() -> dict[str, bytes]:
    """Keys of every kind in every PEM form."""
    kinds: dict[str, PrivateKeyTypes] = {
        "rsa1024": rsa.generate_private_key(public_exponent=65537, key_size=1024),
        "rsa2048": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ed448": ed448.Ed448PrivateKey.generate(),
        "dsa": dsa.generate_private_key(1024),
    }
    forms = {
        "traditional": serialization.PrivateFormat.TraditionalOpenSSL,
        "pkcs8": serialization.PrivateFormat.PKCS8,
        "openssh": serialization.PrivateFormat.OpenSSH,
    }
    found = {}
    for kind, key in kinds.items():
        for form, wanted in forms.items():
            if (form == "traditional" and kind.startswith("ed")) or (form == "openssh" and kind in ("ed448", "dsa")):
                continue
            found[f"{kind}-{form}"] = key.private_bytes(
                serialization.Encoding.PEM, wanted, serialization.NoEncryption()
            )
    return found


def body_of(pem: bytes) -> bytes:
    """The base64 lines between the armour."""
    return b"".join(line for line in pem.splitlines(keepends=True) if not line.startswith(b"-----"))


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "before": lambda key: key + ANSWER,
    "inside": lambda key: ANSWER.replace(b"directory ok\n", b"directory ok\n" + key),
    "in a block": lambda key: ANSWER.replace(
        b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\n" + key, 1
    ),
    "behind a block": lambda key: ANSWER.replace(LEAF.certificate, LEAF.certificate + key),
    "behind a leaf without END": lambda key: ANSWER.replace(
        LEAF.certificate, LEAF.certificate.removesuffix(b"-----END CERTIFICATE-----\n") + key
    ),
    "after": lambda key: ANSWER + key,
    "alone": lambda key: key,
}
SHAPES: dict[str, Callable[[bytes], bytes]] = {
    "pem": lambda pem: pem,
    "crlf": lambda pem: pem.replace(b"\n", b"\r\n"),
    "bare": body_of,
    "bare and indented": lambda pem: b"".join(b"    " + line for line in body_of(pem).splitlines(keepends=True)),
    "bare on one line": lambda pem: body_of(pem).replace(b"\n", b"") + b"\n",
    "bare in 76 columns": lambda pem: base64.encodebytes(base64.b64decode(body_of(pem))),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", PLACES)
def test_key_material_is_refused_whole(place: str, shape: str) -> None:
    """A key of any kind, in any form, anywhere in the output: the answer is dropped, and the error holds none of it."""
    for name, pem in private_keys().items():
        with pytest.raises(CollectError) as caught:
            facts_of(PLACES[place](SHAPES[shape](pem)))
        assert caught.value.reason is Reason.KEY_MATERIAL, name
        told = f"{caught.value!r} {caught.value} {caught.value.detail} {caught.value.__cause__!r}"
        body = body_of(pem).replace(b"\n", b"").decode()
        assert not any(body[at : at + 6] in told for at in range(len(body) - 5)), name


@pytest.mark.parametrize("header", ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"])
def test_a_header_alone_is_enough(header: str) -> None:
    """A key's header without a key is reason enough."""
    assert reason_of(ANSWER + f"-----BEGIN {header}-----".encode()) is Reason.KEY_MATERIAL


def test_a_word_of_letters_before_a_key_does_not_hide_it() -> None:
    """A line that looks like base64 and is none does not cover the key on the next line."""
    for name, pem in private_keys().items():
        assert holds_key_material(b"authorizedpersonnelonly\n" + body_of(pem)), name


def test_no_certificate_looks_like_a_key() -> None:
    """Five hundred certificates of many kinds and sizes are no key material, in an answer or alone."""
    signers: list[PrivateKey] = [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        rsa.generate_private_key(public_exponent=3, key_size=2048),
        rsa.generate_private_key(public_exponent=65537, key_size=3072),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ]
    for number in range(500):
        key, signer = signers[number % 7], signers[number // 7 % 7]
        common_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"n{'x' * (number % 60)}")])
        names = [x509.DNSName(f"node-{count}.example") for count in range(1 + number % 40)]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(common_name)
            .issuer_name(common_name)
            .public_key(key.public_key())
            .serial_number(number + 1 if number % 3 else x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2020 + number % 90, 2, 1, tzinfo=UTC))
            .add_extension(
                x509.BasicConstraints(ca=bool(number % 2), path_length=number % 3 if number % 2 else None),
                critical=True,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        assert not holds_key_material(pem), pem
        assert not holds_key_material(body_of(pem)), pem
        facts = facts_of(ANSWER.replace(LEAF.certificate, pem))
        assert facts.client.certificates == (certificate.public_bytes(serialization.Encoding.DER),), pem


# Whatever comes.


def survives(output: bytes) -> None:
    """An output gives facts or its reason, and nothing else."""
    try:
        told: object = facts_of(output)
    except CollectError as error:
        told = error.reason
    assert isinstance(told, NodeFacts | Reason)


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_random_bytes_only_fail_with_a_reason(noise: bytes) -> None:
    """Random bytes alone, or between the marks, raise nothing but CollectError."""
    survives(noise)
    survives(LINES[0] + noise + b"\n" + LINES[-1])


WORDS = st.sampled_from(
    [
        *("time", "uid", "path", "directory", "count", "entry", "file", "link", "client", "read", "MIIBszDC", "==", ""),
        *("-", "0", "-1", "1e9", "nan", "9" * 400, "-rw-------", "l", "/a/b"),
        *("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"),
        *("zone", "host", "process", "seen", "flag", "service", "folder", "stat", "document", "kubeconfig", "config"),
        *("drop_in", "line", ".", "kind", "users", "#1", "!", "*", "pair", "yes", "journal", "key", "whole", "pem"),
    ]
)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(NEWER_LINES) - 1),
            st.sampled_from(["drop", "double", "replace", "swap", "byte"]),
            st.lists(WORDS, max_size=8).map(" ".join),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=400, deadline=None)
def test_mutated_answers_only_fail_with_a_reason(changes: list[tuple[int, str, str, int]]) -> None:
    """An answer with lines dropped, doubled, swapped or bent raises nothing but CollectError."""
    lines = list(NEWER_LINES)
    for number, what, text, byte in changes:
        match what:
            case "drop":
                lines[number] = b""
            case "double":
                lines[number] *= 2
            case "replace":
                lines[number] = text.encode() + b"\n"
            case "swap":
                lines[number], lines[byte % len(lines)] = lines[byte % len(lines)], lines[number]
            case "byte":
                at = byte % max(1, len(lines[number]))
                lines[number] = lines[number][:at] + bytes([byte]) + lines[number][at + 1 :]
    survives(b"".join(lines))


def test_year_long_certificates_are_what_is_minted() -> None:
    """The sample's certificate is a kubelet's, of a year."""
    certificate = x509.load_pem_x509_certificate(LEAF.certificate)
    assert int((certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds()) == YEAR
