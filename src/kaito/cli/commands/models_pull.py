"""`kaito models pull`: fetch a model from a registry, as a preset's weights or into a folder."""

import argparse
import asyncio
import hashlib
import shutil
from pathlib import Path

from kaito.base.clock import SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_state_option
from kaito.cli.output import note


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("reference", metavar="REFERENCE", help="REGISTRY/REPOSITORY:TAG")
    parser.add_argument(
        "--name", metavar="NAME", default="",
        help="take it as this model; what it was packed as unless given",
    )  # fmt: skip
    parser.add_argument("--output", metavar="DIR", default="", help="put the files here instead")
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="take pickled weights, which run code when they are loaded",
    )
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pull, check, and say where the files are."""
    if arguments.name and arguments.output:
        raise UsageError("--name and --output cannot be given together")
    if arguments.output:
        folder = Path(arguments.output)
        asyncio.run(_pull(arguments.reference, folder))
        _require_sound(folder, arguments.allow_pickle)
        print(folder)
        return 0
    return _pull_as_model(arguments)


def _pull_as_model(arguments: argparse.Namespace) -> int:
    from kaito.api.runtime import ImportArguments
    from kaito.app.state import choose_state_folder
    from kaito.cli.presets import require_preset
    from kaito.cli.weights_program import import_weights

    if arguments.name:
        require_preset(arguments.name)
    state = choose_state_folder(arguments.state_dir)
    state.prepare()
    # The same name for the same reference: pulling again goes on where it was interrupted.
    key = hashlib.sha256(arguments.reference.encode()).hexdigest()[:12]
    folder = state.models / f".pull-{key}"
    packed_as = asyncio.run(_pull(arguments.reference, folder))
    if not (arguments.name or packed_as):
        raise KaitoError(
            f"{arguments.reference} does not say which model it is",
            hint="add --name NAME, or --output DIR",
        )
    preset = require_preset(arguments.name or packed_as)
    _require_sound(folder, arguments.allow_pickle)
    place = import_weights(
        ImportArguments(
            key=preset.name,
            root=str(state.models),
            path=str(folder),
            architecture=preset.facts.architecture if preset.facts else "",
            allow_pickle=arguments.allow_pickle,
        )
    )
    shutil.rmtree(folder)
    print(place)
    note(f"{preset.name} is served from {place} from now on")
    return 0


async def _pull(text: str, folder: Path) -> str:
    """Bring the files; the model that they were packed as."""
    from kaito.cli.transfers import Bar
    from kaito.registry.client import open_registry
    from kaito.registry.content import pull_content
    from kaito.registry.credentials import user_credentials
    from kaito.registry.reference import parse_reference

    reference, clock = parse_reference(text), SystemClock()
    bar = Bar("pulling", clock)
    async with open_registry(user_credentials(), clock=clock) as registry:
        pulled = await pull_content(registry, reference, folder, progress=bar)
    bar.finish()
    return pulled.annotations.get("sh.kaito.model.name", "")


def _require_sound(folder: Path, allow_pickle: bool) -> None:
    from kaito.registry.weight_files import require_sound

    try:
        require_sound(folder, allow_pickle=allow_pickle)
    except ValueError as error:
        raise KaitoError(f"what was pulled into {folder} is not used: {error}") from error
