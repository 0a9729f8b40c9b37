"""Node trees on disk: a kubelet's certificate store in every shape that the readers have to tell apart."""

from __future__ import annotations

import base64
import itertools
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.demo.signer import Authority, Pair, PrivateKey
from exporter.demo.store import FileStore

NOW = 1_790_000_000  # 2026-09-21
YEAR = 365 * 86400
HOUR = 3600
CURRENT = "kubelet-client-current.pem"
BEGIN = b"-----BEGIN CERTIFICATE-----\n"
END = b"-----END CERTIFICATE-----\n"


class Mint(Authority):
    """An authority that remembers what it made, so that a test can look for its keys where none may be."""

    def __init__(self, common_name: str = "kubernetes", not_after: float | None = None) -> None:
        super().__init__(common_name, not_after)
        self.keys: list[bytes] = []
        self.certificates: list[bytes] = []

    def issue(
        self,
        common_name: str,
        not_before: float,
        not_after: float,
        *,
        key: PrivateKey | None = None,
        serving: bool = False,
    ) -> Pair:
        pair = super().issue(common_name, not_before, not_after, key=key, serving=serving)
        self.keys.append(pair.key)
        self.certificates.append(pair.certificate)
        return pair

    def leaf(self, now: int = NOW) -> Pair:
        """A kubelet's client certificate for a year, signed at ``now``."""
        return self.client("worker-1", now, YEAR)

    def key_lines(self) -> set[bytes]:
        """Each base64 line of each key."""
        return {line for key in self.keys for line in key.splitlines() if not line.startswith(b"-----")}


Make = Callable[[Path, Mint, int], None]
CASES: dict[str, Make] = {}


def case(make: Make) -> Make:
    """Enter a function among the cases, under its own name."""
    CASES[make.__name__] = make
    return make


def healthy(root: Path, authority: Authority, now: int = NOW, rotations: int = 3) -> Path:
    """A kubeadm worker below ``root`` whose kubelet rotated a few times; the path of its certificate directory."""
    directory = root / "var/lib/kubelet/pki"
    rotate(directory, authority, now, rotations)
    return directory


def rotate(directory: Path, authority: Authority, now: int = NOW, rotations: int = 3) -> FileStore:
    """Store ``rotations`` pairs, the last of them at ``now``."""
    store = FileStore(directory)
    for back in reversed(range(rotations)):
        moment = now - back * 24 * HOUR
        store.update(authority.client("worker-1", moment, YEAR), moment)
    return store


