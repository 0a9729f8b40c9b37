"""How a node lets the exporter in: its line in authorized_keys, in sudoers, and the installed node script.

Three shapes. ``login``: a key and nothing else. ``sudo``: an ordinary user who may run the script as root, and nothing
else. ``forced_command``: a key that runs the script whatever is asked for; for an ordinary user by way of sudo.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass

from exporter.collect.script import checksum
from exporter.config.settings import Privilege

ROOT = "root"
SUDOERS = "/etc/sudoers.d/kubelet-cert-exporter"
COMMENT = "kubelet-cert-exporter"
_SOURCES = re.compile(r"[A-Za-z0-9.:*?/!,_-]+")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_END = "END_OF_THE_NODE_SCRIPT"


@dataclass(frozen=True, slots=True)
class Installation:
    """One node's. ``key`` is a public key, or the CA's that signs the exporter's (``of_authority``).

    ``sources`` is a pattern list as sshd(8) has it for ``from=``; empty: the key is good from everywhere.
    """

    script: str
    path: str
    user: str
    privilege: Privilege
    key: str
    of_authority: bool = False
    sources: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError where a line could not be written safely."""
        if not _USER.fullmatch(self.user):
            raise ValueError(f"{self.user!r} is no name that sudoers and a shell read as it is")
        if self.sources and not _SOURCES.fullmatch(self.sources):
            raise ValueError("--from is not a list of addresses, networks or patterns as sshd(8) has them for from=")

    @property
    def checksum(self) -> str:
        """As sha256sum(1) prints it; the audit and the node's answer have the same."""
        return checksum(self.script)

    @property
    def authorized_keys(self) -> str:
        """The key's line for ``~USER/.ssh/authorized_keys``."""
        options = [f'cert-authority,principals="{self.user}"'] if self.of_authority else []
        if self.privilege is Privilege.FORCED_COMMAND:
            options.append(f'command="{sudo(self.path) if self.needs_sudo else self.path}"')
        options.append("restrict")
        if self.sources:
            options.append(f'from="{self.sources}"')
        return f"{','.join(options)} {self.key} {COMMENT}"

    @property
    def _blob(self) -> str:
        return self.key.split()[1]

    @property
    def needs_sudo(self) -> bool:
        return self.privilege is not Privilege.LOGIN and self.user != ROOT

    @property
    def sudoers(self) -> str:
        """The one line: this path, as root, without a password and without any argument. Empty where none is needed."""
        return f'{self.user} ALL=(root) NOPASSWD: {self.path} ""' if self.needs_sudo else ""

    @property
    def commands(self) -> str:
        """A shell script for root that does it all; it may run again."""
        user, path = self.user, self.path
        steps = [
            "#!/bin/sh",
            f"# Lets kubelet-cert-exporter in as {self.user}. Run it as root; it may run again.",
            "set -eu",
        ]
        if self.user != ROOT:
            steps.append(
                f"id -u {user} >/dev/null 2>&1 ||\n"
                f"    useradd --system --create-home --shell /bin/sh --password '*' {user}"
            )
        if self.privilege is not Privilege.LOGIN:
            steps += [
                _TRUSTWORTHY.format(folder=posixpath.dirname(path)),
                f"cat >{path}.new <<'{_END}'\n{self.script}{_END}",
                f"echo '{self.checksum}  {path}.new' | sha256sum -c - >/dev/null",
                f"chown root:root {path}.new",
                f"chmod 0755 {path}.new",
                f"mv {path}.new {path}",
            ]
        if self.needs_sudo:
            line = shlex.quote(self.sudoers)
            steps += [
                f"printf '%s\\n' {line} >{SUDOERS}.new",  # sudo reads no name with a dot
                f"chmod 0440 {SUDOERS}.new",
                f"visudo -cqf {SUDOERS}.new",
                f"mv {SUDOERS}.new {SUDOERS}",
            ]
        line = shlex.quote(self.authorized_keys)
        steps += [
            f"home=$(getent passwd {user} | cut -d: -f6)",
            # as the user itself: root follows no link that an account of lower rank may have laid
            f"HOME=$home runuser -u {user} -- sh -eu <<'END_OF_THE_KEY'",
            "umask 077",
            "mkdir -p ~/.ssh",
            "touch ~/.ssh/authorized_keys",
            "# sshd takes the first line of a key: an older one of ours would win",
            f"{{ grep -vF {self._blob} ~/.ssh/authorized_keys || :; printf '%s\\n' {line}; }} >~/.ssh/keys.new",
            "mv ~/.ssh/keys.new ~/.ssh/authorized_keys",
            "END_OF_THE_KEY",
        ]
        return "\n".join(steps) + "\n"

    @property
    def ansible(self) -> str:
        """The same as one task (a block) of an Ansible playbook; modules of ansible.builtin alone."""
        tasks = [_ACCOUNT_OF_ROOT if self.user == ROOT else _ACCOUNT.format(user=self.user)]
        if self.privilege is not Privilege.LOGIN:
            script = "".join(f"          {line}".rstrip() + "\n" for line in self.script.splitlines())
            tasks.append(_SCRIPT.format(folder=posixpath.dirname(self.path), path=self.path, script=script))
        if self.needs_sudo:
            tasks.append(_SUDOERS.format(file=SUDOERS, line=self.sudoers))
        line = self.authorized_keys
        older = f"^(?!{re.escape(line)}$).*{re.escape(self._blob)}".replace("'", "''")
        tasks.append(_KEY.format(user=self.user, line=line, older=older))
        return _BLOCK + "".join(tasks)


