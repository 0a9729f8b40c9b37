"""What the demonstration's stack serves: the documents with what they link to, and nothing else."""

from __future__ import annotations

import html
import http.client
import json
import re
import urllib.parse
from pathlib import Path

import pytest

from grafana.demo_stack import markdown, pages, repository
from grafana.demo_stack.pages import page
from grafana.demo_stack.receiver import Receiver

PROMETHEUS = "http://127.0.0.1:19090"


@pytest.fixture
def repository_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one runbook, and a secret beside it and in it."""
    root = tmp_path / "repository"
    for name, text in {
        "docs/runbooks/A.md": "# A <b>\n\nSee [causes](../causes.md#x), [rules](../../grafana/alerts).\n",
        "docs/causes.md": "# Causes\n\n### x\n",
        "grafana/alerts/rotation.yaml": "groups: []  # <b>\n",
        ".git/config": "secret",
        "keys/id": "secret",
        "../secret.md": "secret",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "docs" / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "docs" / "folder").symlink_to(tmp_path)
    monkeypatch.setattr(repository, "ROOT", root)
    return root


def test_documents_are_served_with_what_they_link_to(repository_of_ours: Path) -> None:
    """Markdown as HTML, other text as it is, and a list for a folder, whose links lead on."""
    assert (repository_of_ours / "docs" / "runbooks" / "A.md").is_file()
    found = page("/docs/runbooks/A.md", PROMETHEUS)
    assert found.status == 200
    assert '<h1 id="a-b">A &lt;b&gt;</h1>' in found.text
    assert '<a href="../causes.md#x">causes</a>' in found.text
    for target in ("/grafana/alerts", "/grafana/alerts/"):
        assert 'href="/grafana/alerts/rotation.yaml"' in page(target, PROMETHEUS).text
    assert "groups: []  # &lt;b&gt;" in page("/grafana/alerts/rotation.yaml", PROMETHEUS).text
    assert 'href="/docs"' in page("/", PROMETHEUS).text


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.md",
        "/docs/../../secret.md",
        "/docs/runbooks/../causes.md",
        "/%2e%2e/secret.md",
        "/docs/%2e%2e/%2e%2e/secret.md",
        "/docs/%2e%2e%2f%2e%2e%2fsecret.md",
        "/docs/%252e%252e/secret.md",
        "/docs/..\\..\\secret.md",
        "//secret.md",
        "//etc/passwd",
        "///etc/passwd",
        "/docs//etc/passwd",
        "/%2fetc/passwd",
        "http://127.0.0.1/etc/passwd",
        "file:///etc/passwd",
        "{secret}",
        "/{secret}",
        "docs/causes.md",
        "/docs/link.md",
        "/docs/folder",
        "/docs/folder/secret.md",
        "/keys/id",
        "/.git/config",
        "/docs/causes.md%00",
        f"/docs/{'a' * 5000}",
        "/docs/causes.md/",
        "/docs/runbooks/B.md",
        "/favicon.ico",
        "//[",
        "",
        "*",
    ],
)
def test_nothing_else_of_the_machine_is_served(repository_of_ours: Path, target: str) -> None:
    """No other file, by whatever path: neither beside the repository nor in it, nor through a link."""
    found = page(target.format(secret=repository_of_ours.parent / "secret.md"), PROMETHEUS)
    assert found.status == 404
    assert "secret</" not in found.text
    assert "root:" not in found.text


def test_raw_requests_lead_nowhere_else(repository_of_ours: Path) -> None:
    """As sent by something that does not tidy its path, which browsers and urllib do."""
    assert repository_of_ours.is_dir()
    with Receiver(0, lambda _: None, lambda target: page(target, PROMETHEUS)) as receiver:
        for target in ("/docs/../../secret.md", "/docs/%2e%2e/%2e%2e/secret.md", "//etc/passwd", "/etc/passwd"):
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(receiver.url).netloc, timeout=10)
            connection.putrequest("GET", target)
            connection.endheaders()
            assert connection.getresponse().status == 404, target
            connection.close()


def test_headings_are_called_as_on_github() -> None:
    """Lower case, without punctuation, a hyphen for each blank; the second of a name has a number."""
    text = markdown.rendered(
        "# A `b_c` & D (e, f)\n\n## Restart a kubelet\n\n## Restart a kubelet\n\n- ## It's [x](y)\n"
    )
    assert re.findall(r'id="([^"]+)"', text) == ["a-b_c--d-e-f", "restart-a-kubelet", "restart-a-kubelet-1", "its-x"]


def test_markdown_is_shown_as_it_is_meant() -> None:
    """Tables, fenced code and links are; HTML and links that a browser would run are not."""
    text = markdown.rendered(
        "| a | b |\n| - | - |\n| `x` | y |\n\n```sh\nls <a> # b\n```\n\n<script>1</script>\n\n[q](javascript:1)"
    )
    assert "<td><code>x</code></td>" in text
    assert "ls &lt;a&gt; # b" in text
    assert "<script>" not in text
    assert "<a " not in text


def test_every_link_of_every_document_leads_somewhere() -> None:
    """Followed as a browser does, from the root: each page is there, and each anchor is the id of something on it."""
    base, seen, wanted = "http://here", {}, ["http://here/docs/runbooks/README.md", "http://here/README.md"]
    while wanted:
        address, _, anchor = wanted.pop().partition("#")
        if address not in seen:
            found = page(address.removeprefix(base), PROMETHEUS)
            assert found.status == 200, address
            seen[address] = found.text if found.kind.startswith("text") else ""
            links = re.findall(r'(?:href|src)="([^"]+)"', seen[address])
            wanted += [link for one in links if (link := urllib.parse.urljoin(address, one)).startswith(f"{base}/")]
        assert not anchor or f'id="{anchor}"' in seen[address], f"{address}#{anchor}"
    assert f"{base}/grafana/alerts" in seen
    assert f"{base}/docs/images/fleet.png" in seen


@pytest.mark.parametrize("node", ["worker-1", '"><script>alert(1)</script>', 'a"b\\c\n{d}', "ä & b"])
def test_a_dashboards_page_leads_to_prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    """It says where Grafana would be, and asks Prometheus about the very node, whatever its name."""
    (tmp_path / "node.json").write_text('{"uid": "kubelet-cert-node"}')
    monkeypatch.setattr(pages, "_DASHBOARDS", tmp_path)
    target = f"/d/kubelet-cert-node?{urllib.parse.urlencode({'var-cluster': 'prod', 'var-node': node})}"
    found = page(target, PROMETHEUS)
    assert found.status == 200
    assert "<script>" not in found.text
    assert "node.json" in found.text
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', found.text)]
    queries = [urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["g0.expr"][0] for link in links]
    assert f'kubelet_cert_rotation_state{{cluster="prod",node={json.dumps(node)}}} == 1' in queries
    assert page("/d/another", PROMETHEUS).status == 404
