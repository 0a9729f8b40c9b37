"""``--web.config.file``: what exporter-toolkit's format says is meant, and what we cannot do is refused by name."""

from __future__ import annotations

import logging
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization

from exporter.config import web_config
from exporter.config.ciphers import CURVES, TLS12_SUITES, TLS13_SUITES
from exporter.config.duration import parse_go_duration
from exporter.config.web_config import load_web_config
from exporter.errors import ConfigurationError
from exporter.serve.doorkeeper import Doorkeeper
from tests.authority import Authority, Pair

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
PAIR = "  cert_file: server.crt\n  key_file: server.key\n"
TLS = f"tls_server_config:\n{PAIR}"
CA = "  client_ca_file: ca.crt\n"
REQUIRED = "  client_auth_type: RequireAndVerifyClientCert\n"

# Why promtool says something else of a file than we do.
OLDER = "Debian's promtool is older than the key"
STRICTER = "we ask for more"


class Case(NamedTuple):
    """A file; the mistake that we find, empty where there is none; why promtool differs, empty where it does not."""

    text: str
    mistake: str = ""
    differs: str = ""


CASES = {
    "empty": Case(""),
    "comment": Case("# nothing\n"),
    "no_mapping": Case("- a\n", "not a mapping"),
    "unknown_key": Case("tls_server_confg:\n", 'did you mean "tls_server_config"?'),
    "unknown_key_within": Case("tls_server_config:\n  cert_filse: server.crt\n", 'did you mean "cert_file"?'),
    "given_twice": Case(f"{TLS}  cert_file: server.crt\n", "given twice", ""),
    "empty_sections": Case("tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n"),
    "tls": Case(TLS),
    "absolute": Case("tls_server_config:\n  cert_file: {here}/server.crt\n  key_file: {here}/server.key\n"),
    "no_key": Case("tls_server_config:\n  cert_file: server.crt\n", "key_file is needed"),
    "no_certificate": Case("tls_server_config:\n  key_file: server.key\n", "cert_file is needed"),
    "certificate_empty": Case('tls_server_config:\n  cert_file: ""\n  key_file: server.key\n', "cert_file is needed"),
    "only_a_version": Case("tls_server_config:\n  min_version: TLS13\n", "cert_file is needed", STRICTER),
    "file_missing": Case("tls_server_config:\n  cert_file: gone.crt\n  key_file: server.key\n", "No such file"),
    "other_key": Case("tls_server_config:\n  cert_file: server.crt\n  key_file: other.key\n", "does not belong"),
    "swapped": Case("tls_server_config:\n  cert_file: server.key\n  key_file: server.crt\n", "no certificate"),
    "passphrase": Case("tls_server_config:\n  cert_file: server.crt\n  key_file: locked.key\n", "has a passphrase"),
    "inline": Case("tls_server_config:\n  cert: |\n{certificate}\n  key: |\n{key}\n", "", OLDER),
    "inline_and_file": Case(f"{TLS}  cert: |\n{{certificate}}\n", "given twice: cert and cert_file"),
    "no_client_cert": Case(f"{TLS}  client_auth_type: NoClientCert\n"),
    "client_auth_empty": Case(f'{TLS}  client_auth_type: ""\n'),
    "if_given": Case(f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n{CA}"),
    "required": Case(f"{TLS}{REQUIRED}{CA}"),
    "required_without_ca": Case(f"{TLS}{REQUIRED}", "needs client_ca_file", STRICTER),
    "request": Case(f"{TLS}  client_auth_type: RequestClientCert\n", "verifies nothing", STRICTER),
    "require_any": Case(f"{TLS}  client_auth_type: RequireAnyClientCert\n", "verifies nothing", STRICTER),
    "require_any_of_old": Case(f"{TLS}  client_auth_type: RequireClientCert\n", "verifies nothing", STRICTER),
    "client_auth_unknown": Case(f"{TLS}  client_auth_type: Maybe\n", "should be 'NoClientCert', "),
    "ca_without_policy": Case(f"{TLS}{CA}", "asks for nothing without client_auth_type"),
    "ca_missing": Case(f"{TLS}{REQUIRED}  client_ca_file: gone.crt\n", "No such file"),
    "ca_garbage": Case(f"{TLS}{REQUIRED}  client_ca_file: server.key\n", "no certificates in PEM form", STRICTER),
    "ca_inline": Case(f"{TLS}{REQUIRED}  client_ca: |\n{{certificate}}\n", "", OLDER),
    "sans": Case(f"{TLS}{REQUIRED}{CA}  client_allowed_sans: [prometheus]\n", "", OLDER),
    "sans_without_required": Case(f"{TLS}  client_allowed_sans: [prometheus]\n", "needs client_auth_type"),
    "sans_empty": Case(f"{TLS}{REQUIRED}{CA}  client_allowed_sans: []\n", "must not be empty"),
    "versions": Case(f"{TLS}  min_version: TLS12\n  max_version: TLS12\n"),
    "version_13": Case(f"{TLS}  min_version: TLS13\n"),
    "version_old": Case(f"{TLS}  min_version: TLS11\n", "TLS 1.0 and 1.1 are not supported", STRICTER),
    "version_unknown": Case(f"{TLS}  min_version: TLS14\n", "should be 'TLS12' or 'TLS13'"),
    "versions_crossed": Case(f"{TLS}  min_version: TLS13\n  max_version: TLS12\n", "above max_version", STRICTER),
    "ciphers": Case(f"{TLS}  cipher_suites: [{', '.join([*TLS12_SUITES, *TLS13_SUITES])}]\n"),
    "cipher_of_13_alone": Case(f"{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"),
    "cipher_of_none": Case(
        f"{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12\n", "none of them is one of", STRICTER
    ),
    "cipher_rsa": Case(f"{TLS}  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n", "no forward secrecy", STRICTER),
    "cipher_unknown": Case(f"{TLS}  cipher_suites: [TLS_NULL]\n", "unknown cipher 'TLS_NULL'"),
    "client_prefers": Case(f"{TLS}  prefer_server_cipher_suites: false\n"),
    "server_prefers": Case(f"{TLS}  prefer_server_cipher_suites: true\n"),
    "prefers_no_boolean": Case(f"{TLS}  prefer_server_cipher_suites: maybe\n", "true or false is needed"),
    "curve": Case(f"{TLS}  curve_preferences: [CurveP384]\n"),
    "curve_x25519": Case(f"{TLS}  curve_preferences: [X25519]\n", "it comes first where", STRICTER),
    "curves": Case(f"{TLS}  curve_preferences: [CurveP384, CurveP256]\n", "one curve at most", STRICTER),
    "curve_unknown": Case(f"{TLS}  curve_preferences: [CurveP257]\n", "unknown curve 'CurveP257'"),
    "http2": Case(f"{TLS}http_server_config:\n  http2: true\n"),
    "no_http2": Case(f"{TLS}http_server_config:\n  http2: false\n"),
    "headers": Case(
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n"
        "    X-XSS-Protection: 1\n    Strict-Transport-Security: max-age=3600\n"
        "    Content-Security-Policy: \"default-src 'self'\"\n"
    ),
    "header_other": Case("http_server_config:\n  headers:\n    Server: x\n", "headers.Server: cannot be set"),
    "header_value": Case("http_server_config:\n  headers:\n    X-Frame-Options: never\n", "may be deny or sameorigin"),
    "header_two_lines": Case(
        'http_server_config:\n  headers:\n    X-XSS-Protection: "1\\r\\nX: y"\n', "a character", STRICTER
    ),
    "users": Case(f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH.replace('2y', '2b')}\n"),
    "user_in_clear": Case("basic_auth_users:\n  alice: secret\n", "basic_auth_users.alice: not a bcrypt hash"),
    "user_costly": Case(f"basic_auth_users:\n  a: {HASH.replace('$10$', '$17$')}\n", "a cost above 16", STRICTER),
    "user_other_scheme": Case(f"basic_auth_users:\n  a: {HASH.replace('2y', '2x')}\n", "not a bcrypt", STRICTER),
    "user_with_colon": Case(f'basic_auth_users:\n  "a:b": {HASH}\n', "cannot have a colon", STRICTER),
    "rate": Case("rate_limit:\n  interval: 1s\n  burst: 5\n", "", OLDER),
    "rate_off": Case("rate_limit:\n  interval: 0\n  burst: 0\n", "", OLDER),
    "rate_nothing": Case("rate_limit:\n  interval: 1s\n", "a burst of 0 would refuse every request"),
    "rate_no_duration": Case("rate_limit:\n  interval: soon\n", "not a duration"),
}


class Files(NamedTuple):
    """A folder with a server's pair, a client CA and what does not belong together."""

    here: Path
    authority: Authority
    server: Pair


@pytest.fixture
def files(tmp_path: Path) -> Files:
    authority = Authority()
    server = authority.server()
    server.write(tmp_path, "server")
    authority.server().write(tmp_path, "other")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    key = serialization.load_pem_private_key(server.key, None)
    (tmp_path / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    return Files(tmp_path, authority, server)


def write(files: Files, text: str) -> Path:
    path = files.here / "web.yml"
    for word, content in (("{certificate}", files.server.certificate), ("{key}", files.server.key)):
        text = text.replace(word, "".join(f"    {line}\n" for line in content.decode().splitlines()))
    path.write_text(text.replace("{here}", str(files.here)))
    return path


def mistakes(path: Path) -> str:
    """What is wrong with a file and with what it names."""
    try:
        Doorkeeper(str(path))
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", CASES)
def test_a_file(name: str, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is taken, or its mistake is told with file and line; promtool agrees, or the table says why not."""
    case = CASES[name]
    path = write(files, case.text)
    monkeypatch.chdir("/")  # paths are relative to the file
    told = mistakes(path)
    assert bool(told) == bool(case.mistake), told
    assert case.mistake in told
    assert told == "" or told.startswith(f"{path}:")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "web-config", path], capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert ("FAILED" in said) is (case.differs == OLDER or (bool(told) and case.differs != STRICTER)), said
        assert case.differs != OLDER or "not found in type" in said  # a newer one has no word against it


def test_every_mistake_at_once_each_with_its_line(files: Files) -> None:
    """Several mistakes of a file are told together, in the order of its lines."""
    path = write(
        files,
        f"basic_auth_users:\n  alice: secret\ntls_server_config:\n{PAIR}  min_version: SSL3\n  cypher_suites: []\n",
    )
    assert mistakes(path).splitlines() == [
        f"{path}:2: basic_auth_users.alice: not a bcrypt hash such as `htpasswd -nBC 10` prints ($2a$, $2b$ or $2y$)",
        f"{path}:6: tls_server_config.min_version: should be 'TLS12' or 'TLS13'",
        f'{path}:7: tls_server_config.cypher_suites: unknown key; did you mean "cipher_suites"?',
    ]


def test_no_secret_is_ever_shown(files: Files) -> None:
    """Neither hashes nor an inline key are in a repr, or in the mistakes of a file that holds them."""
    path = write(
        files, f"tls_server_config:\n  cert: |\n{{certificate}}\n  key: |\n{{key}}\nbasic_auth_users:\n  a: {HASH}\n"
    )
    config, document = load_web_config(str(path))
    keeper = Doorkeeper(str(path))
    line = files.server.key.decode().splitlines()[1]
    shown = repr(
        [config, config.tls_server_config, config.tls_server_config.key, config.basic_auth_users, keeper.rules]
    )
    assert HASH[7:] not in shown
    assert line not in shown
    assert document.line(("basic_auth_users", "a")) > 0
    broken = path.read_text().replace("BEGIN PRIVATE", "BEGIN RIVATE").replace(HASH, HASH + "x")
    path.write_text(broken)
    told = mistakes(path)
    assert told
    assert HASH[7:] not in told
    assert line not in told


def test_the_page_is_true() -> None:
    """docs/web.md names every setting, and its example is one that loads."""
    page = (Path(__file__).parent.parent / "docs/web.md").read_text()
    sections = (web_config.WebConfig, web_config.TlsServer, web_config.HttpServer, web_config.RateLimit)
    assert [key for section in sections for key in section.model_fields if f"`{key}`" not in page] == []


def test_the_example_of_the_page(files: Files) -> None:
    """The file in docs/web.md is taken by us, and by promtool."""
    page = (Path(__file__).parent.parent / "docs/web.md").read_text()
    path = write(files, page.split("```")[1].removeprefix("yaml\n"))
    (files.here / "ca.crt").rename(files.here / "clients-ca.crt")
    assert mistakes(path) == ""
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "web-config", path], check=True, capture_output=True)


def test_suites_and_curves_are_openssls() -> None:
    """Every name of the tables is one that OpenSSL has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name in TLS12_SUITES.values():
        context.set_ciphers(f"@SECLEVEL=2:{name}")
        assert name in {found["name"] for found in context.get_ciphers()}
    for curve in CURVES.values():
        context.set_ecdh_curve(curve)


def test_what_the_file_asks_of_tls(files: Files) -> None:
    """Versions, suites and preference are those of the context."""
    asked = "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  prefer_server_cipher_suites: false\n"
    keeper = Doorkeeper(str(write(files, f"{TLS}{asked}  max_version: TLS12\n")))
    assert keeper.tls is not None
    context = keeper.tls.current
    names = [found["name"] for found in context.get_ciphers() if found["protocol"] != "TLSv1.3"]
    assert names == ["ECDHE-ECDSA-AES128-GCM-SHA256"]
    assert context.maximum_version is ssl.TLSVersion.TLSv1_2
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    only_13 = Doorkeeper(str(write(files, f"{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n")))
    assert only_13.tls is not None
    assert only_13.tls.current.minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("250ms", 0.25), ("1m30s", 90), ("1.5h", 5400), ("0", 0), (0, 0), ("0s", 0), ("10us", 1e-5)],
)
def test_durations_as_go_has_them(text: object, seconds: float) -> None:
    assert parse_go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", 1, -1, "-1s", "1d", "s", "1 s", "1e3s", None, True, "99999999h"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|years"):
        parse_go_duration(text)