def sudo(path: str) -> str:
    """What runs the installed script as root; in the C locale, as sudo's refusals are told apart by their words."""
    return f"env LC_ALL=C sudo -n {shlex.quote(path)}"


# Whoever may write a folder above the script may replace what root runs.
_TRUSTWORTHY = """\
[ -d {folder} ] || install -d -m 0755 {folder}
at=$(cd {folder} && pwd -P)
while :; do
    case $(stat -c %u%A "$at") in
    0d????-??-?) ;;
    *) echo "$at: not writable by root alone" >&2; exit 1 ;;
    esac
    [ "$at" = / ] && break
    at=$(dirname "$at")
done"""
_BLOCK = """\
- name: kubelet-cert-exporter may read this node
  become: true
  block:
"""
_ACCOUNT = """\
    - name: its account
      ansible.builtin.user:
        name: {user}
        system: true
        shell: /bin/sh
        password: '*'
        update_password: on_create
      register: kubelet_cert_exporter_account
"""
_ACCOUNT_OF_ROOT = """\
    - name: root's account
      ansible.builtin.user:
        name: root
      register: kubelet_cert_exporter_account
"""
_SCRIPT = """\
    - name: the folder of its script
      ansible.builtin.file:
        path: {folder}
        state: directory
        owner: root
        group: root
        mode: '0755'
    - name: its script
      ansible.builtin.copy:
        dest: {path}
        owner: root
        group: root
        mode: '0755'
        content: !unsafe |
{script}"""
_SUDOERS = """\
    - name: what it may run
      ansible.builtin.copy:
        dest: {file}
        owner: root
        group: root
        mode: '0440'
        validate: visudo -cqf %s
        content: |
          {line}
"""
_KEY = """\
    - name: the folder of its key
      ansible.builtin.file:
        path: '{{{{ kubelet_cert_exporter_account.home }}}}/.ssh'
        state: directory
        owner: {user}
        mode: '0700'
    - name: no other line of its key, as sshd takes the first
      ansible.builtin.lineinfile:
        path: '{{{{ kubelet_cert_exporter_account.home }}}}/.ssh/authorized_keys'
        state: absent
        regexp: '{older}'
    - name: its key
      ansible.builtin.lineinfile:
        path: '{{{{ kubelet_cert_exporter_account.home }}}}/.ssh/authorized_keys'
        create: true
        owner: {user}
        mode: '0600'
        line: >-
          {line}
"""
