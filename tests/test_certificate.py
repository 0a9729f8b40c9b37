"""Certificates: what is read of them, by the strict parser and by hand, and that nothing else ever escapes."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.demo.signer import PrivateKey
from exporter.judge import der
from exporter.judge.certificate import NotACertificate, parse
from exporter.model.assessment import Certificate
from tests.trees import Mint, unarmour

KEYS: dict[str, PrivateKey] = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
SIGNER = ec.generate_private_key(ec.SECP256R1())
NOT_BEFORE, NOT_AFTER = 1_700_000_000, 1_731_536_000


def name(*relative: list[tuple[ObjectIdentifier, str]], kind: _ASN1Type | None = None) -> x509.Name:
    """A Name of relative names, of attributes that nobody validates, as Go makes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.Name(
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(oid, value, _type=kind, _validate=False) for oid, value in attributes]
            )
            for attributes in relative
        )


def minted(
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    *,
    not_before: datetime = datetime(2023, 11, 14, tzinfo=UTC),
    not_after: datetime = datetime(2024, 11, 13, tzinfo=UTC),
    serial: int = 1,
    extensions: Iterable[x509.ExtensionType] = (),
    critical: bool = False,
) -> bytes:
    """A certificate in DER."""
    plain = name([(NameOID.COMMON_NAME, "kubernetes")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject or plain)
            .issuer_name(issuer or plain)
            .public_key(SIGNER.public_key())
            .serial_number(serial)
            .not_valid_before(not_before)
            .not_valid_after(not_after)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(SIGNER, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


def tlv(tag: int, content: bytes) -> bytes:
    """One DER value."""
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def values(data: bytes) -> list[tuple[int, bytes]]:
    """The values in a constructed one, one after the other."""
    found = []
    while data:
        size, begin = data[1], 2
        if size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(data[2:begin], "big")
        found.append((data[0], data[begin : begin + size]))
        data = data[begin + size :]
    return found


def patched(encoded: bytes, **parts: bytes | None) -> bytes:
    """A certificate with TBS fields replaced (whole TLVs, None drops one); the signature is broken by that."""
    ((_, body),) = values(encoded)
    (_, tbs), algorithm, signature = values(body)
    fields = dict(
        zip(
            ("version", "serial", "algorithm", "issuer", "validity", "subject", "key", "extensions"),
            [tlv(*field) for field in values(tbs)],
            strict=False,
        )
    )
    merged = {key: parts.get(key, value) for key, value in fields.items()}
    return tlv(0x30, tlv(0x30, b"".join(part or b"" for part in merged.values())) + tlv(*algorithm) + tlv(*signature))


@pytest.mark.parametrize("kind", KEYS)
def test_a_certificate_of_any_key_is_read(kind: str) -> None:
    """Dates, names, serial, fingerprint and its issuer's key are those of the certificate, whatever its key."""
    mint = Mint("kubernetes")
    pair = mint.issue("system:node:worker-1", NOT_BEFORE, NOT_AFTER, key=KEYS[kind])
    encoded = unarmour(pair.certificate)
    assert parse(encoded) == Certificate(
        not_before=1_700_000_000,
        not_after=1_731_536_000,
        serial=f"{x509.load_pem_x509_certificate(pair.certificate).serial_number:x}",
        issuer="CN=kubernetes",
        subject="CN=system:node:worker-1,O=system:nodes",
        fingerprint=hashlib.sha256(encoded).hexdigest(),
        authority_identifier=x509.SubjectKeyIdentifier.from_public_key(mint._key.public_key()).digest.hex(),
    )


IDENTIFIER = x509.SubjectKeyIdentifier(bytes.fromhex("00ff10"))
ISSUER_NAMED = x509.AuthorityKeyIdentifier(
    None, [x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))], 7
)


