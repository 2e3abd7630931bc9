"""`kaito models list`: the catalogue, which weights are here, and what fits on a machine or GPU."""

import argparse

from kaito.app.state import StateFolder, choose_state_folder
from kaito.catalog.lookup import PRESETS
from kaito.catalog.preset import Preset
from kaito.cli.arguments import add_output_option, add_state_option
from kaito.cli.models import has_weights
from kaito.cli.output import print_document, print_rows
from kaito.cli.presets import format_context, format_size

_HEADINGS = ("name", "hub id", "license", "size", "context", "gated", "local")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--local", action="store_true", help="only those whose weights are here")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--gpu", default="", metavar="NAME", help="what fits on up to 8 of these in one machine"
    )
    where.add_argument(
        "--instance-type", default="", metavar="TYPE", help="what fits on machines of this type"
    )
    add_output_option(parser, "json", "yaml", "name")
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the models."""
    state = choose_state_folder(arguments.state_dir)
    shown = [p for p in PRESETS if not arguments.local or has_weights(state, p)]
    if arguments.gpu or arguments.instance_type:
        # The planner is not needed for the plain list.
        from kaito.cli.fit_report import find_fits, print_fits

        fits = find_fits(shown, gpu=arguments.gpu, instance_type=arguments.instance_type)
        print_fits(fits, [to_document(preset, state) for preset in shown], arguments.output)
    elif arguments.output in ("json", "yaml"):
        print_document([to_document(preset, state) for preset in shown], arguments.output)
    elif arguments.output == "name":
        print("\n".join(preset.name for preset in shown))
    else:
        print_rows(_HEADINGS, [_row(preset, state) for preset in shown])
    return 0


def to_document(preset: Preset, state: StateFolder) -> dict[str, object]:
    """A model as plain data."""
    facts = preset.facts
    return {
        "name": preset.name,
        "hubId": preset.hub_id,
        "aliases": preset.aliases,
        "license": preset.license,
        "gated": preset.is_gated,
        "local": has_weights(state, preset),
        "architecture": facts.architecture if facts else None,
        "weightsBytes": facts.weights_bytes if facts else None,
        "contextTokens": facts.context_tokens if facts else None,
    }


def _row(preset: Preset, state: StateFolder) -> tuple[str, ...]:
    return (
        preset.name,
        preset.hub_id,
        preset.license,
        format_size(preset.facts),
        format_context(preset.facts),
        "yes" if preset.is_gated else "no",
        "yes" if has_weights(state, preset) else "no",
    )
