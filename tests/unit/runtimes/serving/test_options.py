"""Engine options: later layers win, each form becomes the engine's own arguments."""

from argparse import ArgumentParser, BooleanOptionalAction

import pytest

from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.config import Options
from kaito.runtimes.serving.options import (
    KnownOptions,
    merge_options,
    parse_assignments,
    require_not_ours,
    to_command_line,
)
from kaito.runtimes.serving.vllm_server import observe_known_options


def parser() -> ArgumentParser:
    """The forms of option that vLLM's parser has."""
    made = ArgumentParser()
    made.add_argument("--model")
    made.add_argument("--port", type=int)
    made.add_argument("--max-model-len")
    made.add_argument("--tensor-parallel-size", "-tp", type=int)
    made.add_argument("--served-model-name", nargs="+")
    made.add_argument("--enforce-eager", action=BooleanOptionalAction)
    made.add_argument("--enable-auto-tool-choice", action="store_true")
    made.add_argument("--compilation-config")
    return made


KNOWN: KnownOptions = observe_known_options(parser())


def test_the_later_layer_wins_under_any_spelling() -> None:
    merged = merge_options(
        KNOWN,
        ("the runtime", {"max-model-len": "auto", "enforce-eager": True}),
        ("the pod", {"max-model-len": 4096, "tp": 2}),
        ("inference_config.yaml", {"max_model_len": 1024, "--tensor-parallel-size": 1}),
    )
    assert merged == {"max-model-len": 1024, "enforce-eager": True, "tensor-parallel-size": 1}


@pytest.mark.parametrize(
    ("options", "argv"),
    [
        ({"max-model-len": 4096}, ["--max-model-len=4096"]),
        ({"max-model-len": "4k"}, ["--max-model-len=4k"]),
        ({"enforce-eager": True}, ["--enforce-eager"]),
        ({"enforce-eager": False}, ["--no-enforce-eager"]),
        ({"enable-auto-tool-choice": True}, ["--enable-auto-tool-choice"]),
        ({"enable-auto-tool-choice": False}, []),
        ({"served-model-name": ["a", "b"]}, ["--served-model-name", "a", "b"]),
        ({"served-model-name": "a"}, ["--served-model-name", "a"]),
        ({"compilation-config": {"mode": 0}}, ['--compilation-config={"mode": 0}']),
        ({"compilation-config.x.y": False}, ["--compilation-config.x.y=false"]),
        ({"max-model-len": None}, []),
    ],
)
def test_each_form_becomes_the_engines_own_arguments(options: Options, argv: list[str]) -> None:
    assert to_command_line(KNOWN, merge_options(KNOWN, ("a test", options))) == argv


def test_an_unknown_option_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(Ending) as caught:
        merge_options(KNOWN, ("inference_config.yaml", {"max-modle-len": 1}))
    assert "inference_config.yaml sets 'max-modle-len'" in caught.value.line
    assert "did you mean max-model-len" in caught.value.line


def test_a_negated_name_is_not_a_second_way_to_say_it() -> None:
    with pytest.raises(Ending, match="'no-enforce-eager', which the engine does not know"):
        merge_options(KNOWN, ("inference_config.yaml", {"no-enforce-eager": True}))


def test_a_switch_takes_only_true_and_false() -> None:
    with pytest.raises(Ending, match="'enforce-eager' is 'yes'"):
        to_command_line(KNOWN, {"enforce-eager": "yes"})


@pytest.mark.parametrize("name", ["model", "--port", "served_model_name"])
def test_a_config_file_may_not_move_the_server(name: str) -> None:
    with pytest.raises(Ending, match="which the Workspace decides"):
        require_not_ours(KNOWN, {name: "x"}, "inference_config.yaml")


def test_assignments_are_json_where_they_parse_as_it() -> None:
    assert parse_assignments(["a=1", "b=true", 'c={"d": 1}', "e=auto", "f=x=y"]) == {
        "a": 1,
        "b": True,
        "c": {"d": 1},
        "e": "auto",
        "f": "x=y",
    }
    with pytest.raises(Ending, match="is not NAME=VALUE"):
        parse_assignments(["enforce-eager"])
