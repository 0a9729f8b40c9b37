"""The clients of the race, by name."""

from __future__ import annotations

from bench.clients.client import Client

CLIENTS = {
    "engine": Client("our engine", "ours", "engine"),
    "kept": Client("our engine, on connections that are kept", "ours", "kept", nodes=100),
    "threads": Client("our threaded path", "ours", "threads"),
    "manual": Client("paramiko SSHClient + thread pool, as its manual shows", "ssh_client", "as_the_manual_shows"),
    "asyncssh": Client("asyncssh, as its manual shows", "async_ssh", "as_the_manual_shows", library="asyncssh"),
    "asyncssh-tuned": Client("asyncssh, tuned, uvloop", "async_ssh", "tuned", library="asyncssh"),
    "ssh2": Client("ssh2-python + thread pool", "libssh2", "threads", library="ssh2"),
    "pssh": Client("parallel-ssh (checks no host key)", "parallel_ssh", "greenlets", library="pssh"),
    "ssh": Client("a child `ssh` for each node", "openssh", "children", program="ssh"),
    "ssh-pinned": Client("the same, cheap algorithms pinned", "openssh", "pinned", program="ssh"),
    "ansible": Client("`ansible -m raw`", "ansible", "raw", library="ansible", program="ssh", nodes=100),
    "ssh-master": Client("a child `ssh` for each node, ControlMaster", "openssh", "shared", program="ssh"),
}
