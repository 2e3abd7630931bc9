"""The options that several verbs share, and a parser whose complaints are one line."""

import argparse
from typing import NoReturn

from kaito.base.errors import UsageError
from kaito.cli.verbs import Verb


class VerbParser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(message, hint=f"see `{self.prog} --help`")


def make_parser(verb: Verb) -> VerbParser:
    """An empty parser for one verb."""
    summary = verb.summary[0].upper() + verb.summary[1:] + "."
    return VerbParser(
        prog=f"kaito {verb.name}",
        description=summary,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )


def add_cluster_options(parser: argparse.ArgumentParser, *, namespaced: bool = True) -> None:
    """Which cluster, and which namespace in it."""
    if namespaced:
        parser.add_argument(
            "-n",
            "--namespace",
            metavar="NAME",
            default="",
            help="namespace; the context's own unless given",
        )
    parser.add_argument(
        "--kubeconfig",
        metavar="FILE",
        default="",
        help="instead of $KUBECONFIG, the running plane's, or ~/.kube/config",
    )
    parser.add_argument(
        "--context", metavar="NAME", default="", help="context; the file's current one unless given"
    )
    add_state_option(parser)


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """Where the plane of this machine keeps everything."""
    parser.add_argument(
        "--state-dir",
        metavar="FOLDER",
        default="",
        help="state folder of the plane; $KAITO_STATE_DIR or .kaito unless given",
    )


def add_output_option(parser: argparse.ArgumentParser, *formats: str) -> None:
    """How to print; a table or text unless given."""
    parser.add_argument(
        "-o",
        "--output",
        choices=formats,
        default="",
        metavar="FORMAT",
        help=f"one of: {', '.join(formats)}",
    )


def add_file_option(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Where manifests are read from."""
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        default=[],
        required=required,
        metavar="FILE",
        help="file or folder with YAML or JSON; - reads standard input; may be repeated",
    )
    parser.add_argument(
        "-R", "--recursive", action="store_true", help="with a folder: those below it, too"
    )


class _Formatter(argparse.HelpFormatter):
    """Fixed width, so that the help does not depend on who reads it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100, max_help_position=30)
