"""One contract for both readers: the node script in every shell, and the local reader, see the same of a node."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.collect.answer import answer
from exporter.collect.local.transport import LocalTransport
from exporter.collect.script import node_script
from exporter.config.settings import Paths, Rotation
from exporter.errors import Reason
from exporter.judge.assess import assess
from exporter.model.assessment import Memory
from exporter.model.facts import DirectoryCondition, NodeFacts
from exporter.model.files import Condition, FileKind, PemFile
from exporter.model.node import LocalAccess, Node
from tests.nodes import ALONE, SH, SHELLS
from tests.trees import CASES, CURRENT, NOW, Mint, plain, rotate, unarmour

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="changes its user, which only root may")

EXPECTED: dict[str, tuple[Condition, Reason | None]] = {
    "healthy_store": (Condition.READ, None),
    "single_rotation": (Condition.READ, None),
    "serving_kubelet_crt": (Condition.READ, None),
    "serving_current": (Condition.READ, None),
    "serving_dangling": (Condition.READ, None),
    "legacy_pair_beside": (Condition.READ, None),
    "store_missing": (Condition.MISSING, Reason.STORE_MISSING),
    "store_dangling": (Condition.MISSING, Reason.STORE_MISSING),
    "store_is_a_link": (Condition.READ, None),
    "store_is_a_file": (Condition.MISSING, Reason.STORE_NOT_A_DIRECTORY),
    "store_empty": (Condition.MISSING, Reason.LINK_MISSING),
    "no_current": (Condition.MISSING, Reason.LINK_MISSING),
    "link_dangling": (Condition.DANGLING, Reason.LINK_DANGLING),
    "link_regular_file": (Condition.READ, None),
    "link_directory": (Condition.NOT_REGULAR, Reason.NOT_A_REGULAR_FILE),
    "link_fifo": (Condition.NOT_REGULAR, Reason.NOT_A_REGULAR_FILE),
    "link_to_fifo": (Condition.NOT_REGULAR, Reason.NOT_A_REGULAR_FILE),
    "link_socket": (Condition.NOT_REGULAR, Reason.NOT_A_REGULAR_FILE),
    "link_to_device": (Condition.NOT_REGULAR, Reason.NOT_A_REGULAR_FILE),
    "link_to_link": (Condition.READ, None),
    "link_relative": (Condition.READ, None),
    "link_odd_text": (Condition.READ, None),
    "link_text_ends_in_newline": (Condition.READ, None),
    "target_empty": (Condition.EMPTY, Reason.FILE_EMPTY),
    "target_one_newline": (Condition.NO_CERTIFICATE, Reason.NO_CERTIFICATE),
    "truncated": (Condition.TRUNCATED, Reason.CERTIFICATE_TRUNCATED),
    "end_lost": (Condition.TRUNCATED, Reason.CERTIFICATE_TRUNCATED),
    "end_lost_chain": (Condition.TRUNCATED, Reason.CERTIFICATE_TRUNCATED),
    "end_of_key_only": (Condition.TRUNCATED, Reason.CERTIFICATE_TRUNCATED),
    "chain_end_lost": (Condition.READ, None),
    "key_only": (Condition.KEY_ONLY, Reason.KEY_ONLY),
    "garbage": (Condition.NO_CERTIFICATE, Reason.NO_CERTIFICATE),
    "broken_der": (Condition.READ, Reason.CERTIFICATE_MALFORMED),
    "no_der_at_all": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "base64_cut": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "chain_second_base64_cut": (Condition.READ, None),
    "key_in_certificate_armour": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "ec_key_in_certificate_armour": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "key_glued_to_its_certificate": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "key_glued_to_a_full_line": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "key_first": (Condition.READ, None),
    "garbage_between": (Condition.READ, None),
    "crlf": (Condition.READ, None),
    "trailing_blanks": (Condition.READ, None),
    "leading_blanks": (Condition.NO_CERTIFICATE, Reason.NO_CERTIFICATE),
    "chain_of_three": (Condition.READ, None),
    "no_final_newline": (Condition.READ, None),
    "chain_no_final_newline": (Condition.READ, None),
    "leaf_on_one_line": (Condition.READ, None),
    "overlong_line_in_the_block": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "large": (Condition.TOO_LARGE, Reason.FILE_TOO_LARGE),
    "largest_that_is_read": (Condition.READ, None),
    "ten_megabytes_in_a_line": (Condition.TOO_LARGE, Reason.FILE_TOO_LARGE),
    "nul_file": (Condition.NO_CERTIFICATE, Reason.NO_CERTIFICATE),
    "nul_tail": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "nul_within": (Condition.MALFORMED, Reason.CERTIFICATE_MALFORMED),
    "nul_after_the_leaf": (Condition.READ, None),
    "orphan_empty": (Condition.READ, None),
    "orphan_valid": (Condition.READ, None),
    "orphan_invalid": (Condition.READ, None),
    "orphan_fifo": (Condition.READ, None),
    "died_in_the_gap": (Condition.MISSING, Reason.LINK_MISSING),
    "updated_regular_file": (Condition.READ, None),
    "odd_names": (Condition.READ, None),
    "a_name_that_is_a_pattern": (Condition.READ, None),
    "a_backup_of_the_link": (Condition.READ, None),
    "hundred_dated": (Condition.READ, None),
}
CHAINS = {"chain_of_three": 3, "garbage_between": 2, "chain_no_final_newline": 2, "healthy_store": 1}
SERVING: dict[str, Condition | None] = {
    "healthy_store": None,
    "serving_kubelet_crt": Condition.READ,
    "serving_current": Condition.READ,
    "serving_dangling": Condition.DANGLING,
}


def script(
    shell: str,
    paths: Paths,
    *,
    text: str | None = None,
    env: dict[str, str] | None = None,
    user: int | None = None,
    flags: str = "-s",
) -> bytes:
    """What the node script prints, run as ``sh`` by one of the shells."""
    as_user = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    done = subprocess.run(
        [*ALONE, *as_user, "env", "-i", *(f"{name}={value}" for name, value in (env or {}).items()), SH[shell], flags],
        input=(text or node_script(paths)).encode("ascii"),
        capture_output=True,
        timeout=30,
        check=True,
        cwd="/",
    )
    return done.stdout


def by_script(shell: str, paths: Paths, **how: str) -> NodeFacts:
    """The facts that the script tells."""
    return answer.parse(script(shell, paths, **how), paths, NOW, NOW)  # type: ignore[arg-type] # of one type each


def by_local(paths: Paths, sleep: Callable[[float], None] = lambda _: None) -> NodeFacts:
    """The facts that the local reader sees with the machine's own root."""
    return LocalTransport(sleep=sleep).read(Node("worker-1", LocalAccess("/"), paths))


