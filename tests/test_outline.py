"""The outline of a document: which lines it has, what it never shows, and that it agrees with a YAML parser."""

from __future__ import annotations

import base64
import contextlib
import json
import textwrap

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.collect.documents.block_yaml import ShapeError
from exporter.collect.documents.outline import (
    DATA,
    EMPTY,
    HIDDEN,
    KEYS,
    LARGEST_DOCUMENT,
    MAPPINGS,
    MOST_LINES,
    VALUES,
    Line,
    Tree,
    lines_of,
    tree,
)
from exporter.model.kubelet_files import DocumentCondition

READ, EMPTIED, BROKEN, INTRICATE, TOO_LARGE = (
    DocumentCondition.READ,
    DocumentCondition.EMPTY,
    DocumentCondition.BROKEN,
    DocumentCondition.INTRICATE,
    DocumentCondition.TOO_LARGE,
)


def outlined(text: str | bytes) -> tuple[DocumentCondition, list[str]]:
    """The condition, and each line as the node's answer has it; data are shown as #1."""
    condition, lines = lines_of(text.encode() if isinstance(text, str) else text, lambda _key, _data: "#1")
    return condition, [f"{line.indent} {'-' if line.is_item else '.'} {line.key} {line.value}" for line in lines]


ONE_LINE = {
    "plain": ("kind: Config", "0 . kind Config"),
    "blanks around": ("  kind:   Config  ", "2 . kind Config"),
    "blank before the colon": ("kind : Config", "0 . kind Config"),
    "double quotes": ('kind: "Config"', "0 . kind Config"),
    "single quotes": ("kind: 'Config'", "0 . kind Config"),
    "quoted key": ('"kind": Config', "0 . kind Config"),
    "comment": ("kind: Config # a: b", "0 . kind Config"),
    "a hash within": ("kind: Con#fig", "0 . kind !"),
    "quotes and comment": ("kind: 'Config' # it's", "0 . kind Config"),
    "carriage return": ("kind: Config\r", "0 . kind Config"),
    "byte order mark": ("\ufeffkind: Config", "0 . kind Config"),
    "nothing": ("kind:", "0 . kind -"),
    "nothing but a comment": ("kind: # none", "0 . kind -"),
    "null": ("kind: null", "0 . kind -"),
    "tilde": ("kind: ~", "0 . kind -"),
    "empty quotes": ('kind: ""', "0 . kind -"),
    "empty mapping": ("users: {}", "0 . users -"),
    "empty list": ("users: [ ] # none", "0 . users -"),
    "a dash in quotes is not nothing": ("kind: '-'", "0 . kind !"),
    "a mark in quotes is no mark": ("kind: '!'", "0 . kind !"),
    "a number sign in quotes is no datum": ("name: '#1'", "0 . name !"),
    "not ASCII": ("name: w\u00f6rker", "0 . name !"),
    "a blank within": ("name: worker one", "0 . name !"),
    "an escape": ('name: "worker\\x41"', "0 . name !"),
    "a terminal's escape in quotes": ('name: "\\e[31m"', "0 . name !"),
    "a quote within": ("name: 'it''s'", "0 . name !"),
    "another key": ("tlsMinVersion: VersionTLS12", "0 . * !"),
    "another key, empty": ("preferences: {}", "0 . * -"),
    "token": ("token: abc", "0 . token !"),
    "empty token": ('token: ""', "0 . token -"),
    "password": ("password: 'abc'", "0 . password !"),
    "server": ("server: https://[2001:db8::1]:6443", "0 . server !"),
    "server by address": ("server: https://192.0.2.1:6443", "0 . server https://192.0.2.1:6443"),
    "server with a password": ("server: https://u:p@192.0.2.1", "0 . server !"),
    "data": ("client-key-data: QUJD", "0 . client-key-data #1"),
    "no data": ("client-key-data: ''", "0 . client-key-data -"),
    "boolean": ("rotateCertificates: true", "0 . rotateCertificates true"),
    "boolean in quotes is text": ('rotateCertificates: "true"', "0 . rotateCertificates !"),
    "item": ("- name: a", "2 - name a"),
    "wide item": ("-   name: a", "4 - name a"),
    "plain item": ("- --token=abc", "2 - * !"),
    "quoted item": ('- "a: b"', "2 - * !"),
    "a colon within": ("name: a:b", "0 . name a:b"),
}


