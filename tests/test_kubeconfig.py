"""A kubeconfig: what its current context comes to, and what client-go would refuse."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.documents import kubeconfig
from exporter.collect.documents.outline import HIDDEN, KEYS, Line, lines_of
from exporter.model.files import Condition, PemFile
from exporter.model.kubelet_files import Document, DocumentCondition, Kubeconfig

PATH = "/etc/kubernetes/kubelet.conf"
LINK = "/var/lib/kubelet/pki/kubelet-client-current.pem"
BROKEN, INTRICATE = DocumentCondition.BROKEN, DocumentCondition.INTRICATE

KUBEADM = f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://192.0.2.10:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: system:node:worker-1
  name: system:node:worker-1@kubernetes
current-context: system:node:worker-1@kubernetes
kind: Config
preferences: {{}}
users:
- name: system:node:worker-1
  user:
    client-certificate: {LINK}
    client-key: {LINK}
"""


def read(text: str, path: str = PATH) -> Kubeconfig:
    """The kubeconfig at ``path``; whatever it names was looked at, and held nothing."""
    condition, lines = lines_of(text.encode(), lambda _key, data: f"#{data.decode()}")
    return kubeconfig.parse(Document(path, condition), lines, lambda name: PemFile(name, Condition.EMPTY))


def paths(found: Kubeconfig) -> tuple[str | None, str | None, str | None]:
    """Of authority, certificate and key."""
    authority, certificate, key = (
        file.path if file else None for file in (found.authority, found.certificate, found.key)
    )
    return authority, certificate, key


def user(*fields: str) -> str:
    """kubeadm's with other fields in its user."""
    return KUBEADM.split("    client-certificate:", maxsplit=1)[0] + "".join(f"    {field}\n" for field in fields)


def test_kubeadms_is_understood() -> None:
    """Server, embedded authority and the named link, without a token or anything else."""
    found = read(KUBEADM)
    assert found == Kubeconfig(
        Document(PATH, DocumentCondition.READ),
        server="https://192.0.2.10:6443",
        authority=PemFile("#CA", Condition.EMPTY),
        certificate=PemFile(LINK, Condition.EMPTY),
        key=PemFile(LINK, Condition.EMPTY),
    )
    assert found.is_read


USERS: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "token": (("token: abc",), {"has_token": True}),
    "token file": (("tokenFile: /run/token",), {"has_token": True}),
    "empty token": (('token: ""',), {}),
    "password": (("username: a", "password: b"), {"has_password": True}),
    "user name alone": (("username: a",), {"has_password": True}),
    "plugin": (("exec:", "  apiVersion: v1", "  command: aws", "  args:", "  - token"), {"command": "aws"}),
    "plugin by its path": (("exec:", "  command: /usr/bin/aws"), {"command": "/usr/bin/aws"}),
    "plugin beside it": (("exec:", "  command: ./aws"), {"command": "/etc/kubernetes/aws"}),
    "plugin that is not plain": (("exec:", "  command: a b"), {"command": "?"}),
    "auth provider": (("auth-provider:", "  name: gcp"), {"has_auth_provider": True}),
    "nothing": ((), {}),
}


@pytest.mark.parametrize("case", USERS)
def test_other_credentials_are_told(case: str) -> None:
    """A user without a certificate: what it has instead."""
    fields, expected = USERS[case]
    bare = replace(read(KUBEADM), certificate=None, key=None)
    assert read(user(*fields)) == replace(bare, **expected)  # type: ignore[arg-type]  # a table of fields


FILES: dict[str, tuple[tuple[str, ...], tuple[str | None, str | None]]] = {
    "embedded": (("client-certificate-data: QQ==", "client-key-data: Qg=="), ("#A", "#B")),
    "named and embedded": ((f"client-certificate: {LINK}", "client-key-data: Qg=="), (LINK, "#B")),
    "relative": (
        ("client-certificate: pki/a.crt", "client-key: ../a.key"),
        ("/etc/kubernetes/pki/a.crt", "/etc/a.key"),
    ),
    "not plain": (("client-certificate: /a b", "client-key: /\u00e4"), ("?", "?")),
    "key alone": ((f"client-key: {LINK}",), (None, LINK)),
    "beside a token": ((f"client-certificate: {LINK}", f"client-key: {LINK}", "token: a"), (LINK, LINK)),
}


