"""The command line's words, in the manner of Prometheus' own exporters."""

from __future__ import annotations

import argparse

from exporter import __version__
from exporter.log import LogFormat, LogLevel
from exporter.serve.listener import MOST_CONNECTIONS

PROGRAM = "kubelet-cert-exporter"
DEFAULT_ADDRESS = ":10087"
DEMO_ADDRESS = "127.0.0.1:10087"


def parse(argv: list[str]) -> argparse.Namespace:
    """The arguments of one call; flags alone mean ``run``, as with other exporters."""
    alone = not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"))
    return _parser().parse_args(["run", *argv] if alone else argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        allow_abbrev=False,
        description="Watch the rotation of kubelet certificates across a fleet, from outside the cluster.",
        epilog="Without a COMMAND it is run: kubelet-cert-exporter --config.file=config.yaml",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _run(commands.add_parser("run", help="visit the fleet for ever and serve its metrics"))
    _visit(commands.add_parser("visit", help="visit nodes once, now, and tell what they have"))
    _explain(commands.add_parser("explain", help="visit one node, now, and tell a person what is wrong and what to do"))
    _forecast(commands.add_parser("forecast", help="visit nodes once, now, and tell when their rotations are due"))
    _history(commands.add_parser("history", help="tell which rotations of a node a running exporter saw"))
    _node_script(commands.add_parser("node-script", help="print the script that runs on a node, its paths baked in"))
    _demo(commands.add_parser("demo", help="the whole exporter over an embedded demonstration fleet"))
    return parser


def _run(parser: argparse.ArgumentParser) -> None:
    _config_file(parser)
    parser.add_argument(
        "--config.check", dest="config_check", action="store_true", help="check the configuration and exit"
    )
    _shard(parser)
    _web(parser, DEFAULT_ADDRESS)
    _log(parser)


def _visit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "nodes", metavar="NODE", nargs="*", help="names in the inventory; all of it where none is given"
    )
    _config_file(parser)
    parser.add_argument("--root", metavar="DIR", help="one mounted tree, without any configuration")
    parser.add_argument("--format", choices=("table", "json", "prometheus"), default="table")
    _log(parser, LogLevel.ERROR)


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", metavar="NODE", nargs="?", help="a name in the inventory")
    _config_file(parser)
    parser.add_argument("--root", metavar="DIR", help="a mounted tree in place of a NODE, without any configuration")
    parser.add_argument(
        "--offline", action="store_true", help="visit nobody: tell the last that a running exporter knew of the NODE"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    _log(parser, LogLevel.ERROR)


def _forecast(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "nodes", metavar="NODE", nargs="*", help="names in the inventory; all of it where none is given"
    )
    _config_file(parser)
    parser.add_argument("--days", metavar="N", type=_days, help="so far ahead; default: until the last window closes")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    _log(parser, LogLevel.ERROR)


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", metavar="NODE", help="a name; of the inventory, or that left it within a day")
    _config_file(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    _log(parser, LogLevel.ERROR)


def _node_script(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "node", metavar="NODE", nargs="?", help="a name in the inventory; kubeadm's paths where none is given"
    )
    parser.add_argument(
        "--show",
        choices=("script", "sha256", "authorized-keys", "sudoers", "commands", "ansible"),
        default="script",
        help="the script, its checksum, the lines that let the exporter in, or how all of it is installed: "
        "as commands for root, or as an Ansible task; default: %(default)s",
    )
    parser.add_argument(
        "--from",
        dest="sources",
        metavar="ADDRESS,...",
        default="",
        help="where the exporter logs in from: the key is good from there alone",
    )
    _config_file(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory",
        metavar="DIR",
        help="where the fleet's files go; started there again, it goes on; default: a temporary folder",
    )
    _web(parser, DEMO_ADDRESS)
    _log(parser, LogLevel.ERROR)


def _config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file", dest="config_file", metavar="FILE", default="config.yaml", help="default: %(default)s"
    )


def _shard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shard",
        metavar="I",
        help="which share of the inventory to visit, from 0: a number, the name of a StatefulSet's pod, "
        "or the word hostname for the name of this host; default: all of it",
    )
    parser.add_argument(
        "--total-shards", dest="total_shards", metavar="N", type=_shards, help="how many shares there are"
    )


def _web(parser: argparse.ArgumentParser, address: str) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        metavar="ADDRESS",
        action="append",
        help=f"where to serve; may be repeated; default: {address}",
    )
    parser.set_defaults(default_address=address)
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        help="TLS, client certificates, users: exporter-toolkit's format",
    )
    parser.add_argument(
        "--web.health-listen-address",
        dest="health_listen",
        metavar="ADDRESS",
        action="append",
        help="serve /-/healthy and /-/ready here too, plain; may be repeated",
    )
    parser.add_argument(
        "--web.max-connections",
        dest="max_connections",
        metavar="NUMBER",
        type=_connections,
        default=MOST_CONNECTIONS,
        help="connections at once; idle ones make room for new ones; default: %(default)s",
    )
    parser.add_argument(
        "--web.enable-lifecycle", dest="lifecycle", action="store_true", help="let POST /-/reload reload"
    )


def _connections(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65536:
        raise argparse.ArgumentTypeError("a number from 1 to 65536 is needed")
    return int(text)


def _shards(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65536:
        raise argparse.ArgumentTypeError("a number from 1 to 65536 is needed")
    return int(text)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3660:
        raise argparse.ArgumentTypeError("a number from 1 to 3660 is needed")
    return int(text)


def _log(parser: argparse.ArgumentParser, level: LogLevel = LogLevel.INFO) -> None:
    levels, formats = [str(one) for one in LogLevel], [str(one) for one in LogFormat]
    parser.add_argument(
        "--log.level", dest="log_level", choices=levels, default=str(level), help="default: %(default)s"
    )
    parser.add_argument(
        "--log.format", dest="log_format", choices=formats, default=str(LogFormat.LOGFMT), help="default: %(default)s"
    )
