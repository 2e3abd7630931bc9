"""`kaito models push`: send a packed model, or a folder that is packed first, to a registry."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from kaito.base.clock import SystemClock
from kaito.base.errors import UsageError
from kaito.cli.arguments import add_state_option
from kaito.cli.commands.models_pack import add_pack_options
from kaito.cli.output import note


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", metavar="LAYOUT|NAME|DIR", help="what `models pack` wrote, a model, or its folder"
    )
    parser.add_argument(
        "reference", metavar="REFERENCE", nargs="?", default="",
        help="REGISTRY/REPOSITORY:TAG; what it was packed with unless given",
    )  # fmt: skip
    parser.add_argument(
        "--mount-from", metavar="REPOSITORY", default="",
        help="repository of the same registry that may have the files: they are not sent again",
    )  # fmt: skip
    add_pack_options(parser)
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Push, and print the reference by digest."""
    from kaito.registry.model_layout import is_layout

    path = Path(arguments.model)
    if is_layout(path):
        return asyncio.run(_push(path, arguments.reference, arguments.mount_from))
    return asyncio.run(_pack_and_push(arguments))


async def _pack_and_push(arguments: argparse.Namespace) -> int:
    from kaito.cli.model_artifacts import find_model, pack, parse_chunk
    from kaito.registry.model_layout import Label

    if not arguments.reference:
        raise UsageError("say where to push to", hint="kaito models push NAME REGISTRY/NAME:TAG")
    folder, _ = find_model(arguments.model, arguments.state_dir)
    # Beside the model: on the same file system its files are linked, not copied.
    with tempfile.TemporaryDirectory(prefix=".pack-", dir=folder.resolve().parent) as scratch:
        layout, _ = await pack(
            arguments.model,
            f"{scratch}/layout",
            state_dir=arguments.state_dir,
            label=Label(chunk_bytes=parse_chunk(arguments.chunk_size)),
            allow_pickle=arguments.allow_pickle,
        )
        return await _push(layout, arguments.reference, arguments.mount_from)


async def _push(layout: Path, text: str, mount_from: str) -> int:
    from kaito.cli.transfers import Bar
    from kaito.registry.client import open_registry
    from kaito.registry.credentials import user_credentials
    from kaito.registry.model_layout import note_push, read_layout, repositories_of
    from kaito.registry.push import push_manifest
    from kaito.registry.reference import parse_reference

    manifest, blobs, tag = read_layout(layout)
    if not (text or tag):
        raise UsageError("say where to push to", hint=f"kaito models push {layout} REFERENCE")
    reference, clock = parse_reference(text or tag), SystemClock()
    others = repositories_of(layout, reference.registry)
    mount_from = mount_from or next((one for one in others if one != reference.repository), "")
    bar = Bar("pushing", clock)
    async with open_registry(user_credentials(), clock=clock) as registry:
        digest = await push_manifest(
            registry, reference, manifest, blobs, bar, mount_from=mount_from
        )
    bar.finish()
    note_push(layout, reference.registry, reference.repository)
    print(f"{reference.registry}/{reference.repository}@{digest}")
    note(f"pushed {reference}")
    return 0
