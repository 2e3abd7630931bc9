"""`kaito tune resume`: let a paused tuning job go on from its last checkpoint."""

import argparse

from kaito.api.meta import Key
from kaito.cli.arguments import add_cluster_options
from kaito.cli.target import choose_target, run_with_client
from kaito.cli.tuning.pausing import resume
from kaito.kube.client import Client


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the tuning workspace")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Take the pause back."""
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])

    async def work(client: Client) -> int:
        print(await resume(client, key))
        return 0

    return run_with_client(target, work)
