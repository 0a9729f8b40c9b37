"""OpenSSH's client configuration: read as ssh(1) reads it, refused where it asks for what we do not do."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.config.ssh_config.host_options import Given, HostOptions
from exporter.config.ssh_config.jump import JumpHost
from exporter.config.ssh_config.ssh_config import SshConfig

USER = pwd.getpwuid(os.getuid()).pw_name


@dataclass(frozen=True, slots=True)
class Told:
    """What ssh(1) or we say of a host, in the words of ``ssh -G``."""

    hostname: str
    port: str
    user: str
    identityfile: tuple[str, ...] | None
    certificatefile: tuple[str, ...]
    identitiesonly: str
    proxyjump: tuple[JumpHost, ...]
    userknownhostsfile: str | None
    globalknownhostsfile: str | None
    hostkeyalias: str
    connecttimeout: str
    addressfamily: str
    bindaddress: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, where relative includes are looked for."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def write(path: Path, text: str) -> str:
    """A file that nobody else may write, whatever the umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


def dump(path: str, host: str, given: Given = Given()) -> dict[str, list[str]] | None:  # noqa: B008 - frozen
    """The output of ``ssh -G``; None where it refuses."""
    options = [*(["-l", given.user] if given.user else []), *(["-p", str(given.port)] if given.port else [])]
    done = subprocess.run(
        ["ssh", "-G", "-T", "-F", path, *options, host], capture_output=True, text=True, check=False, timeout=20
    )
    if done.returncode:
        return None
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        word, _, value = line.partition(" ")
        found.setdefault(word, []).append(value)
    return found


def theirs(path: str, host: str, given: Given = Given()) -> Told | None:  # noqa: B008 - frozen
    """What ssh(1) says; None where it refuses."""
    said, defaults = dump(path, host, given), dump("/dev/null", host)
    if said is None:
        return None
    assert defaults is not None

    def unless_default(word: str) -> list[str] | None:
        return None if said[word] == defaults[word] else said[word]

    keys = unless_default("identityfile")
    users, everybody = unless_default("userknownhostsfile"), unless_default("globalknownhostsfile")
    return Told(
        hostname=said["hostname"][0],
        port=said["port"][0],
        user=said["user"][0],
        identityfile=None if keys is None else tuple(key for key in keys if key != "none"),
        certificatefile=tuple(said.get("certificatefile", [])),
        identitiesonly=said["identitiesonly"][0],
        proxyjump=jump_hosts(said.get("proxyjump", ["none"])[0]),
        userknownhostsfile=users[0] if users else None,
        globalknownhostsfile=everybody[0] if everybody else None,
        hostkeyalias=said.get("hostkeyalias", [""])[0],
        connecttimeout=said["connecttimeout"][0],
        addressfamily=said["addressfamily"][0],
        bindaddress=said.get("bindaddress", [""])[0],
    )


def jump_hosts(text: str) -> tuple[JumpHost, ...]:
    """The hosts of ssh -G's proxyjump."""
    hosts = []
    for word in text.split(",") if text != "none" else ():
        found = re.fullmatch(r"(?:ssh://)?(?:(.*)@)?(?:\[([^]]*)\]|([^:]*))(?::(\d+))?", word)
        assert found, word
        user, bracketed, plain, port = found.groups()
        hosts.append(JumpHost(bracketed or plain, user, int(port) if port else None))
    return tuple(hosts)


def ours(options: HostOptions, host: str, given: Given = Given()) -> Told:  # noqa: B008 - frozen
    """What we say."""
    keys = options.identities
    timeout = options.connect_timeout
    return Told(
        hostname=options.hostname or host.lower(),
        port=str(given.port or options.port or 22),
        user=given.user or options.user or USER,
        identityfile=None if keys is None else tuple(key.file for key in keys),
        certificatefile=tuple(key.certificate_file for key in keys or () if key.certificate_file),
        identitiesonly="yes" if options.identities_only else "no",
        proxyjump=options.jump.hosts if options.jump else (),
        userknownhostsfile=files(options.user_known_hosts),
        globalknownhostsfile=files(options.global_known_hosts),
        hostkeyalias=options.host_key_alias or "",
        connecttimeout="none" if timeout is None else f"{timeout:.0f}",
        addressfamily=options.address_family or "any",
        bindaddress=options.bind_address or "",
    )


