"""A way to load weights that cannot work here is refused before the engine starts."""

from pathlib import Path

import pytest

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving import loaders
from kaito.runtimes.serving.loaders import require_loader


@pytest.mark.parametrize("name", ["", "auto", "safetensors", "dummy", "of-a-plugin"])
def test_what_needs_nothing_more_passes(name: str) -> None:
    require_loader(name, "cpu")


def test_a_package_that_is_missing_is_named_with_a_way_out() -> None:
    with pytest.raises(Ending) as caught:
        require_loader("tensorizer", "gpu")
    assert caught.value.code is ExitCode.CONFIG
    assert caught.value.line == (
        "load-format tensorizer needs the Python package tensorizer, which this image lacks; "
        "add it to the image, or leave load-format out for safetensors as they are"
    )


def test_what_reads_into_a_gpu_wants_one() -> None:
    with pytest.raises(Ending, match="needs a GPU"):
        require_loader("fastsafetensors", "cpu")


def test_every_format_that_is_judged_is_one_of_the_engines() -> None:
    import ast
    import importlib.util

    found = importlib.util.find_spec("vllm")
    if found is None or not found.submodule_search_locations:
        pytest.skip("vLLM is not installed")
    text = Path(found.submodule_search_locations[0], "model_executor/model_loader/__init__.py")
    formats = next(
        ast.literal_eval(node.value.slice)
        for node in ast.parse(text.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Subscript)
        and ast.unparse(node.targets[0]) == "LoadFormats"
    )
    assert {*loaders._PACKAGES, *loaders._OF_GPUS} <= set(formats)