@pytest.mark.parametrize("case", FILES)
def test_certificate_and_key_are_named_or_embedded(case: str) -> None:
    """Each on its own; relative paths start in the kubeconfig's folder."""
    fields, expected = FILES[case]
    found = read(user(*fields))
    assert (paths(found)[1:], found.is_read) == (expected, True)


def test_what_nobody_looked_at_is_unreadable() -> None:
    """A file that the reader did not bring is known by name alone, and so is one whose name is not plain."""
    _, lines = lines_of(KUBEADM.encode())
    found = kubeconfig.parse(Document(PATH, DocumentCondition.READ), lines, lambda _: None)
    assert found.certificate == PemFile(LINK, Condition.UNREADABLE)
    assert found.authority == PemFile(HIDDEN, Condition.UNREADABLE)
    hidden = read(user("client-certificate: /a b", "client-key: /a b")).certificate
    assert hidden == PemFile("?", Condition.UNREADABLE)


OTHERS = """\
- name: other
  user:
    client-certificate: /other.crt
    client-key: /other.key
"""
REFUSED = {
    "another kind": (KUBEADM.replace("kind: Config", "kind: KubeletConfiguration"), BROKEN),
    "another version": (KUBEADM.replace("apiVersion: v1", "apiVersion: v2"), BROKEN),
    "kind that is not plain": (KUBEADM.replace("kind: Config", "kind: 'a b'"), BROKEN),
    "no current context": (KUBEADM.replace("current-context: ", "x: "), BROKEN),
    "current context that is not there": (KUBEADM.replace("current-context: ", "current-context: x"), BROKEN),
    "current context that is not plain": (KUBEADM.replace("current-context: ", "current-context: x "), INTRICATE),
    "cluster that is not there": (KUBEADM.replace("  cluster: kubernetes", "  cluster: other"), BROKEN),
    "cluster that is not plain": (KUBEADM.replace("  cluster: kubernetes", "  cluster: a b"), INTRICATE),
    "user that is not plain": (KUBEADM.replace("    user: ", "    user: a "), INTRICATE),
    "no server": (KUBEADM.replace("server: ", "x: "), BROKEN),
    "certificate without a key": (user(f"client-certificate: {LINK}"), BROKEN),
    "certificate twice": (
        user(f"client-certificate: {LINK}", "client-certificate-data: QQ==", "client-key: /k"),
        BROKEN,
    ),
    "key twice": (user(f"client-certificate: {LINK}", "client-key: /k", "client-key-data: QQ=="), BROKEN),
    "authority twice": (KUBEADM.replace("    server:", "    certificate-authority: /ca.crt\n    server:"), BROKEN),
    "token and password": (user("token: a", "password: b"), BROKEN),
    "user twice": (KUBEADM + OTHERS + OTHERS, BROKEN),
    "users that are no list": (KUBEADM.split("users:", maxsplit=1)[0] + "users: a\n", BROKEN),
    "user that is no mapping": (KUBEADM.split("  user:\n    client", maxsplit=1)[0] + "  user: a\n", BROKEN),
    "list": ("- kind: Config\n", BROKEN),
    "off its column": (KUBEADM + " kind: Config\n", BROKEN),
    "no base64": (KUBEADM.replace("Q0E=", "Q0E"), BROKEN),
    "anchor": (KUBEADM.replace("kind: Config", "kind: &a Config"), INTRICATE),
    "text": ("hello\n", BROKEN),
    "empty": ("", DocumentCondition.EMPTY),
    "comments": ("# nothing\n", DocumentCondition.EMPTY),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_client_go_refuses_is_broken(case: str) -> None:
    """Nothing of it is told but its condition, and no file is looked for."""
    text, condition = REFUSED[case]
    assert read(text) == Kubeconfig(Document(PATH, condition))
    assert kubeconfig.named_files(PATH, lines_of(text.encode())[1]) == ()


TAKEN = {
    "without kind and version": KUBEADM.replace("apiVersion: v1\n", "").replace("kind: Config\n", ""),
    "with another user": KUBEADM + OTHERS,
    "with a nameless user": KUBEADM + "- user: {}\n",
    "with a user whose name is not plain": KUBEADM + "- name: a b\n- name: c d\n",
    "with an unknown section": KUBEADM + "extensions:\n- name: a\n  extension:\n    token: b\n",
    "in CRLF and with a mark": "\ufeff" + KUBEADM.replace("\n", "\r\n"),
    "with its sections deeper": re.sub(r"^(?=[- ] )", "    ", KUBEADM, flags=re.MULTILINE),
    "in JSON": json.dumps(yaml.safe_load(KUBEADM)),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_does_not_matter_changes_nothing(case: str) -> None:
    """Other members, sections and ways of writing come to the same kubeconfig."""
    assert read(TAKEN[case]) == read(KUBEADM)


def test_a_user_that_is_not_there_is_nobody() -> None:
    """client-go takes a context whose user is missing, and sends no credential."""
    found = read(KUBEADM.replace("    user: system", "    user: x-system"))
    assert (found.is_read, found.certificate, found.key) == (True, None, None)


def test_the_files_that_it_names() -> None:
    """Each path once, absolute; embedded data and paths that are not plain are no files."""
    text = user("client-certificate: a.pem", "client-key: a.pem").replace("-data: Q0E=", ": /ca.crt")
    assert kubeconfig.named_files(PATH, lines_of(text.encode())[1]) == ("/etc/kubernetes/a.pem", "/ca.crt")
    text = user("client-certificate-data: QQ==", "client-key: a b")
    assert kubeconfig.named_files(PATH, lines_of(text.encode())[1]) == ()


@pytest.mark.parametrize("condition", [one for one in DocumentCondition if one is not DocumentCondition.READ])
def test_an_unread_kubeconfig_tells_nothing(condition: DocumentCondition) -> None:
    """Lines of a document that was not read to its end do not count."""
    _, lines = lines_of(KUBEADM.encode())
    document = Document(PATH, condition)
    assert kubeconfig.parse(document, lines, lambda _: None) == Kubeconfig(document)


LINES = st.builds(
    Line,
    st.sampled_from((0, 2, 4)),
    st.booleans(),
    st.sampled_from((*sorted(KEYS), "*")),
    st.sampled_from(("-", "-", "!", "a", "#1", "Config")),
)


@given(st.lists(LINES, max_size=40))
def test_any_lines_give_a_kubeconfig(lines: list[Line]) -> None:
    """Whatever a node tells: a kubeconfig, read or refused; never an exception."""
    found = kubeconfig.parse(Document(PATH, DocumentCondition.READ), lines, lambda _: None)
    assert found.document.condition in (DocumentCondition.READ, BROKEN, INTRICATE)


@given(st.text(min_size=8, max_size=20, alphabet="ABCDEFGHabcdefgh0123456789"))
def test_no_secret_is_in_a_kubeconfig(secret: str) -> None:
    """Token, password and embedded key stand in no field, nor in its repr."""
    secret = f"s3cr3t{secret}"
    embedded = base64.b64encode(secret.encode()).decode()
    for field in (f"token: {secret}", f"password: {secret}", f"client-key-data: {embedded}", f"x: {secret}"):
        condition, lines = lines_of(user(field).encode(), lambda _key, _data: "#1")
        found = kubeconfig.parse(Document(PATH, condition), lines, lambda _: None)
        assert secret not in repr((lines, found))
        assert embedded not in repr((lines, found))
