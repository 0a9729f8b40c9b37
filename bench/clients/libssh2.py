"""ssh2-python, libssh2's binding, in a thread pool."""

from __future__ import annotations

import base64
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ssh2.session import LIBSSH2_METHOD_HOSTKEY, Session

from bench.clients.client import Round, Tally
from bench.site import COMMAND, Site

_BITE = 32 * 1024


def threads(site: Site, in_flight: int) -> Round:
    """A blocking session for each visit; the host's key is compared as bytes."""
    lines = [line.split() for line in Path(site.known_hosts).read_text().splitlines()]
    host_keys = {name: base64.b64decode(key) for name, _, key in lines}

    def visit(address: str) -> bytes:
        with socket.create_connection((address, site.port)) as connection:
            # the session is gone before its descriptor is closed: it would speak to whoever has the number next
            return _visited(connection, site, host_keys[f"[{address}]:{site.port}"])

    def visits(tally: Tally) -> None:
        with ThreadPoolExecutor(in_flight) as pool:
            for text in pool.map(visit, site.addresses):
                tally.take(text)

    return visits


def _visited(connection: socket.socket, site: Site, host_key: bytes) -> bytes:
    session = Session()
    session.method_pref(LIBSSH2_METHOD_HOSTKEY, "ssh-ed25519")  # else it asks for a key that nobody verified
    session.handshake(connection)
    if session.hostkey()[0] != host_key:
        raise ConnectionError("another host key")
    session.userauth_publickey_fromfile(site.user, site.key)
    channel = session.open_session()
    channel.execute(COMMAND)
    text = b""
    while (read := channel.read(_BITE))[0] > 0:
        text += read[1]
    channel.close()
    channel.wait_closed()
    status = channel.get_exit_status()
    session.disconnect()
    return text if status == 0 else b""
