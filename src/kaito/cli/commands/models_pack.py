"""`kaito models pack`: make an OCI image layout of a model, to be pushed to a registry."""

import argparse
import asyncio

from kaito.cli.arguments import add_state_option
from kaito.cli.output import note


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="NAME|DIR", help="model at hand, or a folder with one")
    parser.add_argument(
        "--output", metavar="DIR", default="", help="layout to write; NAME.oci unless given"
    )
    parser.add_argument(
        "--tag", metavar="REFERENCE", default="", help="what `models push` sends it to"
    )
    add_pack_options(parser)
    add_state_option(parser)


def add_pack_options(parser: argparse.ArgumentParser) -> None:
    """How a model is packed, for `pack` and for `push` of a folder."""
    parser.add_argument(
        "--chunk-size", metavar="SIZE", default="", help="largest layer, such as 512Mi; 2Gi"
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="take pickled weights, which run code when they are loaded",
    )


def run(arguments: argparse.Namespace) -> int:
    """Pack, and say where the layout is."""
    from kaito.cli.model_artifacts import pack, parse_chunk
    from kaito.registry.model_layout import Label
    from kaito.registry.reference import parse_reference

    tag = str(parse_reference(arguments.tag)) if arguments.tag else ""
    label = Label(tag=tag, chunk_bytes=parse_chunk(arguments.chunk_size))
    layout, digest = asyncio.run(
        pack(
            arguments.model,
            arguments.output,
            state_dir=arguments.state_dir,
            label=label,
            allow_pickle=arguments.allow_pickle,
        )
    )
    print(digest)
    note(f"packed into {layout}; send it with: kaito models push {layout} {tag or 'REFERENCE'}")
    return 0
