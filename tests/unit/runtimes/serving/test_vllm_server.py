"""What is read off a running vLLM for the report."""

from types import SimpleNamespace

import pytest

from kaito.runtimes.serving.vllm_server import find_cut


@pytest.mark.parametrize(
    ("asked", "got", "expected"),
    [
        (-1, 24576, "context 24576 of the model's 131072"),
        (-1, 131072, ""),
        (8192, 8192, ""),
        (None, 131072, ""),
    ],
)
def test_a_context_that_the_engine_has_fitted_to_its_memory_is_said(
    asked: int | None, got: int, expected: str
) -> None:
    config = SimpleNamespace(
        original_max_model_len=asked,
        max_model_len=got,
        hf_text_config=SimpleNamespace(max_position_embeddings=131072),
    )
    assert find_cut(config).startswith(expected)
    assert bool(find_cut(config)) is bool(expected)
