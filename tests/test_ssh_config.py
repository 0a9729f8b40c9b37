"""OpenSSH's client configuration: read as ssh(1) reads it, refused where it asks for what we do not do."""

from __future__ import annotations

import functools
import os
import pwd
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_by
from hypothesis import strategies as st

from exporter.config.settings import IdentityFile
from exporter.config.ssh_config import options
from exporter.config.ssh_config.host_options import Given, HostOptions
from exporter.config.ssh_config.jump import JumpHost
from exporter.config.ssh_config.ssh_config import SshConfig
from exporter.errors import ConfigurationError

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


def dump(path: str, host: str, *flags: str) -> dict[str, list[str]] | None:
    """The output of ``ssh -G``; None where it refuses."""
    done = subprocess.run(["ssh", "-G", "-T", "-F", path, *flags, host], capture_output=True, check=False, timeout=20)
    if done.returncode:
        return None
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode().split("\n")[:-1]:
        word, _, value = line.partition(" ")
        found.setdefault(word, []).append(value)
    return found


@functools.cache
def defaults_of(host: str) -> dict[str, list[str]]:
    """What ssh(1) says of a host without a file."""
    said = dump("/dev/null", host)
    assert said is not None
    return said


def theirs(path: str, host: str, given: Given = Given()) -> Told | None:  # noqa: B008 - frozen
    """What ssh(1) says; None where it refuses."""
    flags = [*(["-l", given.user] if given.user else []), *(["-p", str(given.port)] if given.port else [])]
    said, defaults = dump(path, host, *flags), defaults_of(host)
    if said is None:
        return None

    def unless_default(word: str) -> list[str] | None:
        return None if said[word] == defaults[word] else said[word]

    keys = unless_default("identityfile")
    users, everybody = unless_default("userknownhostsfile"), unless_default("globalknownhostsfile")
    return Told(
        hostname=said["hostname"][0],
        port=said["port"][0],
        user=said["user"][0],
        identityfile=None if keys is None else tuple(key for key in keys if key.lower() != "none"),
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
    # ssh -G shows it as written; ssh(1) takes %% for % once it makes a ProxyCommand of it
    for word in text.replace("%%", "%").split(",") if text != "none" else ():
        found = re.fullmatch(r"(?:ssh://)?(?:(.*)@)?(?:\[([^]]*)\]|([^:]*))(?::(\d+))?", word)
        assert found, word
        user, bracketed, plain, port = found.groups()
        hosts.append(JumpHost(bracketed or plain, user, int(port) if port else None))
    return tuple(hosts)


def ours(found: HostOptions, host: str, given: Given = Given()) -> Told:  # noqa: B008 - frozen
    """What we say."""
    keys = found.identities
    timeout = found.connect_timeout
    return Told(
        hostname=found.hostname or host.lower(),
        port=str(given.port or found.port or 22),
        user=given.user or found.user or USER,
        identityfile=None if keys is None else tuple(key.file for key in keys),
        certificatefile=tuple(key.certificate_file for key in keys or () if key.certificate_file),
        identitiesonly="yes" if found.identities_only else "no",
        proxyjump=found.jump.hosts if found.jump else (),
        userknownhostsfile=files(found.user_known_hosts),
        globalknownhostsfile=files(found.global_known_hosts),
        hostkeyalias=found.host_key_alias or "",
        connecttimeout="none" if timeout is None else f"{timeout:.0f}",
        addressfamily=found.address_family or "any",
        bindaddress=found.bind_address or "",
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
    ("HostName 10.1", "a"),
    ("HostName 0xBeef", "a"),
    ("HostName beef.1", "a"),
    ("HostName 1.2.3.4.5", "a"),
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
    ("Port 0022", "a"),
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
    found = look_up(path, host)
    assert found.refusals == ()
    assert ours(found, host) == said


def tried_keys(path: str, host: str) -> list[str]:
    """The key files that ssh(1) would try, read off what it says before it connects: ssh -G leaves their tokens."""
    done = subprocess.run(
        ["ssh", "-v", "-F", path, "-o", "ProxyCommand=false", "-o", "BatchMode=yes", host],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    found = re.findall(r"^debug1: identity file (.*) type ", done.stderr.replace("\r", ""), re.MULTILINE)
    return [file for file in found if not file.endswith("-cert")]


@pytest.mark.parametrize(
    "key",
    [
        "~/.ssh/id",
        "~root/id",
        "~",
        "%d/.ssh/id_%h",
        "/k/%%/%i/%k/%L/%l/%n/%p/%r/%u",
        "${HOME}/id",
        "/k/${ODD}",
        "relative/id",
        "/k/~/$HOME/${ODD}",
    ],
)
def test_tokens_of_a_key(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file's tokens stand for what they do for ssh(1)."""
    monkeypatch.setenv("ODD", "odd %h")
    path = write(tmp_path / "ssh_config", f"IdentityFile {key}\nHostName B.example.org\nPort 2200\nUser ops\n")
    found = look_up(path, "a")
    assert found.refusals == ()
    assert [one.file for one in found.identities or ()] == tried_keys(path, "a")


@pytest.mark.parametrize("given", [Given(), Given(user="ops"), Given(port=2222), Given(user="adm", port=23)])
def test_what_is_given_wins(given: Given, tmp_path: Path) -> None:
    """A user and a port of our own count as those of ssh's command line, for Match and for tokens too."""
    text = "Match user ops\n HostName ops-host\nMatch all\nUser adm\nPort 29\nUserKnownHostsFile /k/%p/%r\n"
    path = write(tmp_path / "ssh_config", text)
    assert ours(look_up(path, "a", given), "a", given) == theirs(path, "a", given)


def test_what_is_given_is_not_refused(tmp_path: Path) -> None:
    """An option that our own configuration has settled asks for nothing any more."""
    text = "ProxyCommand nc %h %p\nStrictHostKeyChecking no\nCertificateFile /k/c\nHostKeyAlias z\n"
    given = Given("u", 1, "alias", identities=True, policy=True, way=True)
    assert look_up(write(tmp_path / "ssh_config", text), "a", given) == HostOptions()


def include(home: Path, *names: str) -> str:
    """A configuration that includes these, beside it files that include each other."""
    ssh = home / ".ssh"
    write(ssh / "one", "Port 1\nHost b\nUser in-one\n")
    write(ssh / "two", "Host a\nPort 2\n")
    write(ssh / "conf.d/10", "Host c\nPort 10\nMatch host a\nUser ten\n")
    write(ssh / "conf.d/20", "User twenty\nPort 20\n")
    write(ssh / "conf.d/.hidden", "Nonsense\n")
    write(ssh / "nested", f"Include one {home}/.ssh/two\nHost a\n  Include conf.d/1?\nHost *\n")
    return write(home / "ssh_config", "\n".join(names))


@pytest.mark.parametrize("host", ["a", "b", "c"])
@pytest.mark.parametrize(
    "text",
    [
        "Include one",
        "Include two one",
        "Include conf.d/*",
        "Include ~/.ssh/conf.d/[12]0",
        "Include nested\nPort 99",
        "Include none-there\nInclude none-there/*\nPort 99",
        "Host a\n  Include one\n  Port 98\nHost *\nPort 99",
        "Host b\nInclude two\nUser b\nMatch originalhost a,c\nInclude conf.d/*\nPort 97",
        "Include two\nPort 96",
        'Include "one" two # three',
    ],
)
def test_files_are_included(text: str, host: str, home: Path) -> None:
    """Patterns, relative ones in ~/.ssh, in blocks and nested: as ssh -F does."""
    path = include(home, text)
    assert ours(look_up(path, host), host) == theirs(path, host)


def mistakes(path: str) -> list[str]:
    """What is wrong with a file, each with its place; the folder left out."""
    with pytest.raises(ConfigurationError) as caught:
        SshConfig.read(path)
    return [str(mistake).replace(os.path.dirname(path) + "/", "") for mistake in caught.value.mistakes]


WRONG = [
    ("Nonsense yes", "Nonsense: ssh_config has no such option, and no IgnoreUnknown names it for every host"),
    ("Port", "Port: no argument"),
    ("Port #", "Port: no argument"),
    ('Port ""', "Port: no argument"),
    ("Port 22 23", "Port: more than one argument"),
    ("Port 0", "Port: '0' is not a port from 1 to 65535"),
    ("Port 65536", "Port: '65536' is not a port from 1 to 65535"),
    ("Port 0000229999", "Port: '0000229999' is not a port from 1 to 65535"),
    ("Port ==22", "Port: '=22' is not a port from 1 to 65535"),
    ('User "a', "a quote that is not closed"),
    ("User 'a\"", "a quote that is not closed"),
    ("IdentitiesOnly maybe", "IdentitiesOnly: neither yes nor no"),
    ("ConnectTimeout soon", "ConnectTimeout: not a time such as 90, 30s or 1m30s"),
    ("ConnectTimeout 9999999w", "ConnectTimeout: too long a time"),
    ("AddressFamily ipv4", "AddressFamily: not one of any, inet, inet6"),
    ("UserKnownHostsFile /k none", 'UserKnownHostsFile: "none" stands alone'),
    ('GlobalKnownHostsFile ""', "GlobalKnownHostsFile: an empty argument"),
    ("ProxyJump u@", "ProxyJump: 'u@' is not a host to jump through"),
    ("ProxyJump a,", "ProxyJump: '' is not a host to jump through"),
    ("ProxyJump a:0", "ProxyJump: '0' is not a port"),
    ("ProxyJump [::1", "ProxyJump: a bracket that is not closed"),
    ("ProxyJump ssh://a/path", "ProxyJump: 'ssh://a/path' is not a host to jump through"),
    ('Host a ""', "Host: an empty argument"),
    ("Match #", "Match: no criterion"),
    ("Match host", "Match: no argument for 'host'"),
    ("Match nobody a", "Match: unknown criterion 'nobody'"),
    ("Match all host a", "Match: 'all' stands alone"),
    ("Match host a user b all", "Match: 'all' stands alone"),
    ('Include ""', "Include: an empty argument"),
    ("Host b\nPort x", "Port: 'x' is not a port from 1 to 65535"),
    ("Host b\nIgnoreUnknown Odd\nOdd yes", "Odd: ssh_config has no such option"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_mistake_is_told_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    """What ssh(1) cannot read is no configuration, whoever it is for."""
    path = write(tmp_path / "ssh_config", f"# a comment\nPort 22\n{text}\n")
    (told,) = mistakes(path)
    assert told.startswith(f"ssh_config:{text.count(chr(10)) + 3}: {message}")
    assert dump(path, "a") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Host b\nIgnoreUnknown Odd\nHost *\nIgnoreUnknown Other\nOdd yes", "ssh_config:5: Odd: "),
        ('ProxyJump "a"', "ssh_config:1: ProxyJump: '\"a\"' is not a host"),
        ("ProxyJump a;b", "ssh_config:1: ProxyJump: 'a;b' is not a host"),
        ("ProxyJump none # a comment", "ssh_config:1: ProxyJump: 'none' is not a host"),
        ("ProxyJump -oProxyCommand=x@a", "ssh_config:1: ProxyJump: '-oProxyCommand=x@a' is not a host"),
        ("ProxyJump ssh://a%20b@c", "ssh_config:1: ProxyJump: 'ssh://a%20b@c': what ssh:// encodes"),
        ("Host #", "ssh_config:1: Host: no pattern"),
        ("Port ssh", "ssh_config:1: Port: 'ssh' is not a port"),
        ('"Port" 22', "ssh_config:1: does not begin with a keyword"),
        ("Port 22\0", "ssh_config:1: a NUL byte"),
    ],
)
def test_what_ssh_would_take(text: str, message: str, tmp_path: Path) -> None:
    """A few oddities that ssh(1) puts up with are mistakes here, and told."""
    (told,) = mistakes(write(tmp_path / "ssh_config", text))
    assert told.startswith(message)


def test_every_mistake_is_told(home: Path) -> None:
    """Those of included files too, each once, though two lines include the file."""
    write(home / ".ssh/more", "Odd yes\n")
    path = write(home / "ssh_config", "Include more\nPort x\nHost a\nInclude more\nUser\n")
    assert [told.partition(": ")[0] for told in mistakes(path)] == [".ssh/more:1", "ssh_config:2", "ssh_config:5"]


def test_files_that_cannot_be_read(home: Path) -> None:
    """The file itself, one that is no file, one that others may write, one that is not UTF-8."""
    assert mistakes(str(home / "ssh_config")) == ["ssh_config: cannot be read: No such file or directory"]
    (home / ".ssh/folder").mkdir()
    (home / ".ssh/loose").write_text("Port 1\n")
    (home / ".ssh/loose").chmod(0o666)
    (home / ".ssh/latin").write_bytes(b"# K\xf6ln\n")
    (home / ".ssh/latin").chmod(0o644)
    assert mistakes(write(home / "ssh_config", "Include folder loose latin\n")) == [
        ".ssh/folder: not a regular file",
        ".ssh/loose: included, yet another than root or we may write it",
        ".ssh/latin: not UTF-8",
    ]


def test_files_that_include_themselves(home: Path) -> None:
    """A circle ends at OpenSSH's depth; a bush of files ends as well."""
    write(home / ".ssh/self", "Include self\n")
    path = write(home / "ssh_config", "Include self\n")
    assert mistakes(path) == [".ssh/self:1: Include: nested more than 16 deep; does a file include itself?"]
    assert dump(path, "a") is None
    write(home / ".ssh/self", "Include self self self\n")
    assert ".ssh/self:1: Include: more than 1000 files" in mistakes(path)


def test_as_deep_as_ssh_goes(home: Path) -> None:
    """Sixteen files within each other are read."""
    for depth in range(1, 17):
        write(home / f".ssh/{depth}", f"Include {depth + 1}\n")
    write(home / ".ssh/16", "Port 2216\n")
    path = write(home / "ssh_config", "Include 1\n")
    assert ours(look_up(path, "a"), "a") == theirs(path, "a")


REFUSED = [
    "ProxyCommand nc %h %p",
    "BindInterface eth0",
    "CanonicalizeHostname yes",
    "CanonicalizePermittedCNAMEs *:*",
    "StrictHostKeyChecking no",
    "StrictHostKeyChecking accept-new",
    "StrictHostKeyChecking off",
    "CheckHostIP yes",
    "VerifyHostKeyDNS ask",
    "NoHostAuthenticationForLocalhost yes",
    "KnownHostsCommand /bin/keys",
    "RevokedHostKeys /k/revoked",
    "HostKeyAlgorithms +ssh-rsa",
    "CASignatureAlgorithms ssh-ed25519",
    "RequiredRSASize 3072",
    "Ciphers aes256-ctr",
    "MACs hmac-sha2-512",
    "KexAlgorithms curve25519-sha256",
    "PubkeyAuthentication no",
    "PubkeyAcceptedKeyTypes ssh-ed25519",
    "PreferredAuthentications password,keyboard-interactive",
    "PKCS11Provider /lib/p11.so",
    "SecurityKeyProvider /lib/sk.so",
    "IdentityAgent /run/agent",
    "RemoteCommand /bin/true",
    "RequestTTY force",
    "SessionType none",
    "StdinNull yes",
    "ForkAfterAuthentication yes",
    "PermitLocalCommand yes",
    "HostName %n",
    "HostName 100%",
    "User %u",
    "User ${USER}",
    "IdentityFile /k/%C",
    "IdentityFile ~nobody-of-this-name/k",
    "UserKnownHostsFile ${NOT_THERE_AT_ALL}/k",
    "CertificateFile /k/c",
    "ProxyJump %C",
    "Include conf-%h",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_we_do_not_do_is_refused(text: str, tmp_path: Path) -> None:
    """Where it counts for a host, with its line; elsewhere it does not matter, nor where an earlier value counts."""
    path = write(tmp_path / "ssh_config", f"Host a\n  {text}\nHost b\n  Port 2222\n")
    assert look_up(path, "b") == HostOptions(port=2222)
    (refusal,) = look_up(path, "a").refusals
    assert refusal.place == f"{path}:2"
    assert refusal.problem.startswith(f"{text.partition(' ')[0]}: ")


@pytest.mark.parametrize(
    "text",
    [
        "ProxyCommand none",
        "StrictHostKeyChecking ask",
        "CheckHostIP no",
        "RevokedHostKeys none",
        "PreferredAuthentications gssapi-with-mic,publickey",
        "PubkeyAuthentication host-bound",
        "RequestTTY auto",
        "IdentityAgent SSH_AUTH_SOCK",
        "SessionType default",
        "PermitLocalCommand no",
        "Tag web",
        "CompressionLevel 6",
        "KeepAlive yes",
    ],
)
def test_values_that_ask_for_nothing(text: str, tmp_path: Path) -> None:
    """What ssh does anyway, or what has no bearing on a visit, is no difference; the first value counts."""
    path = write(tmp_path / "ssh_config", f"{text}\n")
    assert look_up(path, "a") == HostOptions()


def test_the_first_value_counts_for_what_is_refused(tmp_path: Path) -> None:
    """``no`` after ``yes`` is never asked for."""
    text = "StrictHostKeyChecking yes\nProxyJump b\nStrictHostKeyChecking no\nProxyCommand nc %h %p\n"
    assert look_up(write(tmp_path / "ssh_config", text), "a").refusals == ()


@pytest.mark.parametrize(
    ("criteria", "refused"),
    [
        ("exec true", "exec"),
        ("host a exec true", "exec"),
        ("exec true host a", "exec"),
        ("exec true host b", ""),
        ("!exec true", "exec"),
        ("localuser root", "localuser"),
        ("localnetwork 10.0.0.0/8", "localnetwork"),
        ("tagged web", "tagged"),
        ("final all", "final"),
        ("final host b", "final"),
        ("host b final", "final"),
        ("!final", "final"),
        ("canonical", ""),
        ("host b canonical", ""),
    ],
)
def test_match_criteria_that_cannot_be_told(criteria: str, refused: str, tmp_path: Path) -> None:
    """A block that may count is refused where it begins, its options do not count; ``final`` reads all files twice."""
    path = write(tmp_path / "ssh_config", f"User first\nMatch {criteria}\nPort 2222\nMatch all\nPort 23\n")
    found = look_up(path, "a")
    assert (found.user, found.port) == ("first", 23)
    problems = [(refusal.place, refusal.problem) for refusal in found.refusals]
    assert problems == ([(f"{path}:2", f"Match: '{refused}' cannot be told here")] if refused else [])


def test_an_agent_is_switched_off(tmp_path: Path) -> None:
    """``IdentityAgent none`` keeps the agent out of it."""
    assert look_up(write(tmp_path / "ssh_config", "IdentityAgent none\n"), "a").agent is False


def test_certificates_find_their_keys(tmp_path: Path) -> None:
    """One key and one certificate belong together; of several, the names must tell."""
    path = write(
        tmp_path / "ssh_config",
        "Host a\n IdentityFile /k/a\n CertificateFile /k/x\n"
        "Host b\n IdentityFile /k/b\n IdentityFile /k/c\n CertificateFile /k/c-cert.pub\n"
        "Host c\n IdentityFile /k/b\n IdentityFile /k/c\n CertificateFile /k/x\n",
    )
    assert look_up(path, "a").identities == (IdentityFile("/k/a", "/k/x"),)
    assert look_up(path, "b").identities == (IdentityFile("/k/b"), IdentityFile("/k/c", "/k/c-cert.pub"))
    (refusal,) = look_up(path, "c").refusals
    assert refusal.place == f"{path}:11"


def test_every_option_of_ssh_is_known() -> None:
    """Every word that ``ssh -G`` knows of, and Debian's own."""
    assert [word for word in defaults_of("a") if not options.is_known(options.name(word))] == []


def test_a_file_with_a_block_for_each_node(tmp_path: Path) -> None:
    """Five thousand hosts are looked up in a file of five thousand blocks without looking at each of them."""
    text = "".join(f"Host n{number}\n  Port {number + 1}\n" for number in range(5000))
    config = SshConfig.read(write(tmp_path / "ssh_config", f"{text}Host n*\n  User ops\n"))
    found = [config.host(f"n{number}") for number in range(5000)]
    assert [(one.port, one.user) for one in found] == [(number + 1, "ops") for number in range(5000)]
    assert len(config.file.blocks("n7")) == 3


DEBIAN = """
Include /etc/ssh/ssh_config.d/*.conf

Host *
#   ForwardAgent no
#   StrictHostKeyChecking ask
#   ProxyCommand ssh -q -W %h:%p gateway.example.com
    SendEnv LANG LC_*
    HashKnownHosts yes
    GSSAPIAuthentication yes
"""


def test_debian_s_default_file_asks_for_nothing(tmp_path: Path) -> None:
    """It has options, none of which has a bearing on a visit."""
    text = DEBIAN.replace("/etc/ssh/", f"{tmp_path}/")
    write(tmp_path / "ssh_config.d/site.conf", "Host *.prod\n  User ops\n")
    path = write(tmp_path / "ssh_config", text)
    assert look_up(path, "a") == HostOptions()
    assert look_up(path, "a.prod") == HostOptions(user="ops")


WORDS = st.sampled_from(["a", "b", "ab", "a.b", "B"])
PATTERNS = st.one_of(WORDS, st.sampled_from(["*", "?", "a*", "*b", "!a", "!*b", "a?b", "!?"]))
NAMED_FILES = st.sampled_from(["/k/1", "/k/2", "~/3", "/k/%n", "/k/%h-%p", "/%r/%k", "none"])
SAID: dict[str, st.SearchStrategy[str]] = {
    "HostName": st.sampled_from(["b", "%h.b", "A", "10.0.0.1", "a%%b", "::1"]),
    "Port": st.sampled_from(["1", "22", "65535"]),
    "User": st.sampled_from(["a", "ab", "B"]),
    "IdentityFile": st.sampled_from(["/k/1", "/k/2", "/k/3", "none"]),
    "IdentitiesOnly": st.sampled_from(["yes", "no", "True"]),
    "ProxyJump": st.sampled_from(["j", "u@k:2", "j,k", "ssh://u@j:3", "[::1]:4,c", "none"]),  # never a circle
    "ProxyCommand": st.just("none"),
    "UserKnownHostsFile": st.one_of(NAMED_FILES, st.just('"/k/a b" /k/c')),
    "GlobalKnownHostsFile": st.sampled_from(["/k/g", "/k/g /k/h", "none"]),
    "HostKeyAlias": WORDS,
    "ConnectTimeout": st.sampled_from(["none", "5", "1m", "0", "1h1"]),
    "AddressFamily": st.sampled_from(["any", "inet", "INET6"]),
    "BindAddress": st.just("192.0.2.1"),
    "Compression": st.just("yes"),
    "Include": st.sampled_from(["one", "two", "one two", "t*", "none-there", "three"]),
}
OPTIONS = st.sampled_from(sorted(SAID)).flatmap(lambda option: st.tuples(st.just(option), SAID[option]))
HOSTS = st.tuples(st.just("Host"), st.lists(PATTERNS, min_size=1, max_size=3).map(" ".join))
CRITERIA = st.one_of(
    st.just("all"),
    st.just("!all"),
    st.lists(
        st.tuples(
            st.sampled_from(["host", "!host", "originalhost", "!originalhost", "user", "!user"]),
            st.lists(PATTERNS, min_size=1, max_size=2).map(",".join),
        ).map(" ".join),
        min_size=1,
        max_size=2,
    ).map(" ".join),
)
MATCHES = st.tuples(st.just("Match"), CRITERIA)
SEPARATORS = st.sampled_from([" ", "=", " = ", "\t", "  "])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """One line, as somebody might write it."""
    option, value = draw(st.one_of(OPTIONS, OPTIONS, OPTIONS, HOSTS, MATCHES))
    option = draw(st.sampled_from([option, option.lower(), option.upper()]))
    # after a comment, ssh(1) takes "none" for a host to jump through
    ends = st.sampled_from(["", " ", "\r", *([] if value == "none" else [" # a"])])
    return draw(st.sampled_from(["", "  ", "\t"])) + option + draw(SEPARATORS) + value + draw(ends)


FILES = st.lists(lines(), max_size=12).map("\n".join)
# without Include, which might lead back
INCLUDED = FILES.map(lambda text: "\n".join(line for line in text.split("\n") if "nclude" not in line.lower()))


def compare(text: str, included: tuple[str, ...], host: str, given: Given) -> None:
    """One file, and those that it includes, as we read them and as ssh does."""
    ssh = Path(os.environ["HOME"], ".ssh")
    for name, content in zip(("one", "two", "three"), included, strict=True):
        write(ssh / name, content)
    path = write(ssh / "config", text)
    said = theirs(path, host, given)
    if said is None:
        with pytest.raises(ConfigurationError):
            SshConfig.read(path)
        return
    found = look_up(path, host, given)
    assert found.refusals == ()
    assert ours(found, host, given) == said


HOW = {
    "text": FILES,
    "included": st.tuples(INCLUDED, INCLUDED, INCLUDED),
    "host": st.sampled_from(["a", "b", "ab", "a.b", "aB"]),
    "given": st.sampled_from([Given(), Given(), Given(user="a"), Given(port=7)]),
}
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given_by(**HOW)
@FEW
def test_any_file_is_read_as_ssh_reads_it(text: str, included: tuple[str, ...], host: str, given: Given) -> None:
    """Whatever is written, each option comes out as for ssh(1)."""
    compare(text, included, host, given)


@pytest.mark.long
@given_by(**HOW)
@settings(FEW, max_examples=5000)
def test_very_many_files_are_read_as_ssh_reads_them(
    text: str, included: tuple[str, ...], host: str, given: Given
) -> None:
    """The same for long."""
    compare(text, included, host, given)


GARBAGE = st.text(alphabet="Port HsMtachuser*!=#'\"\\%,@:[]12ab\n\t\r\f-.", max_size=40)

# values of the first are not looked at, tokens of the second not expanded by ssh -G
LOOKED_AT = st.sampled_from(sorted({*SAID, "Host", "Match"} - {"Compression", "IdentityFile"}))


def compare_garbage(text: str) -> None:
    """What we take, ssh takes in the same way; what it refuses, we do."""
    path = write(Path(os.environ["HOME"], "config"), text)
    try:
        found = look_up(path, "a")
    except ConfigurationError:
        return
    if not found.refusals:
        said = theirs(path, "a")
        assert said is not None
        # ssh(1) takes all with a colon for an address, and leaves its case
        assert ours(found, "a") == replace(said, hostname=said.hostname.lower())


@given_by(text=GARBAGE, option=LOOKED_AT)
@FEW
def test_nothing_odd_is_taken_for_something_else(text: str, option: str) -> None:
    """An option with garbage behind it is read as ssh(1) reads it, or not at all."""
    compare_garbage(f"{option} {text}\nPort 3")


@pytest.mark.long
@given_by(text=GARBAGE, option=LOOKED_AT)
@settings(FEW, max_examples=5000)
def test_nothing_odd_for_long(text: str, option: str) -> None:
    """The same for long."""
    compare_garbage(f"{option} {text}\nPort 3")


def test_the_page_names_what_is_used_and_what_is_refused() -> None:
    """docs/ssh.md has a row for each option that is used and each that is refused, and for no other."""
    page = (Path(__file__).parent.parent / "docs/ssh.md").read_text()
    cells = re.findall(r"^\| (`[A-Z].*?) \|", page, re.MULTILINE)
    named = [word for cell in cells for word in re.findall(r"`(\w+)`", cell)]
    assert sorted(map(options.name, named)) == sorted(options.WITH_BEARING)