def files(found: tuple[str, ...] | None) -> str | None:
    """known_hosts files in one line."""
    return found if found is None else " ".join(found) or "none"


def look_up(path: str, host: str, given: Given = Given()) -> HostOptions:  # noqa: B008 - frozen
    """What we say, and what we refuse."""
    return SshConfig.read(path).host(host, given, default_user=USER)


COMMON = """
Host first second
  HostName 10.0.0.1
  Port 2201
Host *.example.org !no.example.org
  HostName %h.
  User ops
Host * !*.example.org
  User fallback
  Port 2299
"""

TABLE: list[tuple[str, str]] = [
    ("", "a"),
    ("# nothing\n\n   \t\n", "a"),
    ("HostName b", "a"),
    ("HostName B.Example.ORG", "a"),
    ("HostName %h.example.org", "a"),
    ("HostName %h-%%-%h", "a"),
    ("HostName 192.0.2.1", "a"),
    ("HostName 2001:DB8:0::1", "a"),
    ("hostname=b\nPORT = 22\nuSeR\troot2", "a"),
    ("HostName = b", "a"),
    ('HostName "b"', "a"),
    ("HostName 'b'", "a"),
    ("HostName b # with a comment", "a"),
    ("HostName b#c", "a"),
    ("   \t HostName \t b  \t ", "a"),
    ("HostName b\r\nPort 2200\r\n", "a"),
    ("HostName b\f", "a"),
    ("Port 2222", "a"),
    ("Port=2222\nPort 23", "a"),
    ("Port 65535", "a"),
    ("User ops", "a"),
    ('User "a b"', "a"),
    (r"User a\ b", "a"),
    (r'User "a\"b"', "a"),
    (r"User a\\b", "a"),
    (r"User a\b", "a"),
    ("User first\nUser second", "a"),
    ("IdentityFile /k/one", "a"),
    ("IdentityFile /k/one\nIdentityFile /k/two\nIdentityFile /k/one", "a"),
    ("Host a\nIdentityFile /k/one\nHost *\nIdentityFile /k/two", "a"),
    ("Host a\nIdentityFile /k/one\nHost *\nIdentityFile /k/two", "b"),
    ("IdentityFile none", "a"),
    ("IdentityFile none\nIdentityFile /k/one", "a"),
    ("IdentityFile /k/one\nCertificateFile /k/c", "a"),
    ("IdentityFile /k/one\nIdentityFile /k/two\nCertificateFile /k/two-cert.pub", "a"),
    ("IdentityFile2 /k/one", "a"),
    ("IdentitiesOnly yes", "a"),
    ("IdentitiesOnly TRUE", "a"),
    ("IdentitiesOnly no\nIdentitiesOnly yes", "a"),
    ("ProxyJump b", "a"),
    ("ProxyJump u@b:2222", "a"),
    ("ProxyJump u@b:2222,c,v@d:23", "a"),
    ("ProxyJump ssh://u@b:2222", "a"),
    ("ProxyJump ssh://b/", "a"),
    ("ProxyJump ssh://x@b:1,c", "a"),
    ("ProxyJump [2001:db8::1]:2222", "a"),
    ("ProxyJump u@[2001:db8::1],10.0.0.1:23", "a"),
    ("ProxyJump b:", "a"),
    ("ProxyJump u@v@b", "a"),
    ("ProxyJump none", "a"),
    ("ProxyJump NONE\nProxyJump b", "a"),
    ("ProxyJump b # the way in", "a"),
    ("ProxyJump=b", "a"),
    ("Host a\nProxyJump none\nHost *\nProxyJump b", "a"),
    ("Host a\nProxyJump none\nHost *\nProxyJump b", "c"),
    ("ProxyCommand none\nProxyJump b", "a"),
    ("ProxyJump b\nProxyCommand nc %h %p", "a"),
    ("UserKnownHostsFile /k/h", "a"),
    ('UserKnownHostsFile /k/h "/k/i j" /k/l', "a"),
    ("UserKnownHostsFile none", "a"),
    ("UserKnownHostsFile /dev/null", "a"),
    ("UserKnownHostsFile ~/h ~root/i ~/../j", "a"),
    ("HostName Z\nHostKeyAlias K\nUserKnownHostsFile /%%/%d/%h/%i/%k/%L/%l/%n/%p/%r/%u", "A"),
    ("UserKnownHostsFile /%k/%p", "Abc"),
    ("UserKnownHostsFile ${HOME}/h", "a"),
    ("UserKnownHostsFile ${ODD}/h", "a"),
    ("UserKnownHostsFile /k/first\nUserKnownHostsFile /k/second", "a"),
    ("GlobalKnownHostsFile /k/g /k/h", "a"),
    ("GlobalKnownHostsFile none", "a"),
    ("HostKeyAlias Alias", "a"),
    ("ConnectTimeout 7", "a"),
    ("ConnectTimeout 1m30s", "a"),
    ("ConnectTimeout 1H2M3", "a"),
    ("ConnectTimeout 1w", "a"),
    ("ConnectTimeout none\nConnectTimeout 5", "a"),
    ("ConnectTimeout 5\nConnectTimeout none", "a"),
    ("AddressFamily inet", "a"),
    ("AddressFamily INET6", "a"),
    ("AddressFamily any\nAddressFamily inet", "a"),
    ("BindAddress 192.0.2.9", "a"),
    *[(COMMON, host) for host in ("first", "second", "third", "x.example.org", "no.example.org", "FIRST")],
    ("Host a?\nPort 1\nHost a*\nPort 2", "ab"),
    ("Host a?\nPort 1\nHost a*\nPort 2", "abc"),
    ("Host a*b*c\nPort 1", "aXbXXc"),
    ("Host [a]\nPort 1", "a"),
    ("Host a,b\nPort 1", "a"),
    ("Host !a\nPort 1\nHost b\nPort 2", "b"),
    ("Host !a *\nPort 1", "a"),
    ("Host \"a\" 'b'\nPort 1", "b"),
    ("Host = a\nPort 1", "a"),
    ("Host a # b\nPort 1", "b"),
    ("Host a\nPort 1\nMatch all\nPort 2\nUser u", "a"),
    ("Match all\nPort 2", "a"),
    ("Match !all\nPort 2", "a"),
    ("Match host a all\nPort 2", "b"),
    ("Match host a\nPort 2", "a"),
    ("Match host A*,!ab\nPort 2", "aC"),
    ("Match host A*,!ab\nPort 2", "ab"),
    ("Match !host a\nPort 2", "a"),
    ("Match !host a\nPort 2", "b"),
    ("HostName b\nMatch host b\nPort 2\nMatch originalhost a\nUser u", "a"),
    ("HostName %h.x\nMatch host *.X\nPort 2", "a"),
    ("Match host b\nPort 2\nMatch all\nHostName b\nMatch host b\nUser u", "a"),
    ("Match originalhost b\nPort 2", "a"),
    ("User ops\nMatch user ops\nPort 2", "a"),
    ("User ops\nMatch user Ops\nPort 2", "a"),
    ("User ops\nMatch !user ops\nPort 2", "a"),
    ("Match user *\nPort 2", "a"),
    ("User ops\nMatch host a user ops,root originalhost *\nPort 2", "a"),
    ("Match host=a\nPort 2", "a"),
    ('Match host "a" # as it is\nPort 2', "a"),
    ("Match canonical\nPort 2", "a"),
    ("Match !canonical\nPort 2", "a"),
    ("Match host b exec false\nPort 2", "a"),
    ("IgnoreUnknown Foo*,bar\nFoo 1\nFooBar 2\nBAR x\nPort 2", "a"),
    ("Host *\nIgnoreUnknown Foo\nHost b\nFoo yes\nHost *\nPort 2", "a"),
    ("Compression yes\nForwardAgent yes\nSendEnv LANG LC_*\nLogLevel ERROR\nServerAliveInterval 5\nPort 2", "a"),
    ("Host *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n", "a"),
    ("StrictHostKeyChecking yes\nCheckHostIP no\nRequestTTY no\nPort 2", "a"),
    ("Host b\nProxyCommand nc %h %p\nStrictHostKeyChecking no\nHost *\nPort 2", "a"),
]


@pytest.mark.parametrize(("text", "host"), TABLE)
def test_a_host_is_what_ssh_says(text: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a table of files, the host is reached as ``ssh -G`` would."""
    monkeypatch.setenv("ODD", "/a b/%h")
    path = write(tmp_path / "ssh_config", text)
    said = theirs(path, host)
    options = look_up(path, host)
    assert options.refusals == ()
    assert ours(options, host) == said