def _path(file: PemFile) -> str:
    return file.path


def bare(facts: NodeFacts) -> NodeFacts:
    """Facts without what only one reader can know, and without the machine that runs this suite."""
    return replace(
        facts,
        taken=0.0,
        clock=None,
        script_version="",
        uid=None,
        store=replace(facts.store, folder=None),
        host=None,
        process=None,
        service=None,
        kubeconfig=None,
        bootstrap=None,
        config=None,
        # a kubelet that happens to run here, another test's among them, names files of its own
        files=tuple(sorted((one for one in facts.files if one.path.startswith(facts.store.path)), key=_path)),
    )


def untimed(facts: NodeFacts) -> NodeFacts:
    """Facts as a node without stat(1) tells them."""
    seen = bare(facts)
    entries = tuple(replace(entry, modified=None) for entry in seen.store.entries)
    return replace(seen, store=replace(seen.store, entries=entries))


def listing(root: Path) -> dict[str, tuple[int, ...]]:
    """Every name below ``root`` with what a write would change."""
    found: dict[str, tuple[int, ...]] = {}
    for directory, names, files in os.walk(root):
        for name in (".", *names, *files):
            seen = os.lstat(os.path.join(directory, name))
            found[os.path.join(directory, name)] = (
                seen.st_ino,
                seen.st_mode,
                seen.st_size,
                seen.st_mtime_ns,
                seen.st_ctime_ns,
            )
    return found