# The files change while the exporter runs.


def test_a_pair_replaced_in_two_steps(files: Files) -> None:
    """Between the new certificate and its key the old pair stays, and the status says so."""
    now = [1000.0]
    keeper = Doorkeeper(str(write(files, TLS)), clock=lambda: now[0])
    assert keeper.tls is not None
    first, new = keeper.tls.current, files.authority.server()
    assert keeper.look() == ()
    assert keeper.tls.current is first
    now[0] = 1060.0
    (files.here / "server.crt").write_bytes(new.certificate)
    assert [str(mistake).split(": ")[-1] for mistake in keeper.look()] == ["the key does not belong to the certificate"]
    assert (keeper.tls.current, keeper.status.successful, keeper.status.loaded) == (first, False, 1000.0)
    (files.here / "server.key").write_bytes(new.key)
    assert keeper.look() == ()
    assert keeper.tls.current is not first
    assert (keeper.status.successful, keeper.status.loaded) == (True, 1060.0)


def test_a_mistake_is_logged_once_and_tried_again(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """While a file stays broken each look fails and one line tells it; another mistake is another line."""
    path = write(files, TLS)
    keeper = Doorkeeper(str(path))
    with caplog.at_level(logging.INFO):
        path.write_text("junk: 1\n")
        assert [len(keeper.look()) for _ in range(3)] == [1, 1, 1]
        path.write_text("[\n")
        assert keeper.look()
        path.write_text(TLS)
        assert keeper.look() == ()
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (f"{TLS}basic_auth_users: {{{{a: {HASH}}}}}\n", "", "TLS switched on or off|basic_auth_users away"),
        (f"basic_auth_users: {{{{a: {HASH}}}}}\n", "", "basic_auth_users away"),
        (
            f"{TLS}{REQUIRED}{CA}",
            f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n{CA}",
            "a weaker client_auth_type",
        ),
        (
            f"{TLS}{REQUIRED}{CA}  client_allowed_sans: [prometheus]\n",
            f"{TLS}{REQUIRED}{CA}",
            "client_allowed_sans away",
        ),
        ("", TLS, "TLS switched on or off"),
    ],
    ids=["emptied", "users", "client_auth", "sans", "tls"],
)
def test_a_reload_never_opens_the_door(before: str, after: str, what: str, files: Files) -> None:
    """A file that is emptied, or asks for less than before, is refused until a restart."""
    path = write(files, before.replace("{{", "{").replace("}}", "}"))
    keeper = Doorkeeper(str(path))
    rules = keeper.rules
    path.write_text(after)
    told = keeper.look()
    assert all(any(part in str(mistake) for mistake in told) for part in what.split("|"))
    assert keeper.rules is rules
    assert not keeper.status.successful


def test_users_and_headers_change_without_a_restart(files: Files) -> None:
    """Users are added and removed, headers set, by a change of the file."""
    path = write(files, f"basic_auth_users: {{a: {HASH}}}\n")
    keeper = Doorkeeper(str(path))
    assert keeper.rules.users.hash_of(b"a") == (HASH.encode(), True)
    path.write_text(f"basic_auth_users: {{b: {HASH}}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny}}}}\n")
    assert keeper.look() == ()
    assert [keeper.rules.users.hash_of(name)[1] for name in (b"a", b"b")] == [False, True]
    assert keeper.rules.headers == ((b"x-frame-options", b"deny"),)


def test_a_file_that_goes_and_comes(files: Files) -> None:
    """A configuration that is renamed away keeps what it said; it is taken in once it is back."""
    path = write(files, TLS)
    keeper = Doorkeeper(str(path))
    os.rename(path, files.here / "away")
    assert "cannot be read" in str(keeper.look()[0])
    os.rename(files.here / "away", path)
    assert keeper.look() == ()
    assert keeper.status.successful