@pytest.mark.parametrize(
    ("extensions", "own", "authority"),
    [
        ([], "", ""),
        ([IDENTIFIER], "00ff10", ""),
        ([x509.AuthorityKeyIdentifier(b"\x0a\xbc", None, None)], "", "0abc"),
        ([x509.AuthorityKeyIdentifier(b"\x0a\xbc", None, None), IDENTIFIER], "00ff10", "0abc"),
        ([x509.BasicConstraints(ca=True, path_length=None), IDENTIFIER], "00ff10", ""),
        ([ISSUER_NAMED], "", ""),  # by name and serial, without a key's identifier
        ([x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(IDENTIFIER)], "", "00ff10"),
    ],
)
@pytest.mark.parametrize("critical", [False, True])
def test_key_identifiers_are_read_alike_by_both(
    extensions: list[x509.ExtensionType], own: str, authority: str, critical: bool
) -> None:
    """A certificate's own key identifier and its issuer's are hexadecimal, whichever parser reads them."""
    encoded = minted(extensions=extensions, critical=critical)
    assert (parse(encoded).key_identifier, parse(encoded).authority_identifier) == (own, authority)
    assert der.fields(encoded) == by_cryptography(encoded)


@pytest.mark.parametrize(
    "extensions",
    [
        tlv(0xA3, b""),
        tlv(0xA3, tlv(0x30, tlv(0x30, b""))),
        tlv(0xA3, tlv(0x30, tlv(0x30, b"\x06\x03\x55\x1d\x0e" + tlv(0x04, b"\x04\x7f")))),  # cut off
        tlv(0xA3, tlv(0x30, tlv(0x30, b"\x06\x03\x55\x1d\x0e" + tlv(0x04, tlv(0x30, b""))))),  # another type
        tlv(0xA3, tlv(0x30, tlv(0x30, b"\x06\x03\x55\x1d\x23" + tlv(0x04, tlv(0x04, b""))))),
    ],
)
def test_extensions_that_make_no_sense_cost_the_identifiers_alone(extensions: bytes) -> None:
    """Dates and names stay known where an extension is broken."""
    certificate = parse(patched(minted(extensions=[IDENTIFIER]), extensions=extensions))
    assert (certificate.key_identifier, certificate.authority_identifier) == ("", "")
    assert certificate.not_before == 1_699_920_000


@pytest.mark.parametrize(
    ("subject", "issuer", "own"),
    [("kubernetes", "kubernetes", True), ("system:node:worker-1", "kubernetes", False), ("a" * 300, "a" * 299, False)],
)
def test_self_signed_is_a_certificate_whose_issuer_is_its_subject(subject: str, issuer: str, own: bool) -> None:
    """The whole names count, not what is shown of them; a serial of 0, as old CAs have, changes nothing."""
    encoded = minted(name([(NameOID.COMMON_NAME, subject)]), name([(NameOID.COMMON_NAME, issuer)]))
    assert parse(encoded).is_self_signed is own
    assert parse(patched(encoded, serial=tlv(0x02, b"\x00"))).is_self_signed is own


def test_a_serial_is_lower_case_hexadecimal() -> None:
    """A serial is told as kubectl and openssl users read it, without a prefix."""
    assert parse(minted(serial=0xABCDEF0123456789)).serial == "abcdef0123456789"


def test_the_lifetime_counts_from_not_before() -> None:
    """The lifetime is the whole span, the signer's backdate included."""
    assert parse(minted()).lifetime == 365 * 86400


