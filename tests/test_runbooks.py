"""docs/runbooks: one page an alert, all of one build, whose commands a shell takes and whose links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from exporter.cli.arguments import PROGRAM, parse
from exporter.model.finding import Cause
from exporter.serve.families import FAMILIES, FLEET_FAMILIES

ROOT = Path(__file__).parent.parent
RULES = {path.stem: path.read_text() for path in sorted((ROOT / "grafana/alerts").glob("*.yaml"))}
EVERY = {path.stem: path.read_text() for path in sorted((ROOT / "docs/runbooks").glob("*.md"))}
PAGES = {name: page for name, page in EVERY.items() if name != "README"}
CAUSES = (ROOT / "docs/causes.md").read_text()
HEADINGS = [
    "Meaning",
    "Impact",
    "How sure we are",
    "Diagnosis",
    "Mitigation",
    "How to know that it is over",
    "What a false alarm would look like",
]
DISTRIBUTIONS = ("kubeadm", "k3s", "RKE2", "OpenShift", "EKS", "GKE", "AKS")
COMMAND = re.compile(rf"(?:^|[|&;(`]\s*){PROGRAM} +((?:'[^']*'|[^|&;()`>#\n'])+)", re.MULTILINE)
SECRET = re.compile(r"(cat|less|head|base64) \S*\.(key|pem)\b|config view --raw|openssl pkey(?! -pubout)|set -x")


@dataclass(frozen=True)
class Alert:
    """What a rule file says of one."""

    severity: str
    expression: str


def alerts(text: str) -> dict[str, Alert]:
    """A rule file's alerts, by name."""
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: Alert(rule["labels"]["severity"], rule["expr"]) for rule in rules}


ALERTS = {name: alert for text in RULES.values() for name, alert in alerts(text).items()}
OF_THE_EXPORTER = alerts(RULES["exporter"]) if "exporter" in RULES else {}


def fences(page: str) -> list[tuple[str, str]]:
    """The language and the text of each fenced block; in a list it is indented."""
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)


