"""How much memory a batch takes: what was planned for its cache, and little beside it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaConfig

from kaito.base.quantity import GIB
from kaito.runtimes.serving.transformers_engine import EngineSettings, decide_batching

CONFIG = LlamaConfig(
    hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3
)
SETTINGS = EngineSettings(
    model="/m", names=("m",), device="cpu", dtype="auto", is_batching=True, kv_cache_bytes=GIB
)


def model(*, dtype: torch.dtype, device: str = "cpu") -> SimpleNamespace:
    return SimpleNamespace(config=CONFIG, dtype=dtype, device=torch.device(device))


@pytest.mark.parametrize(("dtype", "width"), [(torch.bfloat16, 2), (torch.float32, 4)])
def test_the_cache_takes_what_was_planned_in_any_format(dtype: torch.dtype, width: int) -> None:
    found = decide_batching(SETTINGS, model(dtype=dtype))
    token = 2 * CONFIG.num_hidden_layers * CONFIG.num_key_value_heads * 64 * width
    taken = found.num_blocks * found.page_size * token
    assert GIB - found.page_size * token < taken <= GIB


def test_on_a_cpu_the_mask_of_a_step_is_small_beside_the_cache() -> None:
    found = decide_batching(SETTINGS, model(dtype=torch.bfloat16))
    step = found.max_batch_tokens
    assert step * (found.num_blocks * found.page_size + step) * 2 < GIB / 8


def test_on_a_gpu_the_cache_with_its_mask_is_within_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (20 * GIB, 24 * GIB))
    unplanned = replace(SETTINGS, kv_cache_bytes=0)
    found = decide_batching(unplanned, model(dtype=torch.bfloat16, device="cuda"))
    tokens = found.num_blocks * found.page_size
    cache = 2 * CONFIG.num_hidden_layers * CONFIG.num_key_value_heads * 64 * 2 * tokens
    mask = found.max_batch_tokens * (tokens + found.max_batch_tokens) * 2
    assert 12 * GIB < cache + mask < 18 * GIB
