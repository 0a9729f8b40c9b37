"""docs/runbooks/KubeletCertStoreBroken.md: its commands, pasted into a shell over stores of that kind."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.trees import YEAR, Mint, dated

PAGE = Path(__file__).parent.parent / "docs/runbooks/KubeletCertStoreBroken.md"
STORE = "/var/lib/kubelet/pki"
NOW = int(time.time())
DAY = 86400
NAME = "kubelet-client-{}.pem"


class Store:
    """A certificate folder with two good pairs and one that has expired, and what the page's commands make of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, mint = folder, Mint()
        self.link, self.updated = folder / NAME.format("current"), folder / NAME.format("updated")
        self.old, self.good, self.newest = (
            dated(folder, NOW - age, pair.certificate + pair.key)
            for age in (500 * DAY, 200 * DAY, 100 * DAY)
            for pair in [mint.issue("system:node:worker-1", NOW - age, NOW - age + YEAR)]
        )

    def paste(self, mark: str, date: str = "DATE") -> str:
        """Run the one block that has these words in it, in a session of its own; what it printed."""
        (block,) = [text for text in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) if mark in text]
        script: str = block.replace(STORE, str(self.folder)).replace("DATE", date)
        done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=False)
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        return done.stdout

    def date(self, file: Path) -> str:
        return file.name.removeprefix("kubelet-client-").removesuffix(".pem")

    def relink(self, file: Path | None = None) -> str:
        return self.paste("new=", self.date(file) if file else "DATE")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_good_pairs_are_told_from_others(store: Store) -> None:
    """An expired one, a cut one, an empty one and one of two halves are not good; the newest stands last."""
    cut = dated(store.folder, NOW - 50 * DAY, store.newest.read_bytes()[:-60])
    empty = dated(store.folder, NOW - 40 * DAY, b"")
    half = store.good.read_bytes().partition(b"-----BEGIN EC")[0] + store.newest.read_bytes().partition(b"-----\n")[2]
    other = dated(store.folder, NOW - 30 * DAY, half)
    told = [
        line.split()[:-3] if line.startswith("good") else line.split() for line in store.paste("for f in").splitlines()
    ]
    good = [line[1] for line in told if line[0] == "good"]
    assert good == [str(store.good), str(store.newest)]
    assert [line[2] for line in told if line[0] == "not"] == [str(file) for file in (store.old, cut, empty, other)]


def test_a_missing_link_is_made(store: Store) -> None:
    """To the pair that was named."""
    store.relink(store.newest)
    assert store.link.readlink() == store.newest


@pytest.mark.parametrize("target", ["gone.pem", "empty.pem"])
def test_a_bad_link_is_replaced(store: Store, target: str) -> None:
    """One to nothing as well as one to an empty file; that file stays."""
    (store.folder / "empty.pem").touch()
    store.link.symlink_to(store.folder / target)
    store.relink(store.good)
    assert store.link.readlink() == store.good
    assert (store.folder / "empty.pem").exists()


def test_a_link_is_not_pointed_at_a_bad_pair(store: Store) -> None:
    """Expired, or the page's own word that nobody filled in: the link is as it was."""
    store.link.symlink_to(store.good)
    assert "STOP" in store.relink(store.old)
    assert "STOP" in store.relink()
    assert store.link.readlink() == store.good


def test_a_regular_file_in_place_of_the_link_is_kept(store: Store) -> None:
    """The link's command refuses it; the other gives it a dated name, and then the link can be made."""
    content = store.newest.read_bytes()
    store.link.write_bytes(content)
    assert "STOP" in store.relink(store.good)
    assert store.link.read_bytes() == content
    store.paste("kubelet-client-$(date")
    assert not store.link.exists()
    assert sum(file.read_bytes() == content for file in store.folder.iterdir()) == 2
    store.relink(store.newest)
    assert store.link.readlink() == store.newest


def test_a_link_is_given_no_dated_name(store: Store) -> None:
    """Nor is a link at `updated` moved aside."""
    for link in (store.link, store.updated):
        link.symlink_to(store.good)
    assert "STOP" in store.paste("kubelet-client-$(date")
    assert "STOP" in store.paste(".aside.")
    assert store.link.readlink() == store.updated.readlink() == store.good


def test_a_leftover_is_moved_aside(store: Store) -> None:
    """And nothing else is touched."""
    store.link.symlink_to(store.good)
    store.updated.write_bytes(b"left over")
    store.paste(".aside.")
    assert not store.updated.exists()
    assert [file.read_bytes() for file in store.folder.glob("*.aside.*")] == [b"left over"]
    assert store.link.readlink() == store.good


def test_a_gap_is_closed(store: Store) -> None:
    """The rotation's own next step, where the pair is good."""
    store.updated.symlink_to(store.newest)
    store.paste("made=")
    assert store.link.readlink() == store.newest
    assert not store.updated.is_symlink()


def test_a_gap_is_not_closed_over_a_link_or_to_a_bad_pair(store: Store) -> None:
    """Then both links are as they were."""
    store.updated.symlink_to(store.old)
    assert "STOP" in store.paste("made=")
    store.link.symlink_to(store.folder / "gone.pem")
    assert "STOP" in store.paste("made=")
    assert store.updated.readlink() == store.old
