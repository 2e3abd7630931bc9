"""`kaito tune pause`: stop a tuning job; `kaito tune resume` lets it go on."""

import argparse

from kaito.api.meta import Key
from kaito.cli.arguments import add_cluster_options
from kaito.cli.target import choose_target, run_with_client
from kaito.cli.tuning.pausing import pause
from kaito.kube.client import Client


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the tuning workspace")
    parser.add_argument(
        "--force", action="store_true", help="even where what was trained is lost: no output volume"
    )
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for it, and say what is kept."""
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])

    async def work(client: Client) -> int:
        print(await pause(client, key, force=arguments.force))
        return 0

    return run_with_client(target, work)