@pytest.mark.parametrize("case", ONE_LINE)
def test_a_line_has_its_shape(case: str) -> None:
    """One line of YAML, and its line in the outline."""
    text, line = ONE_LINE[case]
    assert outlined(text) == (READ, [line])


SHAPES: dict[str, tuple[str | bytes, DocumentCondition, int]] = {
    "empty file": ("", EMPTIED, 0),
    "blank lines": ("\n  \n\t\n", EMPTIED, 0),
    "comments": ("# a: b\n   # c\n", EMPTIED, 0),
    "start alone": ("---\n", EMPTIED, 0),
    "start": ("# c\n---\nkind: Config\n", READ, 1),
    "start with a comment": ("--- # c\nkind: Config\n", READ, 1),
    "second document": ("kind: Config\n---\nkind: Config\n", INTRICATE, 1),
    "end": ("kind: Config\n...\n", INTRICATE, 1),
    "directive": ("%YAML 1.1\n---\n", INTRICATE, 0),
    "anchor": ("a: &x b\n", INTRICATE, 0),
    "alias": ("name: a\nb: *x\n", INTRICATE, 1),
    "tag": ("a: !!str b\n", INTRICATE, 0),
    "block scalar": ("kind: Config\ntoken: |\n  abc\n", INTRICATE, 1),
    "folded scalar": ("a: >-\n  b\n", INTRICATE, 0),
    "flow mapping": ("users: [{name: a}]\n", INTRICATE, 0),
    "flow mapping of several lines": ("users: [\n  {name: a}\n]\n", INTRICATE, 0),
    "quotes of two lines": ('a: "b\n  c"\n', INTRICATE, 0),
    "plain of two lines": ("token: a\n  b\n", INTRICATE, 1),
    "quoted as long as may be": (b'a: "' + b"b" * (16384 - 2) + b'"', READ, 1),
    "a byte more in quotes": (b'a: "' + b"b" * (16384 - 1) + b'"', INTRICATE, 0),
    "as many quotes as may be": ('a: "' + '\\"' * 32 + '"', READ, 1),
    "a quote more": ('a: "' + '\\"' * 33 + '"', INTRICATE, 0),
    "as many single quotes as may be": ("a: '" + "''" * 64 + "'", READ, 1),
    "a single quote more": ("a: '" + "''" * 65 + "'", INTRICATE, 0),
    "as many backslashes as may be": ('a: "' + "\\" * 64 + '"', READ, 1),
    "two backslashes more": ('a: "' + "\\" * 66 + '"', INTRICATE, 0),
    "largest json": (b'{"a": "' + b"b" * (16384 - 10) + b'"}', READ, 1),
    "json a byte larger": (b'{"a": "' + b"b" * (16384 - 9) + b'"}', INTRICATE, 0),
    "json of many quotes": ('{"a": 1, "b": "' + '\\"' * 33 + '"}', INTRICATE, 1),
    "nothing but an empty mapping": ("# c\n{}\n", INTRICATE, 0),
    "complex key": ("? a\n: b\n", INTRICATE, 0),
    "list in a list": ("- - a\n", INTRICATE, 0),
    "item on the next line": ("-\n  name: a\n", INTRICATE, 0),
    "item behind a comment": ("-  # c\n   name: a\n", INTRICATE, 0),
    "empty item": ("- ''\n", INTRICATE, 0),
    "item of nothing": ("- {}\n", INTRICATE, 0),
    "control character": ("kind: Con\x1bfig\n", INTRICATE, 0),
    "lone carriage return": ("kind: Config\rname: a\n", INTRICATE, 0),
    "tab behind the colon": ("kind:\tConfig\n", INTRICATE, 0),
    "tab in the indentation": ("users:\n\tname: a\n", BROKEN, 1),
    "unclosed mapping": ("kind: Config\na: {b: c\n", BROKEN, 1),
    "unclosed list": ("a: [b\nc: d\n", BROKEN, 0),
    "colon in a plain value": ("kind: Config: v1\n", BROKEN, 0),
    "colon at its end": ("kind: Config:\n", BROKEN, 0),
    "behind the quotes": ("kind: 'Config' v1\n", BROKEN, 0),
    "list behind a colon": ("a: - b\n", BROKEN, 0),
    "what no scalar begins with": ("a: @b\n", BROKEN, 0),
    "text": ("hello world\n", BROKEN, 0),
    "no base64": ("client-key-data: QUJ\n", BROKEN, 0),
    "no base64 at all": ("client-key-data: a-b\n", BROKEN, 0),
    "escaped base64": ('client-key-data: "QUJD\\n"\n', INTRICATE, 0),
    "bytes": (bytes(range(256)), INTRICATE, 0),
    "NUL": (b"\0" * 100, BROKEN, 0),
    "largest number of lines": ("a: b\n" * MOST_LINES, READ, MOST_LINES),
    "a line more": ("a: b\n" * (MOST_LINES + 1), INTRICATE, MOST_LINES),
    "largest": (b"#" * LARGEST_DOCUMENT, EMPTIED, 0),
    "a byte more": (b"#" * (LARGEST_DOCUMENT + 1), TOO_LARGE, 0),
    "one long value": (b"kind: " + b"a" * (LARGEST_DOCUMENT - 6), READ, 1),
    "billion laughs": ("a: &a [lol]\nb: &b [*a,*a]\n", INTRICATE, 0),
    "json": ('{"kind": "Config", "users": []}', READ, 2),
    "json with blanks and a mark": ('\ufeff\r\n {"kind": "Config"}\r\n', READ, 1),
    "json cut": ('{"kind": "Config", "users": [', BROKEN, 0),
    "json as YAML has it": ("{kind: Config}", INTRICATE, 0),
    "json with a comment": ('{"kind": "Config"} # c', INTRICATE, 0),
    "json twice": ('{"kind": "Config"}{"kind": "Config"}', INTRICATE, 0),
    "json bomb": ("{" + '"a":[' * 100000, INTRICATE, 0),
    "json of great depth": ('{"a":' * 40 + "1" + "}" * 40, INTRICATE, 33),
    "json list in a list": ('{"a": [[1]]}', INTRICATE, 1),
    "json list": ("[]", INTRICATE, 0),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_document_has_its_condition(case: str) -> None:
    """What can be picked apart, what perhaps is good, what is no YAML, and how many lines were told before that."""
    text, condition, lines = SHAPES[case]
    found = outlined(text)
    assert (found[0], len(found[1])) == (condition, lines)


def test_json_has_the_lines_of_its_block_style() -> None:
    """A JSON document as an outline: names twice, lists, plain items, escapes that come to plain text."""
    text = r'{"kind":"Config","kind":"\u0043","users":[{"name":"a","user":{"token":"t"}},"b",null],"x":[],"rotate":1}'
    assert outlined(text) == (
        READ,
        [
            "0 . kind Config",
            "0 . kind C",
            "0 . users -",
            "4 - name a",
            "4 . user -",
            "6 . token !",
            "4 - * !",
            "4 - * -",
            "0 . * -",
            "0 . * !",
        ],
    )


def test_data_are_handed_over_decoded_and_kept_nowhere() -> None:
    """Each embedded datum is given to the reader with its key, in order; the line holds what the reader says."""
    given_over: list[tuple[str, bytes]] = []

    def keep(key: str, data: bytes) -> str:
        given_over.append((key, data))
        return f"#{len(given_over)}"

    _, lines = lines_of(b"client-certificate-data: QUI=\nclient-key-data: 'QUJD'\n", keep)
    assert given_over == [("client-certificate-data", b"AB"), ("client-key-data", b"ABC")]
    assert [line.value for line in lines] == ["#1", "#2"]
    assert [line.value for line in lines_of(b"client-key-data: QUJD\n")[1]] == [HIDDEN]


def planted(text: str) -> Tree:
    """The tree of a dedented document that can be picked apart."""
    condition, lines = lines_of(textwrap.dedent(text).encode())
    assert condition is READ
    return tree(lines)


def test_nothing_is_told_below_what_holds_secrets() -> None:
    """Names of our list count where they stand in a kubeconfig or a configuration, and exec's own command."""
    for key in ("auth-provider", "token", "password", "preferences", "name", "exec"):
        below = "    - name: secret\n      command: secret\n      user:\n        client-key-data: QUJD"
        text = f"user:\n  {key}:\n{below}\n  x: y"
        assert outlined(text)[1][2:] == ["6 - * !", "6 . * !", "6 . * -", "8 . * !", "2 . * !"]
    text = "exec:\n  command: aws\n  args:\n  - name: secret\n    command: secret\nkind: Config"
    assert outlined(text)[1] == ["0 . exec -", "2 . command aws", "2 . * -", "4 - * !", "4 . * !", "0 . kind Config"]


TREES: dict[str, tuple[str, Tree]] = {
    "nothing below": ("users:\nkind: Config", {"users": None, "kind": "Config"}),
    "mapping": ("context:\n  user: a\nkind: b", {"context": {"user": "a"}, "kind": "b"}),
    "indented as a whole": ("\n  kind: a\n  name: b", {"kind": "a", "name": "b"}),
    "list at its parent's indentation": ("users:\n- name: a\n- name: b", {"users": [{"name": "a"}, {"name": "b"}]}),
    "list deeper": ("users:\n    - name: a\n      user: b", {"users": [{"name": "a", "user": "b"}]}),
    "list in an item": ("users:\n- exec:\n  - a\n- name: b", {"users": [{"exec": [{}]}, {"name": "b"}]}),
    "list below another key": ("x:\n- name: a\nkind: b", {"kind": "b"}),
    "wide dashes": (
        "users:\n-   name: a\n    user: b\n-   name: c",
        {"users": [{"name": "a", "user": "b"}, {"name": "c"}]},
    ),
    "last of two": ("kind: a\nkind: b", {"kind": "b"}),
    "plain items": ("users:\n- a\n- b", {"users": [{}, {}]}),
    "list at the top": ("- name: a", [{"name": "a"}]),
}


@pytest.mark.parametrize("case", TREES)
def test_lines_come_to_a_tree(case: str) -> None:
    """Nested values as a parser would have them, keys off the list left out."""
    text, value = TREES[case]
    assert planted(text) == value
    assert is_same(value, yaml.load(textwrap.dedent(text), yaml.BaseLoader))


MISFITS = {
    "shallower than the first": ("  kind: a\nname: b", BROKEN),
    "between two": ("context:\n    user: a\n  name: b", BROKEN),
    "below a value": ("kind: a\n  name: b", BROKEN),
    "key off its item": ("users:\n- name: a\n   user: b", BROKEN),
    "item where no list is": ("kind: a\n- name: b", INTRICATE),
    "items at two columns": ("users:\n  - name: a\n - name: b", INTRICATE),
    "very deep": ("\n".join(" " * depth + "context:" for depth in range(40)), INTRICATE),
}


@pytest.mark.parametrize("case", MISFITS)
def test_lines_that_fit_nowhere_are_refused(case: str) -> None:
    """An outline that no YAML has, or none that an outline can tell, raises with its condition."""
    text, condition = MISFITS[case]
    _, lines = lines_of(text.encode())
    with pytest.raises(ShapeError) as caught:
        tree(lines)
    assert caught.value.condition is condition


def test_no_lines_are_no_tree() -> None:
    """An outline without a line is nothing."""
    assert tree(()) is None


def is_empty(value: object) -> bool:
    return value in (None, "", "~", "null", "Null", "NULL", {}, [])


def veiled(value: object, key: str | None) -> object:
    """What is told of a key's value: no key below one that holds no mapping of ours, but exec's own command."""
    if key in MAPPINGS:
        return value
    match value:
        case dict() if value:
            return {"command": veiled(value["command"], None)} if key == "exec" and "command" in value else {}
        case list():
            return [veiled(item, None) for item in value]
    return value


def is_same(ours: Tree, theirs: object) -> bool:
    """Whether a tree agrees with what PyYAML read, all scalars as text."""
    match ours:
        case None:
            return is_empty(theirs)
        case dict():
            if not isinstance(theirs, dict):  # a list's plain item
                return not ours
            shown = {key: veiled(value, key) for key, value in theirs.items() if key in KEYS}
            return shown.keys() == ours.keys() and all(is_same(ours[key], value) for key, value in shown.items())
        case list():
            return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(is_same, ours, theirs))
        case _:
            return isinstance(theirs, str) and (ours in (HIDDEN, "#1") or ours == theirs) and theirs != ""