@dataclass(frozen=True)
class Seen:
    """One case as one shell and the local reader saw it."""

    case: str
    paths: Paths
    mint: Mint
    before: dict[str, tuple[int, ...]]
    after: dict[str, tuple[int, ...]]
    output: bytes
    local: NodeFacts

    @property
    def script(self) -> NodeFacts:
        return answer.parse(self.output, self.paths, NOW, NOW)


@pytest.fixture(scope="module", params=[(case, shell) for case in CASES for shell in SHELLS], ids="-".join)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Each case, read once by the script in each shell and once by the local reader."""
    case, shell = request.param
    root = tmp_path_factory.mktemp("node")
    mint, paths = Mint(), Paths(store=str(root / "pki"))
    CASES[case](root / "pki", mint, NOW)
    before = listing(root)
    output = script(shell, paths)
    return Seen(case, paths, mint, before, listing(root), output, by_local(paths))


def test_every_case_has_its_expectation() -> None:
    """The table of expectations names every case and no other."""
    assert set(EXPECTED) == set(CASES)


def test_three_shells_are_tried() -> None:
    """The machine that runs the suite has all three shells."""
    assert list(SHELLS) == ["dash", "bash", "busybox"]


def test_both_readers_see_the_same(seen: Seen) -> None:
    """The script and the local reader give equal facts."""
    assert bare(seen.script) == bare(seen.local)


def test_the_local_reader_tells_the_condition(seen: Seen) -> None:
    """The local reader gives the client's file the condition that its shape has."""
    assert seen.local.client.condition is EXPECTED[seen.case][0]


def test_the_script_tells_the_condition(seen: Seen) -> None:
    """The script gives the client's file the condition that its shape has."""
    assert seen.script.client.condition is EXPECTED[seen.case][0]


def test_the_judge_names_the_reason(seen: Seen) -> None:
    """A visit has a reading, or the reason that belongs to the shape, by either reader."""
    for facts in (seen.script, seen.local):
        assessment = assess(facts, Rotation.KUBELET, Memory())
        assert (assessment.reason, assessment.client is None) == (EXPECTED[seen.case][1], bool(EXPECTED[seen.case][1]))


def test_the_script_writes_nothing(seen: Seen) -> None:
    """No name, size, mode or time below the store changes while the script reads."""
    assert seen.after == seen.before


def test_no_key_leaves_the_node(seen: Seen) -> None:
    """Not one base64 line of any key in the tree stands in the answer or in the facts."""
    facts = b"".join(
        certificate
        for file in (seen.local.client, *seen.local.store.newest, *([seen.local.serving] if seen.local.serving else []))
        for certificate in file.certificates
    )
    for key in seen.mint.key_lines():
        assert key not in seen.output
    for pem in seen.mint.keys:
        body = unarmour(pem)
        assert body[:32] not in facts
        assert base64.b64encode(body)[:40] not in seen.output.replace(b"\n", b"")
    assert b"PRIVATE" not in seen.output


@pytest.mark.parametrize(
    "name",
    [
        *("healthy_store", "end_lost", "key_first", "key_in_certificate_armour"),
        *("key_glued_to_its_certificate", "key_glued_to_a_full_line"),
    ],
)
def test_the_trees_do_hold_keys(name: str, tmp_path: Path) -> None:
    """The search for keys in answers searches for what is there: the trees hold the lines it looks for."""
    mint = Mint()
    CASES[name](tmp_path / "pki", mint, NOW)
    content = b"".join(path.read_bytes() for path in (tmp_path / "pki").iterdir())
    assert all(line in content for key in mint.keys[-1:] for line in key.splitlines()[1:-1])


@pytest.mark.parametrize(("name", "length"), CHAINS.items())
@pytest.mark.parametrize("shell", SHELLS)
def test_a_chain_is_read_whole(name: str, length: int, shell: str, tmp_path: Path) -> None:
    """As many certificates are read as stand before the key, the leaf first."""
    mint, paths = Mint(), Paths(store=str(tmp_path / "pki"))
    CASES[name](tmp_path / "pki", mint, NOW)
    assert [len(facts.client.certificates) for facts in (by_script(shell, paths), by_local(paths))] == [length, length]


