"""`kaito models import`: take a folder as the weights of a model.

The work is the weights program's, which runs in its own process: this one needs nothing of it.
"""

import argparse
from pathlib import Path

from kaito.api.runtime import ImportArguments
from kaito.app.state import choose_state_folder
from kaito.base.errors import KaitoError
from kaito.cli.arguments import add_state_option
from kaito.cli.output import note
from kaito.cli.presets import require_preset
from kaito.cli.weights_program import import_weights


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name, alias or org/model of the catalogue")
    parser.add_argument(
        "path", metavar="PATH", help="folder with config.json, *.safetensors and a tokenizer"
    )
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import, and say where the weights are now."""
    preset = require_preset(arguments.name)
    folder = Path(arguments.path).absolute()
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise KaitoError(f"folder {arguments.path!r} {problem}")
    state = choose_state_folder(arguments.state_dir)
    state.prepare()
    wanted = ImportArguments(
        key=preset.name,
        root=str(state.models),
        path=str(folder),
        architecture=preset.facts.architecture if preset.facts else "",
    )
    place = import_weights(wanted)
    note(f"{preset.name} is served from {place} from now on")
    return 0