def understood(text: bytes) -> tuple[DocumentCondition, Tree]:
    """Lines and tree in one: the condition that a reader of the document would tell."""
    condition, lines = lines_of(text, lambda _key, _data: "#1")
    try:
        return condition, tree(lines)
    except ShapeError as error:
        return (error.condition if condition is READ else condition), None


CANARY = "c4n4ry"
SECRET = st.sampled_from(
    (CANARY, f"{CANARY}: x", f"x # {CANARY}", f"'{CANARY}'", f"https://u:{CANARY}@h", f"- {CANARY}")
)
NAMES = st.sampled_from([*sorted(KEYS), "preferences", "namespace", "env", "value", "tlsMinVersion", "a b", "n\u00f6"])
PLAIN = st.from_regex(r"[A-Za-z0-9._/@:+=,~%-]{1,12}", fullmatch=True)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), PLAIN, st.text(max_size=12))


def documents(scalars: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Documents as the kubelet's files are shaped, with any of our keys anywhere; data are base64."""
    data = st.binary(max_size=12).map(lambda octets: base64.b64encode(octets).decode())

    def members(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        def filled(name: str) -> st.SearchStrategy[tuple[str, object]]:
            return st.tuples(st.just(name), data if name in DATA else values)

        return st.lists(NAMES.flatmap(filled), max_size=5).map(dict)

    return members(
        st.recursive(scalars, lambda values: st.one_of(members(values), st.lists(values, max_size=4)), max_leaves=12)
    )


@given(documents(SCALARS), st.sampled_from((2, 4)), st.booleans())
def test_the_tree_agrees_with_a_yaml_parser(document: object, indent: int, as_json: bool) -> None:
    """Whatever PyYAML writes in block style, and JSON, is read as PyYAML reads it, or said to be intricate."""
    if as_json:
        text = json.dumps(document, indent=indent)
    else:
        text = yaml.safe_dump(document, indent=indent, width=1 << 20, allow_unicode=True, default_flow_style=False)
    condition, ours = understood(text.encode())
    assert condition in (READ, INTRICATE) or is_empty(document)
    if condition is READ:
        assert is_same(ours, yaml.load(text, yaml.BaseLoader))


@given(documents(PLAIN))
def test_a_plain_block_document_is_read(document: object) -> None:
    """A document of plain text in block style is never too intricate, lists in lists aside."""
    text = yaml.safe_dump(document, width=1 << 20, default_flow_style=False)
    condition, _ = understood(text.encode())
    assert condition is READ or is_empty(document) or "- - " in text or "- []\n" in text or "- {}\n" in text


FRAGMENTS = (
    *("kind", "name", "user", "users", "x", "server", "token", ":", ": ", " ", "  ", "\n", "\n", "\n  ", "\n- ", "- "),
    *(
        "a",
        "true",
        "~",
        "'",
        '"',
        "#",
        " #",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "?",
        "---",
    ),
    *("\t", "\r\n", "\\", "-", "..."),
)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=24).map("".join))
@settings(max_examples=2000)
@example("a: b\n c: d")
def test_what_a_parser_takes_is_never_called_broken(text: str) -> None:
    """Nobody is accused: broken means that PyYAML refuses it, or finds no mapping; read means what PyYAML read."""
    condition, ours = understood(text.encode())
    try:
        theirs = yaml.load(text, yaml.BaseLoader)
    except yaml.YAMLError:
        return
    if condition is BROKEN:
        assert not isinstance(theirs, dict)
    if condition is READ:
        assert is_same(ours, theirs)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.lists(st.sampled_from(FRAGMENTS)).map(lambda parts: "".join(parts).encode()),
    )
)
def test_no_bytes_raise(text: bytes) -> None:
    """Any bytes give a condition and lines of the known form."""
    _, lines = lines_of(text)
    for line in lines:
        assert line.key in KEYS | {"*"}
        assert line.value in (EMPTY, HIDDEN) or line.key in VALUES