def told_by_a_process(encoded: bytes) -> str:
    """Serial and issuer as a process of its own reads them, in which every warning is an error."""
    code = (
        "import sys; from exporter.judge.certificate import parse; "
        "found = parse(bytes.fromhex(sys.argv[1])); print(found.serial, found.issuer)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, encoded.hex()], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(("content", "serial"), [(b"\x00", "0"), (b"\xff", "-1"), (b"\x00\x80", "80")])
def test_a_serial_that_is_not_positive_is_read_in_silence(content: bytes, serial: str) -> None:
    """CAs of kubeadm before 1.28 have serial 0: they are read, and no warning escapes."""
    encoded = patched(minted(), serial=tlv(0x02, content))
    assert (parse(encoded).serial, parse(encoded).issuer, parse(encoded).lifetime) == (
        serial,
        "CN=kubernetes",
        31536000,
    )
    assert told_by_a_process(encoded) == f"{serial} CN=kubernetes"


def test_a_long_name_is_read_in_silence() -> None:
    """Go signs a common name of more than 64 characters, as a long node name makes it; no warning escapes."""
    node = "system:node:" + "ip-10-0-0-1." * 10 + "internal"
    encoded = minted(name([(NameOID.COUNTRY_NAME, "Germany")], [(NameOID.COMMON_NAME, node)]))
    assert parse(encoded).subject == f"CN={node},C=Germany"
    assert told_by_a_process(encoded).endswith("CN=kubernetes")


@pytest.mark.parametrize("version", [b"\x03", b"\x07", b"\x7f"])
def test_a_version_from_the_future_is_read_or_refused(version: bytes) -> None:
    """A version that the strict parser refuses leaves the plain fields, or is no certificate: nothing else escapes."""
    encoded = patched(minted(), version=tlv(0xA0, tlv(0x02, version)))
    try:
        assert parse(encoded).issuer == "CN=kubernetes"
    except NotACertificate:
        return


def test_a_certificate_of_version_one_is_read() -> None:
    """A certificate without version and extensions, as old CAs are, is read by both parsers."""
    encoded = patched(minted(), version=None, extensions=None)
    assert parse(encoded).not_before == 1_699_920_000
    assert der.fields(encoded) == by_cryptography(encoded)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("new\nline", "CN=new?line"),
        ("esc\x1b[31mred", "CN=esc?[31mred"),
        ("tab\tbell\x07", "CN=tab?bell?"),
        ("right\u202eleft", "CN=right?left"),
        ("zero\u200bwidth", "CN=zero?width"),
        ("a,b", "CN=a\\,b"),
        ("Kübelet", "CN=Kübelet"),
        ("x" * 253, "CN=" + "x" * 253),
        ("x" * 254, "CN=" + "x" * 252 + "…"),
        ("x" * 5000, "CN=" + "x" * 252 + "…"),
    ],
)
def test_names_are_printable_and_short(text: str, shown: str) -> None:
    """A name fits a label, a log and a terminal, whatever its certificate says: no controls, 256 characters at most."""
    certificate = parse(minted(name([(NameOID.COMMON_NAME, text)]), name([(NameOID.COMMON_NAME, text)])))
    assert (certificate.subject, certificate.issuer) == (shown, shown)
    assert certificate.subject.isprintable()
    assert len(certificate.subject) <= 256


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"0",
        b"\x30\x00",
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"-----BEGIN CERTIFICATE-----",
        bytes(600),
    ],
)
def test_what_is_no_certificate_is_said_to_be_none(garbage: bytes) -> None:
    """Bytes that are no certificate raise NotACertificate, and DerError by hand."""
    with pytest.raises(NotACertificate):
        parse(garbage)
    with pytest.raises(der.DerError):
        der.fields(garbage)


def test_bytes_behind_a_certificate_make_it_none() -> None:
    """A certificate with a tail is not one certificate."""
    with pytest.raises(NotACertificate):
        parse(minted() + b"\0")


# The fields by hand against cryptography.

CN, ORG, UNIT, COUNTRY = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.COUNTRY_NAME,
)
LOCALITY, STATE, STREET = NameOID.LOCALITY_NAME, NameOID.STATE_OR_PROVINCE_NAME, NameOID.STREET_ADDRESS
NAMES: dict[str, x509.Name] = {
    "empty": x509.Name([]),
    "kubelet": name([(ORG, "system:nodes")], [(CN, "system:node:worker-1")]),
    "all": name(
        [(COUNTRY, "DE")],
        [(STATE, "Bayern")],
        [(LOCALITY, "München")],
        [(STREET, "Weg 1")],
        [(ORG, "o")],
        [(UNIT, "u")],
        [(CN, "c")],
    ),
    "several in one": name([(ORG, "a"), (UNIT, "b")], [(CN, "c"), (ORG, "z")]),
    "twice": name([(ORG, "system:masters")], [(ORG, "system:nodes")], [(CN, "admin")]),
    "special": name([(CN, 'a,b+c"d\\e<f>g;h=i#j')]),
    "sharp": name([(CN, "#sharp")]),
    "blanks": name([(CN, " both ")]),
    "one blank": name([(CN, " ")]),
    "nul": name([(CN, "a\0b")]),
    "unicode": name([(CN, "узел-ノード-🐳")]),
    "unknown": name([(ObjectIdentifier("1.3.6.1.4.1.99999.1.2"), "x")], [(NameOID.SERIAL_NUMBER, "5")]),
    "email": name([(NameOID.EMAIL_ADDRESS, "a@example.com")]),
    "large arcs": name([(ObjectIdentifier("2.999.1234567890123"), "x")]),
    "directory": name(
        [(NameOID.DOMAIN_COMPONENT, "com")], [(NameOID.DOMAIN_COMPONENT, "example")], [(CN, "Issuing CA")]
    ),
    "user": name([(NameOID.USER_ID, "jdoe")], [(CN, "J. Doe")]),
    "bmp": name([(CN, "Ünïcode")], kind=_ASN1Type.BMPString),
    "universal": name([(CN, "Ünïcode")], kind=_ASN1Type.UniversalString),
    "printable": name([(CN, "kubernetes")], kind=_ASN1Type.PrintableString),
    "ia5": name([(CN, "kubernetes")], kind=_ASN1Type.IA5String),
}
YEARS = [1951, 1970, 1999, 2000, 2026, 2049, 2050, 2051, 2100, 9999]


