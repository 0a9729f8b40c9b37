"""``python -m tests.soak.inetd PORT CONFIG TREES``: an sshd for each connection, in the tree of the address it came to.

One socket listens for all of 127/8, so there may be as many machines as addresses. It is a program of its own: what
else the soak does must not delay an answer.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from tests.sshd import SSHD


def main(port: int, config: str, trees: Path) -> None:
    """Until a signal ends it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how an sshd ended
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("0.0.0.0", port))  # of the loopback device alone
        listening.listen(1024)
        while True:
            connection, _ = listening.accept()
            with connection:
                tree = trees / connection.getsockname()[0]
                if tree.exists():
                    _serve(connection.fileno(), config, tree)


def _serve(connection: int, config: str, tree: Path) -> None:
    os.posix_spawn(
        SSHD,
        [SSHD, "-i", "-f", config, "-o", f"ChrootDirectory={tree}"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, connection, 0),
            (os.POSIX_SPAWN_DUP2, connection, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
        setsigdef=[signal.SIGCHLD, signal.SIGPIPE],
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