@pytest.mark.parametrize(("name", "condition"), SERVING.items())
@pytest.mark.parametrize("shell", SHELLS)
def test_the_serving_file_is_the_first_that_exists(
    name: str, condition: Condition | None, shell: str, tmp_path: Path
) -> None:
    """The serving certificate comes from the store's link, else from kubelet.crt, else there is none."""
    paths = Paths(store=str(tmp_path / "pki"))
    CASES[name](tmp_path / "pki", Mint(), NOW)
    serving = [facts.serving for facts in (by_script(shell, paths), by_local(paths))]
    assert [file.condition if file else None for file in serving] == [condition, condition]


def test_what_a_listing_shows_of_odd_names(tmp_path: Path) -> None:
    """Names that are not plain are counted and not shown; names that are not the kubelet's are neither."""
    paths = Paths(store=str(tmp_path / "pki"))
    CASES["odd_names"](tmp_path / "pki", Mint(), NOW)
    store = by_script("dash", paths).store
    assert (store.hidden, store.dated_client, [entry.kind for entry in store.entries]) == (
        8,
        3,
        [FileKind.LINK, FileKind.REGULAR, FileKind.REGULAR, FileKind.REGULAR],
    )


def test_a_hundred_dated_files_are_counted_and_the_newest_shown(tmp_path: Path) -> None:
    """All dated files count, the newest 64 of each kind are listed, and the newest but the link's target are read."""
    paths = Paths(store=str(tmp_path / "pki"))
    CASES["hundred_dated"](tmp_path / "pki", Mint(), NOW)
    store = by_script("dash", paths).store
    assert (store.dated_client, store.dated_server, len(store.entries), len(store.newest)) == (100, 98, 129, 3)


