"""`kaito tune report`: one HTML page about a tuning job, or its record as data."""

import argparse
import sys
from pathlib import Path

from kaito.api.meta import Key
from kaito.api.tuning_record import TuningRecord, parse_tuning_record
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options
from kaito.cli.output import note, print_document
from kaito.cli.target import choose_target, run_with_client
from kaito.cli.tuning.page import render_page
from kaito.cli.tuning.reading import read_record, read_tuning
from kaito.kube.client import Client

_DATA = ("json", "yaml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the tuning workspace")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="",
        help="the page's file, - for standard output; NAME-tuning.html unless given; json or yaml "
        "print the record as data",
    )
    parser.add_argument(
        "--record",
        metavar="FILE",
        default="",
        help="read this kaito-tuning.json of an output volume; no cluster is asked",
    )
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the page, and say where it is."""
    if arguments.record:
        record = parse_tuning_record(Path(arguments.record).read_bytes())
        _write(record, arguments.name or record.preset or "tuning", arguments.output)
        return 0
    if not arguments.name:
        raise UsageError("the name of a workspace is missing", hint="or pass --record FILE")
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])

    async def work(client: Client) -> int:
        await read_tuning(client, key)
        record = await read_record(client, key)
        if record is None:
            raise KaitoError(
                f"workspace {key} has no record yet: its trainer has not started",
                hint=f"see `kaito tune status {key.name} -n {key.namespace}`",
            )
        _write(record, key.name, arguments.output)
        return 0

    return run_with_client(target, work)


def _write(record: TuningRecord, name: str, output: str) -> None:
    if output in _DATA:
        print_document(record, output)
        return
    page = render_page(record, title=name)
    if output == "-":
        sys.stdout.write(page)
        return
    # The name may be a preset of the hub's, with its organization.
    path = Path(output or f"{name.replace('/', '-')}-tuning.html")
    path.write_text(page, encoding="utf-8")
    note(f"{path} written; open it in a browser")
