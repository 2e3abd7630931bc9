"""The arguments of a pod's programs: what the renderer writes, the program reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api.runtime import (
    ImportArguments,
    Progress,
    ServingArguments,
    WeightsArguments,
    model_folder,
    serving_image,
)
from kaito.base.errors import UsageError

texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(
    st.builds(
        ServingArguments,
        model=texts,
        runtime=st.sampled_from(["vllm", "transformers"]),
        served_model_name=st.lists(texts, max_size=3).map(tuple),
        max_model_len=st.none() | st.integers(1, 10**7),
        gpu_memory_utilization=st.none() | st.floats(0.01, 1.0),
        trust_remote_code=st.booleans(),
        engine_option=st.lists(texts, max_size=3).map(tuple),
    )
)
def test_serving_arguments_survive_the_command_line(arguments: ServingArguments) -> None:
    assert ServingArguments.parse_argv(arguments.to_argv()) == arguments


@given(st.builds(WeightsArguments, key=texts, source=st.lists(texts, max_size=4).map(tuple)))
def test_weights_arguments_survive_the_command_line(arguments: WeightsArguments) -> None:
    assert WeightsArguments.parse_argv(arguments.to_argv()) == arguments


def test_the_command_line_is_in_field_order_without_defaults() -> None:
    arguments = ServingArguments(
        served_model_name=("a", "b"), model="/m", trust_remote_code=True, max_model_len=4096
    )
    assert arguments.to_argv() == (
        "--model=/m",
        "--served-model-name=a",
        "--served-model-name=b",
        "--max-model-len=4096",
        "--trust-remote-code=true",
    )


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        (["--model=m", "--modle=x"], "argument '--modle=x' is not known", "--model"),
        (["--model"], "argument '--model' is not known", "--model"),
        (["--model=m", "--port=http"], "--port", ""),
        (["--model=m", "--runtime=tgi"], "--runtime", ""),
        ([], "missing required --model", ""),
    ],
)
def test_a_wrong_command_line_is_one_line_that_names_the_option(
    argv: list[str], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ServingArguments.parse_argv(argv)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_progress_is_read_back_from_a_line_with_a_prefix() -> None:
    progress = Progress(stage="download", done=5, total=10, eta=3, item="a b.safetensors")
    assert Progress.parse_line(f"2026-01-01 {progress.to_line()}") == progress
    assert Progress.parse_line("Loading weights: 50%") is None


def test_the_model_lies_under_its_key() -> None:
    assert model_folder("/workspace/weights/", "phi") == "/workspace/weights/phi"
    assert serving_image("1.2.3").endswith("/kaito-serving:1.2.3")
    imported = ImportArguments(key="k", root="/r", path="/p")
    assert imported.to_argv() == ("--key=k", "--root=/r", "--path=/p")