def prose(page: str) -> str:
    """A page without its fenced blocks, whose comments look like headings."""
    return re.sub(r"^ *```.*?^ *```$", "", page, flags=re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """What its headings are called in links, as GitHub makes it."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def section(page: str, title: str) -> str:
    """What stands below a heading of the second level."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def dead_links(page: Path) -> list[str]:
    """Relative links of a page that lead nowhere, anchors included."""
    dead = []
    for link in re.findall(r"\]\(([^)]+)\)", prose(page.read_text())):
        target, _, anchor = link.partition("#")
        file = page.parent / target if target else page
        if ":" in target:
            continue
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            dead.append(f"{page.name}: {link}")
    return dead


def test_every_alert_has_a_page() -> None:
    """And no page is without an alert."""
    assert ALERTS
    assert sorted(PAGES) == sorted(ALERTS)


def test_the_index_leads_to_each_page_once() -> None:
    """docs/runbooks/README.md has a row for each alert, with its severity."""
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \|", EVERY["README"], re.MULTILINE)
    assert [name for name, page, _ in rows if name != page] == []
    assert sorted((name, severity) for name, _, severity in rows) == sorted(
        (name, it.severity) for name, it in ALERTS.items()
    )


@pytest.mark.parametrize("name", PAGES)
def test_all_pages_are_of_one_build(name: str) -> None:
    """The alert's name, one sentence, the headings in their order, and at the end what was not tried, and sources."""
    head, _, rest = PAGES[name].partition("\n## ")
    title, _, sentence = head.partition("\n\n")
    assert title == f"# {name}"
    assert re.fullmatch(r"[A-Z][^.\n]*(\.\d[^.\n]*|\n[^.\n]+)*\.\n*", sentence)
    assert re.findall(r"^## (.*)$", f"## {prose(rest)}", re.MULTILINE) == HEADINGS
    end = "\n\n".join(PAGES[name].rstrip().split("\n\n")[-2:])
    assert re.search(r"(Not|could be) tried\b.*\bSources:\s\S", end, re.DOTALL)


@pytest.mark.parametrize("name", [name for name in PAGES if name not in OF_THE_EXPORTER])
def test_each_distribution_is_told_what_to_do(name: str) -> None:
    """What is about nodes differs between them; an alert about the exporter is the same everywhere."""
    mitigation = section(PAGES[name], "Mitigation")
    assert [one for one in DISTRIBUTIONS if one not in mitigation] == []


@pytest.mark.parametrize("name", PAGES)
def test_no_command_shows_a_secret(name: str) -> None:
    """A runbook is read in a shared terminal."""
    assert SECRET.findall(PAGES[name]) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_restart_is_no_reflex(name: str) -> None:
    """Where a kubelet is restarted, the page says when that is safe."""
    if re.search(r"systemctl (re)?start kubelet$", PAGES[name], re.MULTILINE):
        assert re.search(r"\]\([^)]*(#restart-a-kubelet|restart\.md)\)", PAGES[name])


def test_every_command_passes_the_linter(tmp_path: Path) -> None:
    """Each block says its language, and what is for a shell is clean for any POSIX one."""
    untold, files = [], []
    for name, page in EVERY.items():
        for number, (language, text) in enumerate(fences(page)):
            if not language:
                untold.append(name)
            if language == "sh":
                file = tmp_path / f"{name}-{number}.sh"
                file.write_text(text)
                files.append(file)
    assert untold == []
    assert files
    done = subprocess.run(["shellcheck", "-s", "sh", "-f", "gcc", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.replace(f"{tmp_path}/", "")) == (0, "")


def test_our_commands_exist() -> None:
    """With these flags: the argument parser takes each line."""
    joined = {name: page.replace("\\\n", " ") for name, page in EVERY.items()}
    calls = [(name, call.strip()) for name, page in joined.items() for call in COMMAND.findall(page)]
    assert len(calls) > len(PAGES) / 2
    for name, call in calls:
        try:
            parse(shlex.split(call))
        except SystemExit:
            pytest.fail(f"{name}: {PROGRAM} {call}")


def test_our_questions_are_promql(tmp_path: Path) -> None:
    """Each line of such a block is one of its own; Prometheus' parser takes it."""
    blocks = [text for page in EVERY.values() for language, text in fences(page) if language == "promql"]
    rules = [{"record": "asked", "expr": line} for block in blocks for line in block.splitlines()]
    assert rules
    groups = [{"name": str(number), "rules": [rule]} for number, rule in enumerate(rules)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint=none", tmp_path / "rules.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_our_metrics_exist() -> None:
    """What a page asks Prometheus is in the table of families, or recorded by a rule."""
    known = {family.name for family in (*FAMILIES, *FLEET_FAMILIES)}
    health = set(re.findall(r"^### `([a-z_]+)`$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    named = {(name, metric) for name, page in EVERY.items() for metric in re.findall(r"\bkubelet_cert_[a-z_]+", page)}
    assert [it for it in sorted(named) if it[1] not in known | health] == []


def speaks(expression: str, cause: str, metric: str) -> bool:
    """Whether an alert selects the series of a cause: by its name, or as one of the rest."""
    selectors = re.findall(metric + r"(?::max)?\{([^}]*)\}", expression)
    matchers = [re.findall(r'cause(!?)[=~]+"([^"]*)"', selector) for selector in selectors]
    return any(
        bool(them) and all(bool(re.fullmatch(wanted, cause)) != bool(negated) for negated, wanted in them)
        for them in matchers
    )


def test_links_lead_somewhere() -> None:
    """Every relative link of the runbooks and of docs/causes.md, with its anchor."""
    pages = [*sorted((ROOT / "docs/runbooks").glob("*.md")), ROOT / "docs/causes.md"]
    assert [link for page in pages for link in dead_links(page)] == []


def test_every_cause_leads_to_its_page() -> None:
    """To the alert, or the alerts, that would speak of it."""
    sections = dict(re.findall(r"^### ([a-z-]+)\n(.*?)(?=^##|\Z)", CAUSES, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(Cause)
    for cause, text in sections.items():
        lines = re.findall(r"^- Runbook: (.*(?:\n  .*)*)$", text, re.MULTILINE)
        assert (cause, len(lines)) == (cause, 1)
        links = re.findall(r"\[(\w+)\]\(runbooks/(\w+)\.md\)", lines[0])
        assert links
        assert [told for told, page in links if told != page or page not in PAGES] == []
        is_of_a_fleet = CAUSES.index(f"### {cause}\n") > CAUSES.index("## Over a fleet")
        metric = r"kubelet_cert_fleet_finding" if is_of_a_fleet else r"kubelet_cert_finding"
        speaking = {name for name, alert in ALERTS.items() if speaks(alert.expression, cause, metric)}
        assert (cause, speaking - {page for _, page in links}) == (cause, set())