def dated(directory: Path, when: int, content: bytes, prefix: str = "kubelet-client") -> Path:
    """A dated file with any content, as old as its name says."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{prefix}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.localtime(when))}.pem"
    return plain(path, content, when)


def plain(path: Path, content: bytes, when: int = NOW, mode: int = 0o600) -> Path:
    """A regular file."""
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, (when, when))
    return path


def linked(directory: Path, content: bytes, now: int = NOW) -> Path:
    """A store whose link leads to a dated file with any content."""
    path = dated(directory, now, content)
    (directory / CURRENT).symlink_to(path.absolute())
    return path


def armour(der: bytes) -> bytes:
    """DER in a CERTIFICATE block, 64 characters a line."""
    text = base64.b64encode(der)
    return BEGIN + b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64)) + END


def unarmour(pem: bytes) -> bytes:
    """The DER of a block."""
    return base64.b64decode(b"".join(line for line in pem.splitlines() if not line.startswith(b"-----")))


# Healthy neighbours.


@case
def healthy_store(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)


@case
def single_rotation(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now, 1)


@case
def serving_kubelet_crt(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)
    own, its_ca = (authority.issue(name, now, now + YEAR, serving=True) for name in ("w@1", "w-ca@1"))
    plain(directory / "kubelet.crt", own.certificate + its_ca.certificate, now, 0o644)
    plain(directory / "kubelet.key", own.key, now)


@case
def serving_current(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)
    server = FileStore(directory, "kubelet-server")
    server.update(authority.issue("system:node:worker-1", now, now + YEAR, serving=True), now)
    plain(directory / "kubelet.crt", authority.leaf(now).certificate, now, 0o644)


@case
def serving_dangling(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)
    (directory / "kubelet-server-current.pem").symlink_to(directory / "kubelet-server-gone.pem")


@case
def legacy_pair_beside(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)
    pair = authority.leaf(now)
    plain(directory / "kubelet-client.crt", pair.certificate, now, 0o644)
    plain(directory / "kubelet-client.key", pair.key, now)
    plain(directory / "kubelet-client.key.tmp", pair.key, now)


# The directory itself.


@case
def store_missing(directory: Path, authority: Mint, now: int) -> None:
    """Nothing is made."""


@case
def store_dangling(directory: Path, authority: Mint, now: int) -> None:
    directory.symlink_to(directory.parent / "not-mounted")


@case
def store_is_a_link(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory.parent / "elsewhere", authority, now)
    directory.symlink_to(directory.parent / "elsewhere")


@case
def store_is_a_file(directory: Path, authority: Mint, now: int) -> None:
    plain(directory, b"not a directory\n", now)


@case
def store_empty(directory: Path, authority: Mint, now: int) -> None:
    directory.mkdir()


# The link.


@case
def no_current(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now).current.unlink()


@case
def link_dangling(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    store.dated(now).unlink()


@case
def link_regular_file(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    content = store.current.read_bytes()
    store.current.unlink()
    plain(store.current, content, now)


@case
def link_directory(directory: Path, authority: Mint, now: int) -> None:
    (directory / CURRENT).mkdir(parents=True)


@case
def link_fifo(directory: Path, authority: Mint, now: int) -> None:
    directory.mkdir()
    os.mkfifo(directory / CURRENT)


@case
def link_to_fifo(directory: Path, authority: Mint, now: int) -> None:
    directory.mkdir()
    os.mkfifo(directory / "kubelet-client-2026-01-01-00-00-00.pem")
    (directory / CURRENT).symlink_to(directory / "kubelet-client-2026-01-01-00-00-00.pem")


@case
def link_socket(directory: Path, authority: Mint, now: int) -> None:
    directory.mkdir()
    os.mknod(directory / CURRENT, stat.S_IFSOCK | 0o600)


@case
def link_to_device(directory: Path, authority: Mint, now: int) -> None:
    directory.mkdir()
    (directory / CURRENT).symlink_to("/dev/zero")


@case
def link_to_link(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    (directory / "alias.pem").symlink_to(store.dated(now))
    store.current.unlink()
    store.current.symlink_to(directory / "alias.pem")


@case
def link_relative(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    store.current.unlink()
    store.current.symlink_to(store.dated(now).name)


@case
def link_odd_text(directory: Path, authority: Mint, now: int) -> None:
    target = plain_in(directory, "kubelet $(id) 'ü' -> *.pem", authority.leaf(now), now)
    (directory / CURRENT).symlink_to(target)


@case
def link_text_ends_in_newline(directory: Path, authority: Mint, now: int) -> None:
    target = plain_in(directory, "pair.pem\n", authority.leaf(now), now)
    (directory / CURRENT).symlink_to(target)


def plain_in(directory: Path, name: str, pair: Pair, now: int) -> Path:
    """A pair under any name."""
    directory.mkdir(parents=True, exist_ok=True)
    return plain(directory / name, pair.certificate + pair.key, now)


# The content.


@case
def target_empty(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now - HOUR)
    (directory / CURRENT).unlink()
    linked(directory, b"", now)


@case
def target_one_newline(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, b"\n", now)


@case
def truncated(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, authority.leaf(now).certificate[:400], now)


@case
def end_lost(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.certificate.removesuffix(END) + pair.key, now)


@case
def end_lost_chain(directory: Path, authority: Mint, now: int) -> None:
    pair, intermediate = authority.leaf(now), authority.leaf(now)
    linked(directory, pair.certificate.removesuffix(END) + intermediate.certificate + pair.key, now)


@case
def end_of_key_only(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    body = pair.key.split(b"\n", 1)[1]
    linked(directory, pair.certificate.removesuffix(END) + body, now)


@case
def chain_end_lost(directory: Path, authority: Mint, now: int) -> None:
    pair, intermediate = authority.leaf(now), authority.leaf(now)
    linked(directory, pair.certificate + intermediate.certificate.removesuffix(END) + pair.key, now)


@case
def key_only(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, authority.leaf(now).key, now)


@case
def garbage(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, b"certificates are in another castle\n" * 20, now)


@case
def broken_der(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    der = unarmour(pair.certificate)
    linked(directory, armour(der[:20] + b"\xff" * (len(der) - 20)) + pair.key, now)


@case
def no_der_at_all(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, armour(bytes(range(256))) + authority.leaf(now).key, now)


@case
def base64_cut(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.certificate.replace(b"\n" + END, b"A\n" + END) + pair.key, now)


@case
def chain_second_base64_cut(directory: Path, authority: Mint, now: int) -> None:
    pair, intermediate = authority.leaf(now), authority.leaf(now)
    linked(directory, pair.certificate + intermediate.certificate.replace(b"\n" + END, b"A\n" + END) + pair.key, now)


@case
def key_in_certificate_armour(directory: Path, authority: Mint, now: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pair = authority.issue("system:node:worker-1", now, now + YEAR, key=key)
    linked(directory, armour(unarmour(pair.key)), now)


@case
def ec_key_in_certificate_armour(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, armour(unarmour(authority.leaf(now).key)), now)


def key_body(pair: Pair) -> bytes:
    """The lines of its key without the two marks, which a certificate without its END line may run into."""
    return b"".join(line + b"\n" for line in pair.key.splitlines()[1:-1])


@case
def key_glued_to_its_certificate(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.certificate.removesuffix(END) + key_body(pair) + END, now)


@case
def key_glued_to_a_full_line(directory: Path, authority: Mint, now: int) -> None:
    names = itertools.cycle(f"system:node:{'w' * length}" for length in range(1, 50))
    pairs = (authority.issue(name, now, now + YEAR) for name in names)
    pair = next(pair for pair in pairs if len(unarmour(pair.certificate)) % 48 == 0)
    linked(directory, pair.certificate.removesuffix(END) + key_body(pair) + END, now)


@case
def key_first(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.key + pair.certificate, now)


@case
def garbage_between(directory: Path, authority: Mint, now: int) -> None:
    pair, intermediate = authority.leaf(now), authority.leaf(now)
    text = b"Bag Attributes\n    friendlyName: -----BEGIN of a line\n\tsubject=O = system:nodes\n\n"
    linked(directory, text + pair.certificate + text + intermediate.certificate + text + pair.key, now)


@case
def crlf(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, (pair.certificate + pair.key).replace(b"\n", b"\r\n"), now)


@case
def trailing_blanks(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, (pair.certificate + pair.key).replace(b"\n", b" \t \n"), now)


@case
def leading_blanks(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, b" " + (pair.certificate + pair.key).replace(b"\n", b"\n "), now)


@case
def chain_of_three(directory: Path, authority: Mint, now: int) -> None:
    store = FileStore(directory)
    chain = authority.leaf(now).certificate + authority.leaf(now).certificate
    store.update(authority.leaf(now), now, chain)


@case
def no_final_newline(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, authority.leaf(now).certificate.rstrip(b"\n"), now)


@case
def chain_no_final_newline(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, authority.leaf(now).certificate + authority.leaf(now).certificate.rstrip(b"\n"), now)


@case
def leaf_on_one_line(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, BEGIN + base64.b64encode(unarmour(pair.certificate)) + b"\n" + END + pair.key, now)


@case
def overlong_line_in_the_block(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    der = unarmour(pair.certificate)
    linked(directory, BEGIN + base64.b64encode(der + bytes(4000)) + b"\n" + END + pair.key, now)


@case
def large(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.certificate + pair.key + b"# padding\n" * 30_000, now)


@case
def largest_that_is_read(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    filler = 262_144 - len(pair.certificate)
    linked(directory, (b"#" * 99 + b"\n") * (filler // 100) + b"\n" * (filler % 100) + pair.certificate, now)


@case
def ten_megabytes_in_a_line(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, b"A" * 10_000_000, now)


@case
def nul_file(directory: Path, authority: Mint, now: int) -> None:
    """What a power cut leaves on some file systems: the right size, and nothing but zeros."""
    linked(directory, bytes(1100), now)


@case
def nul_tail(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.certificate[:512] + bytes(600), now)


@case
def nul_within(directory: Path, authority: Mint, now: int) -> None:
    pair = authority.leaf(now)
    linked(directory, pair.certificate[:300] + b"\0\0" + pair.certificate[300:] + pair.key, now)


@case
def nul_after_the_leaf(directory: Path, authority: Mint, now: int) -> None:
    linked(directory, authority.leaf(now).certificate + bytes(300), now)


# What else lies in the directory.


@case
def orphan_empty(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now - HOUR)
    dated(directory, now, b"")


@case
def orphan_valid(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now - HOUR)
    pair = authority.leaf(now)
    dated(directory, now, pair.certificate + pair.key)


@case
def orphan_invalid(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now - HOUR)
    pair = authority.leaf(now)
    dated(directory, now, pair.certificate.removesuffix(END) + pair.key)


@case
def orphan_fifo(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now - HOUR)
    os.mkfifo(directory / "kubelet-client-9999-01-01-00-00-00.pem")


@case
def died_in_the_gap(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    store.current.rename(store.updated)


@case
def updated_regular_file(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    plain(store.updated, b"", now)


@case
def odd_names(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)
    names = ("new\nline.pem", " 2026.pem", "it's.pem", 'say "so".pem', "-grün.pem", "$(id).pem", "-client-`id`.pem")
    for name in names:
        plain(directory / f"kubelet{name}", b"", now)
    plain(directory / os.fsdecode(b"kubelet-client-\xff\xfe.pem"), b"", now)
    plain(directory / "not ours.pem", b"", now)
    plain(directory / "-rf", b"", now)
    (directory / "kubelet-plugins").mkdir()


@case
def a_name_that_is_a_pattern(directory: Path, authority: Mint, now: int) -> None:
    rotate(directory, authority, now)
    plain(directory / "kubelet*", b"", now)
    plain(directory / "kubelet-client-*.pem", b"", now)


@case
def a_backup_of_the_link(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now)
    (directory / "kubelet-client-before-upgrade-current.pem").symlink_to(store.dated(now))


@case
def hundred_dated(directory: Path, authority: Mint, now: int) -> None:
    store = rotate(directory, authority, now, 2)
    content = store.current.read_bytes()
    for back in range(98):
        dated(directory, now - (back + 2) * 24 * HOUR, content)
        dated(directory, now - (back + 2) * 24 * HOUR, content, "kubelet-server")
