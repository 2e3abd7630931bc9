"""The list of options that the control plane judges by, against vLLM's own parser."""

import argparse
from collections.abc import Iterator
from typing import Any

import pytest

from kaito.api.engine_options import Option, check_vllm_options, known_vllm_options
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.options import KnownOptions, to_command_line
from kaito.runtimes.serving.vllm_server import observe_known_options

pytestmark = [
    pytest.mark.extended,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),
]

OPTIONS = sorted(set(known_vllm_options().values()), key=lambda option: option.name)
TAKEN: dict[str, tuple[Any, ...]] = {
    "integer": (1, "1"),
    "number": (0.5, 1, "0.5"),
    "text": ("1",),
    "any": (),
    "json": (),
}
REFUSED: dict[str, tuple[Any, ...]] = {"integer": ("lots",), "number": ("lots",)}


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    made: argparse.ArgumentParser = make_arg_parser(FlexibleArgumentParser())

    def refuse(message: str) -> None:
        raise ValueError(message)

    vars(made)["error"] = refuse
    return made


@pytest.fixture(scope="module")
def known(parser: argparse.ArgumentParser) -> KnownOptions:
    return observe_known_options(parser)


def values_of(option: Option) -> Iterator[Any]:
    """Values that our list takes for right."""
    if option.kind == "boolean":
        yield from (True, False)
    elif option.choices:
        yield from option.choices
    else:
        yield from TAKEN[option.kind]


def test_every_spelling_of_every_option_is_the_engines(known: KnownOptions) -> None:
    ours = {name: option.name for name, option in known_vllm_options().items()}
    theirs = {name: option.name for name, option in known.items()}
    assert {name for name in theirs.items() if name[1] != "h"} == set(ours.items())
    assert {option.name: option.form for option in OPTIONS} == {
        option.name: option.form for option in known.values() if option.name != "h"
    }


def test_what_we_take_for_right_the_engine_takes(
    parser: argparse.ArgumentParser, known: KnownOptions
) -> None:
    wrong = []
    for option in OPTIONS:
        for value in values_of(option):
            try:
                parser.parse_args(to_command_line(known, {option.name: value}))
            except (ValueError, Ending, argparse.ArgumentTypeError) as error:
                wrong.append((option.name, value, str(error)))
    assert not wrong


def test_what_we_refuse_the_engine_refuses(
    parser: argparse.ArgumentParser, known: KnownOptions
) -> None:
    taken = []
    for option in OPTIONS:
        for value in ("no such choice",) if option.choices else REFUSED.get(option.kind, ()):
            with pytest.raises(ValueError, match="vllm sets"):
                check_vllm_options({option.name: value})
            try:
                parser.parse_args(to_command_line(known, {option.name: value}))
            except (ValueError, argparse.ArgumentTypeError):
                continue
            taken.append((option.name, value))
    assert not taken
