"""Names used outside Python are those of the code, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.config import schema, ssh
from exporter.config.settings import NODE_SCRIPT
from exporter.errors import Reason
from exporter.model.assessment import OrphanCondition

ROOT = Path(__file__).parent.parent


def first_cells(page: str) -> list[str]:
    """The code words that begin a table's rows."""
    return re.findall(r"^\| `([a-z_-]+)` \|", page, re.MULTILINE)


def test_every_reason_is_explained_once() -> None:
    """docs/reasons.md has a row for each reason, and for nothing else."""
    page = (ROOT / "docs/reasons.md").read_text()
    assert sorted(first_cells(page)) == sorted(Reason)


def test_every_orphan_condition_is_explained() -> None:
    """docs/causes.md names every condition of an orphan."""
    page = (ROOT / "docs/causes.md").read_text()
    assert [condition for condition in OrphanCondition if f"`{condition}`" not in page] == []


def test_the_example_names_every_setting() -> None:
    """config.example.yaml names every key that a configuration may have."""
    example = (ROOT / "config.example.yaml").read_text()
    sections = (
        schema.Config,
        ssh.Ssh,
        ssh.Timeouts,
        ssh.Identity,
        ssh.Bastion,
        schema.FileSd,
        schema.NodeEntry,
        schema.Module,
        schema.PathSettings,
    )
    keys = {key for section in sections for key in section.model_fields}
    assert sorted(key for key in keys if not re.search(rf"\b{key}:", example)) == []


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link of a page leads to a file or folder of the repository."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    links = [(page, target) for page in pages for target in re.findall(r"\]\(([^):#]+)\)", page.read_text())]
    assert links
    assert [f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()] == []


def test_the_installed_script_has_one_place() -> None:
    """What the security page lets nodes run is the path that the exporter asks for."""
    page = (ROOT / "docs/security.md").read_text()
    assert set(re.findall(r"/[a-z/-]*/kubelet-cert-exporter-node", page)) == {NODE_SCRIPT}
