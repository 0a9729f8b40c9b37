"""``python -m grafana.demo_stack``: see the alarm work, from a certificate to the notification."""

from __future__ import annotations

import argparse
import datetime
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from grafana.builder import rules
from grafana.demo_stack import stack
from grafana.demo_stack.addresses import Addresses, TakenPortError, url
from grafana.demo_stack.configuration import Links
from grafana.demo_stack.introduction import introduction
from grafana.demo_stack.notification import Notification, rendered
from grafana.demo_stack.page import Page
from grafana.demo_stack.pages import RUNBOOKS, page
from grafana.demo_stack.part import PartError
from grafana.demo_stack.probe import alerts_page
from grafana.demo_stack.programs import MissingProgramError, Programs, installed
from grafana.demo_stack.receiver import Receiver
from grafana.demo_stack.terminal import show

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """0 after a signal, 1 if something is missing or a part ended by itself."""
    given = _arguments()
    addresses = Addresses(given.exporter_port, given.prometheus_port, given.alertmanager_port, given.receiver_port)
    stopping = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, _setting(stopping))
    try:
        programs = installed()
        addresses.require_free()
        _run(addresses, programs, given.grafana_url, stopping)
    except (MissingProgramError, TakenPortError, PartError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m grafana.demo_stack",
        description="See the alarm work, from a certificate to the notification.",
        epilog="Ctrl-C, SIGTERM and SIGHUP end everything. After a SIGKILL the stack's folder below the temporary "
        "directory is left, and without setpriv (util-linux) its programs too.",
    )
    for name, port in Addresses().each():
        parser.add_argument(f"--{name}-port", type=int, default=port, metavar="PORT", help=f"default: {port}")
    parser.add_argument(
        "--grafana-url", type=_base_url, metavar="URL", help="a Grafana with our dashboards, for the links"
    )
    return parser.parse_args()


def _base_url(text: str) -> str:
    try:
        rules.with_links("", runbooks=text, grafana=text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text.rstrip("/")


def _setting(stopping: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handler(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    return handler


def _run(addresses: Addresses, programs: Programs, grafana: str | None, stopping: threading.Event) -> None:
    """Until a signal. Raises PartError."""
    receiver = url(addresses.receiver)
    links = Links(runbooks=f"{receiver}{RUNBOOKS}", grafana=grafana or receiver)
    with tempfile.TemporaryDirectory(prefix="kubelet-cert-demo-stack-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # one node's script runs under another uid
        parts = stack.parts(addresses, programs, folder, links)

        def shown(target: str) -> Page:
            return page(target, url(addresses.prometheus))

        with Receiver(addresses.receiver, _printed, shown), stack.running(parts, stopping):
            if not stopping.is_set():
                alerts = alerts_page(url(addresses.prometheus))
                show(introduction(addresses, folder, alerts, grafana, _now()))
            stack.watch(parts, stopping)
            show("Ending.")


def _printed(notification: Notification) -> None:
    show(rendered(notification, f"{_now():%H:%M:%S}"))


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone()


if __name__ == "__main__":
    sys.exit(main())