# Another user than root.


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run as a user who owns nothing."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that everybody may look into."""
    path = Path(tempfile.mkdtemp(prefix="kce-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def _closed_store(root: Path) -> Path:
    (root / "pki").chmod(0o700)
    return root / "pki"


def _kubelets_own_modes(root: Path) -> Path:
    (root / "pki").chmod(0o755)
    return root / "pki"


def _passable_store(root: Path) -> Path:
    (root / "pki").chmod(0o711)
    return root / "pki"


def _passable_store_open_file(root: Path) -> Path:
    (root / "pki" / CURRENT).resolve().chmod(0o644)
    return _passable_store(root)


def _open_files(root: Path) -> Path:
    (root / "pki" / CURRENT).resolve().chmod(0o644)
    return _kubelets_own_modes(root)


def _names_only(root: Path) -> Path:
    (root / "pki").chmod(0o744)
    return root / "pki"


def _closed_parent(root: Path) -> Path:
    (root / "closed").mkdir()
    (root / "pki").rename(root / "closed" / "pki")
    (root / "closed").chmod(0o700)
    return root / "closed" / "pki"


def _link_through_a_closed_directory(root: Path) -> Path:
    (root / "link").symlink_to(_closed_parent(root))
    return root / "link"


def _target_in_a_closed_directory(root: Path) -> Path:
    (root / "closed").mkdir()
    target = (root / "pki" / CURRENT).resolve().rename(root / "closed" / "pair.pem")
    (root / "pki" / CURRENT).unlink()
    (root / "pki" / CURRENT).symlink_to(target)
    (root / "closed").chmod(0o700)
    return _kubelets_own_modes(root)


def _serving_open_client_closed(root: Path) -> Path:
    plain(root / "pki" / "kubelet.crt", Mint().leaf().certificate, NOW, 0o644)
    plain(root / "pki" / "kubelet.key", Mint().leaf().key, NOW, 0o600)
    return _kubelets_own_modes(root)


DENIALS: list[tuple[Callable[[Path], Path], DirectoryCondition, Condition, Reason | None]] = [
    (_closed_store, DirectoryCondition.DENIED, Condition.DENIED, Reason.STORE_DENIED),
    (_kubelets_own_modes, DirectoryCondition.OK, Condition.DENIED, Reason.CERTIFICATE_DENIED),
    (_passable_store, DirectoryCondition.DENIED, Condition.DENIED, Reason.STORE_DENIED),
    (_passable_store_open_file, DirectoryCondition.DENIED, Condition.READ, None),
    (_open_files, DirectoryCondition.OK, Condition.READ, None),
    (_names_only, DirectoryCondition.DENIED, Condition.DENIED, Reason.STORE_DENIED),
    (_closed_parent, DirectoryCondition.DENIED, Condition.DENIED, Reason.STORE_DENIED),
    (_link_through_a_closed_directory, DirectoryCondition.DENIED, Condition.DENIED, Reason.STORE_DENIED),
    (_target_in_a_closed_directory, DirectoryCondition.OK, Condition.DENIED, Reason.CERTIFICATE_DENIED),
    (_serving_open_client_closed, DirectoryCondition.OK, Condition.DENIED, Reason.CERTIFICATE_DENIED),
]


@AS_ROOT
@pytest.mark.parametrize(
    ("change", "directory", "condition", "reason"), DENIALS, ids=[row[0].__name__.strip("_") for row in DENIALS]
)
@pytest.mark.parametrize("shell", SHELLS)
def test_what_another_user_sees(
    change: Callable[[Path], Path],
    directory: DirectoryCondition,
    condition: Condition,
    reason: Reason | None,
    shell: str,
    open_path: Path,
) -> None:
    """A reader without permission says so, in the same words by script and by mount, and calls nothing missing."""
    rotate(open_path / "pki", Mint())
    paths = Paths(store=str(change(open_path)))
    told = answer.parse(script(shell, paths, user=NOBODY), paths, NOW, NOW)
    with as_nobody():
        seen = by_local(paths)
    for facts in (told, seen):
        assert (facts.store.condition, facts.client.condition) == (directory, condition)
        assert assess(facts, Rotation.KUBELET, Memory()).reason is reason
    assert bare(told) == bare(seen)
    assert told.uid == NOBODY


# A hostile environment.

HOSTILE = {
    "IFS": "/-k",
    "LC_ALL": "de_DE.UTF-8",
    "LANG": "tr_TR.UTF-8",
    "PATH": "/nonexistent",
    "CDPATH": "/:/etc:/var/lib",
    "ENV": "/etc/passwd",
    "TZ": "Asia/Tokyo",
    "POSIXLY_CORRECT": "1",
    "QUOTING_STYLE": "shell-always",
    "TIME_STYLE": "+%s -> %s",
    "STORE": "/etc",
    "link": "/etc/shadow",
    "condition": "read",
    "blocks": "no",
    "GLOBIGNORE": "*",
}


@pytest.mark.parametrize(
    "name", ["healthy_store", "serving_current", "hundred_dated", "link_to_link", "odd_names", "large"]
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_hostile_environment_changes_nothing(name: str, shell: str, tmp_path: Path) -> None:
    """Variables, a umask and a shell that starts without globbing do not change one fact."""
    paths = Paths(store=str(tmp_path / "pki"))
    CASES[name](tmp_path / "pki", Mint(), NOW)
    before = os.umask(0)
    try:
        output = script(shell, paths, env=HOSTILE, flags="-fs")
    finally:
        os.umask(before)
    assert bare(answer.parse(output, paths, NOW, NOW)) == bare(by_local(paths))


@pytest.mark.parametrize("variable", ["BLOCK_SIZE", "LS_BLOCK_SIZE"])
@pytest.mark.parametrize("value", ["human-readable", "1M"])
def test_a_users_units_do_not_change_what_is_too_large(variable: str, value: str, tmp_path: Path) -> None:
    """GNU ls prints sizes in the user's units where these variables say so; the limit of a file's size holds."""
    paths = Paths(store=str(tmp_path / "pki"))
    CASES["large"](tmp_path / "pki", Mint(), NOW)
    facts = answer.parse(script("dash", paths, env={variable: value}), paths, NOW, NOW)
    assert facts.client.condition is Condition.TOO_LARGE


WITHOUT_STAT = [  # busybox has both among its applets and needs no PATH for them
    *(("dash", name) for name in CASES),
    *(("bash", name) for name in ("healthy_store", "link_odd_text", "link_socket", "serving_current", "key_first")),
]


@pytest.mark.parametrize(("shell", "name"), WITHOUT_STAT)
def test_a_node_without_stat_and_readlink(shell: str, name: str, tmp_path: Path) -> None:
    """Where stat and readlink are not installed ls tells all but the times."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("date", "id", "ls", "dd", "sleep", "tr", "head"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    paths = Paths(store=str(tmp_path / "pki"))
    CASES[name](tmp_path / "pki", Mint(), NOW)
    lines = node_script(paths).split("\n")
    text = "\n".join(f"PATH={tools}" if line.startswith("PATH=") else line for line in lines).replace(
        "sleep 1", "sleep 0"
    )
    assert f"PATH={tools}" in text
    told = answer.parse(script(shell, paths, text=text), paths, NOW, NOW)
    assert bare(told) == untimed(by_local(paths))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    """The script as it is sent is clean for POSIX sh."""
    path = plain(tmp_path / "node_script.sh", node_script(Paths()).encode("ascii"))
    done = subprocess.run(["shellcheck", "-s", "sh", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_paths_are_baked_in_safely(shell: str, tmp_path: Path) -> None:
    """A path with blanks, quotes and a command in it is read as the path that it is."""
    directory = tmp_path / "a b'c\"$(id)`id`*"
    rotate(directory, Mint())
    paths = Paths(store=str(directory))
    assert bare(by_script(shell, paths)) == bare(by_local(paths))


# The moment between unlink and rename.


@pytest.mark.parametrize("reader", [*SHELLS, "local"])
def test_a_link_that_comes_back_is_read(reader: str, tmp_path: Path) -> None:
    """A reader that meets the store without its link looks again and has its reading."""
    store = rotate(tmp_path / "pki", Mint())
    store.current.unlink()
    paths = Paths(store=str(store.directory))
    mender = threading.Timer(0.3, store.current.symlink_to, [store.dated(NOW)])
    mender.start()
    facts = by_local(paths, time.sleep) if reader == "local" else by_script(reader, paths)
    mender.join()
    assert (facts.client.condition, facts.client.link) == (Condition.READ, str(store.dated(NOW)))


@pytest.mark.parametrize("reader", [*SHELLS, "local"])
def test_a_link_that_stays_away_is_missing(reader: str, tmp_path: Path) -> None:
    """A reader looks once more and no oftener: then the link is missing."""
    CASES["no_current"](tmp_path / "pki", Mint(), NOW)
    paths = Paths(store=str(tmp_path / "pki"))
    slept: list[float] = []
    facts = by_local(paths, slept.append) if reader == "local" else by_script(reader, paths)
    assert facts.client.condition is Condition.MISSING
    assert slept == ([1.0] if reader == "local" else [])


STORM = """
import sys, time
from pathlib import Path
from tests.trees import NOW, FileStore, Mint
mint = Mint()
pairs = [mint.leaf(), mint.leaf()]
store = FileStore(Path(sys.argv[1]))
for turn in range(1_000_000):
    store.update(pairs[turn % 2], NOW + turn)
    if turn == 0:
        print("begun", flush=True)
    if turn > 200:
        store.dated(NOW + turn - 200).unlink()
    time.sleep(0.05)
"""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: a disk that is busy would stretch the gap to many milliseconds."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    path = Path(tempfile.mkdtemp(prefix="kce-", dir="/dev/shm"))
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("reader", [*SHELLS, "local"])
def test_a_rotation_storm_never_hides_the_certificate(reader: str, memory: Path) -> None:
    """Thirty readings amid twenty rotations a second, twenty times what a kubelet does at worst, find a certificate."""
    paths = Paths(store=str(memory / "pki"))
    where = Path(__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", STORM, paths.store], stdout=subprocess.PIPE, cwd=where) as kubelet:
        try:
            assert kubelet.stdout is not None
            assert kubelet.stdout.readline() == b"begun\n"
            read = [by_local(paths, time.sleep) if reader == "local" else by_script(reader, paths) for _ in range(30)]
            assert kubelet.poll() is None
        finally:
            kubelet.kill()
    assert [facts.client.condition for facts in read] == [Condition.READ] * 30
    assert reader == "local" or len({facts.client.link for facts in read}) > 3
