"""The links in rule files: placeholders in what is committed, a user's own base URLs in what is built."""

import pytest

from grafana.builder.rules import GRAFANA, RUNBOOKS, with_links

_TEXT = f"runbook_url: {RUNBOOKS}/KubeletCertExpired.md\ndashboard_url: '{GRAFANA}/d/kubelet-cert-node?var-node=a'\n"


def test_both_placeholders_are_replaced() -> None:
    """Each placeholder gives way to its own base URL, and a slash at that URL's end is not doubled."""
    assert with_links(_TEXT, runbooks="https://wiki.corp/certs/", grafana="http://127.0.0.1:3000") == (
        "runbook_url: https://wiki.corp/certs/KubeletCertExpired.md\n"
        "dashboard_url: 'http://127.0.0.1:3000/d/kubelet-cert-node?var-node=a'\n"
    )


def test_the_placeholders_themselves_change_nothing() -> None:
    """With the placeholders as base URLs the text stays as it is."""
    assert with_links(_TEXT, runbooks=RUNBOOKS, grafana=GRAFANA) == _TEXT


def test_a_base_url_that_holds_a_placeholder_is_left_alone() -> None:
    """What was put in is not replaced again."""
    assert with_links(RUNBOOKS, runbooks=f"{GRAFANA}/wiki", grafana="https://graphs.corp") == f"{GRAFANA}/wiki"


def test_other_hosts_are_left_alone() -> None:
    """A longer host name that begins like a placeholder is none."""
    text = f"{GRAFANA}.corp/d {RUNBOOKS}:8443/x"
    assert with_links(text, runbooks="https://a.corp", grafana="https://b.corp") == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wiki.corp",
        "ftp://wiki.corp",
        "https://wiki corp",
        "https://a/{{x}}",
        "https://a'b",
        'https://a"b',
        "https://a/\n",
    ],
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    """A base URL that would break the YAML or begin a template is a mistake, not a link."""
    with pytest.raises(ValueError, match="not a base URL"):
        with_links(_TEXT, runbooks=url, grafana=GRAFANA)