def by_cryptography(encoded: bytes) -> der.Fields:
    """What the library says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificate = x509.load_der_x509_certificate(encoded)
        return der.Fields(
            serial=certificate.serial_number,
            issuer=certificate.issuer.rfc4514_string(),
            subject=certificate.subject.rfc4514_string(),
            not_before=int(certificate.not_valid_before_utc.timestamp()),
            not_after=int(certificate.not_valid_after_utc.timestamp()),
            key_identifier=identifier(certificate, x509.SubjectKeyIdentifier, "digest"),
            authority_identifier=identifier(certificate, x509.AuthorityKeyIdentifier, "key_identifier"),
        )


def identifier(certificate: x509.Certificate, kind: type[x509.ExtensionType], field: str) -> str:
    """A key identifier as the library has it; empty where there is none."""
    found = [extension.value for extension in certificate.extensions if isinstance(extension.value, kind)]
    return (getattr(found[0], field) or b"").hex() if found else ""


@pytest.mark.parametrize("kind", NAMES)
def test_names_by_hand_are_those_of_the_library(kind: str) -> None:
    """RFC 4514 text read by hand equals the strict parser's, so that a series keeps its labels whichever reads it."""
    encoded = minted(NAMES[kind], NAMES[kind])
    assert der.fields(encoded) == by_cryptography(encoded)


@pytest.mark.parametrize("year", YEARS)
def test_years_by_hand_are_those_of_the_library(year: int) -> None:
    """Both spellings of a time are read alike, to the end of the calendar."""
    last = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    encoded = minted(not_before=datetime(1950, 1, 1, tzinfo=UTC), not_after=last)
    assert der.fields(encoded) == by_cryptography(encoded)
    assert parse(encoded).not_after == int(last.timestamp())


@pytest.mark.parametrize("serial", [1, 127, 128, 255, 256, 2**63, 2**159 - 1])
def test_serials_by_hand_are_those_of_the_library(serial: int) -> None:
    """Serials of one to twenty bytes are read alike."""
    assert der.fields(minted(serial=serial)).serial == serial


@cache
def corpus() -> tuple[bytes, ...]:
    """Certificates to bend."""
    mint = Mint()
    issued = [unarmour(mint.issue("n", NOT_BEFORE, NOT_AFTER, key=key).certificate) for key in KEYS.values()]
    return (*issued, *(minted(NAMES[kind], NAMES[kind]) for kind in ("all", "special", "bmp", "large arcs")))


def survives(encoded: bytes) -> None:
    """Bytes give a certificate or are said to be none, and no warning escapes."""
    try:
        certificate = parse(encoded)
    except NotACertificate:
        pass
    else:
        assert certificate.subject.isprintable()
    with contextlib.suppress(der.DerError):
        der.fields(encoded)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_no_certificate(noise: bytes) -> None:
    """Random bytes raise nothing but NotACertificate and DerError."""
    survives(noise)
    survives(tlv(0x30, tlv(0x30, noise) + tlv(0x30, b"") + tlv(0x03, b"\0")))


@given(
    st.integers(0, 7),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 255), st.sampled_from(["set", "cut", "add"])),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=600, deadline=None)
def test_bent_certificates_give_values_or_are_none(which: int, changes: list[tuple[int, int, str]]) -> None:
    """A certificate with bytes changed, lost or added raises nothing but NotACertificate and DerError."""
    encoded = corpus()[which]
    for at, byte, what in changes:
        place = at % max(1, min(len(encoded), 400))
        match what:
            case "set":
                encoded = encoded[:place] + bytes([byte]) + encoded[place + 1 :]
            case "cut":
                encoded = encoded[:place] + encoded[place + 1 :]
            case "add":
                encoded = encoded[:place] + bytes([byte]) + encoded[place:]
    survives(encoded)