LINES = st.builds(
    Line,
    st.integers(0, 12),
    st.booleans(),
    st.sampled_from(("name", "user", "users", "*")),
    st.sampled_from((EMPTY, EMPTY, HIDDEN, "a")),
)


@given(st.lists(LINES, max_size=30))
def test_any_lines_give_a_tree_or_are_refused(lines: list[Line]) -> None:
    """A node may tell any lines: a tree of them, or ShapeError, and nothing else."""
    with contextlib.suppress(ShapeError):
        assert (tree(lines) is None) == (not lines)


@given(documents(SECRET), st.sampled_from((True, False, None)), st.booleans())
def test_a_secret_is_in_no_line(document: object, flow: bool | None, as_json: bool) -> None:
    """A canary below any key that is not to be shown appears in no line, in whatever style it stands."""

    def hidden(value: object) -> object:
        """The document with its shown keys' values gone: those may hold what they like."""
        if isinstance(value, dict):
            return {
                key: "a" if key in VALUES and isinstance(member, str) else hidden(member)
                for key, member in value.items()
            }
        return [hidden(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(hidden(document)) if as_json else yaml.safe_dump(hidden(document), default_flow_style=flow)
    assert CANARY not in repr(lines_of(text.encode(), lambda _key, _data: "#1"))
