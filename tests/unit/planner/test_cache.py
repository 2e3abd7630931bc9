"""The engine's cache: what vLLM 0.32's own code makes of the same layers.

The figures of the first table are those of its `get_kv_cache_groups`, `get_kv_cache_config_from_
groups` and `get_kv_cache_capacity`, called with specs of the catalogue's layers and 4096 tokens in
flight.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.base.quantity import GIB
from kaito.catalog.cache_layers import HeadLayers, LatentLayers, StateLayers
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts
from kaito.planner.cache import CacheLayout, block_pool, engine_cache_tokens

# Model, GiB of cache, context, bytes of an element; the engine's tokens.
ENGINE = (
    ("phi-4-mini-instruct", 20, 131_072, 2, 163_840),
    ("phi-4-mini-instruct", 20, 131_072, 1, 327_680),
    ("phi-3-mini-4k-instruct", 20, 4096, 2, 54_395),
    ("falcon-7b", 20, 2048, 2, 2_621_440),
    ("deepseek-r1-0528", 20, 163_840, 2, 305_584),
    ("gemma-3-27b-it", 20, 131_072, 2, 212_243),
    ("gemma-4-12b-it", 20, 262_144, 2, 941_713),
    ("gpt-oss-20b", 20, 131_072, 2, 846_427),
    ("nvidia-nemotron-nano-9b-v2", 20, 131_072, 2, 1_082_156),
    ("qwen3.5-9b", 20, 262_144, 2, 646_760),
    ("deepseek-v4-flash-0731", 40, 1_048_576, 1, 7_766_095),
    ("deepseek-v4-flash-0731", 40, 8192, 1, 203_862),
    ("deepseek-v4-pro", 40, 131_072, 1, 1_780_305),
)


def facts_of(name: str) -> ModelFacts:
    preset = find_preset(name)
    assert preset is not None
    assert preset.facts is not None
    return preset.facts


def layers(*groups: HeadLayers | LatentLayers | StateLayers) -> ModelFacts:
    return ModelFacts(architecture="A", weights_bytes=1, context_tokens=65_536, cache=groups)


@pytest.mark.parametrize(("name", "gib", "context", "element", "tokens"), ENGINE)
def test_the_cache_holds_what_the_engine_says(
    name: str, gib: int, context: int, element: int, tokens: int
) -> None:
    found = engine_cache_tokens(
        facts_of(name), gib * GIB, context_tokens=context, element_bytes=element
    )
    assert found == tokens


def test_heads_are_split_over_ranks_until_each_has_one() -> None:
    facts = facts_of("llama-3.1-8b-instruct")
    held = [
        engine_cache_tokens(facts, GIB, context_tokens=8192, tensor_parallel=ranks)
        for ranks in (1, 2, 8, 16)
    ]
    assert held == [8192, 16_384, 65_536, 65_536]


def test_a_latent_cache_is_held_whole_by_every_rank() -> None:
    facts = facts_of("deepseek-r1-0528")
    one, eight = (
        engine_cache_tokens(facts, GIB, context_tokens=8192, tensor_parallel=ranks)
        for ranks in (1, 8)
    )
    assert one == eight


def test_a_pipeline_splits_the_layers_of_the_cache() -> None:
    facts = facts_of("llama-3.3-70b-instruct")
    one, four = (
        block_pool(facts, CacheLayout(pipeline_parallel=stages)).block_bytes for stages in (1, 4)
    )
    assert one == 4 * four


def test_a_window_takes_what_is_in_flight_and_one_block_more() -> None:
    facts = layers(HeadLayers(layers=2, kv_heads=1, key_size=64, window_tokens=1024))
    pool = block_pool(facts, CacheLayout(in_flight_tokens=2048))
    assert pool.blocks_of(65_536) == -(-(1023 + 2048) // 16) + 1
    assert pool.blocks_of(512) == 512 // 16 + 1


def test_a_state_makes_blocks_grow_until_attention_fills_its_page() -> None:
    facts = layers(
        HeadLayers(layers=2, kv_heads=1, key_size=64),
        StateLayers(layers=4, heads=8, head_elements=1024, element_bytes=4),
    )
    pool = block_pool(facts, CacheLayout())
    # A state of 32 KiB against 256 bytes a token: blocks of 128 tokens, in groups of two layers.
    assert pool.block_bytes == 2 * 128 * 256
    assert pool.blocks_of(1280) == 10 + 2 * 2


def test_layers_of_a_few_more_are_padded_rather_than_split() -> None:
    facts = layers(
        HeadLayers(layers=10, kv_heads=1, key_size=64),
        HeadLayers(layers=12, kv_heads=1, key_size=64, window_tokens=256),
    )
    pool = block_pool(facts, CacheLayout())
    assert pool.block_bytes == 12 * 16 * 256
    assert len(pool.groups) == 2


def test_a_model_of_which_only_a_figure_is_known_is_counted_by_it() -> None:
    facts = ModelFacts(
        architecture="A", weights_bytes=1, kv_bytes_per_token=1024, context_tokens=8192
    )
    assert engine_cache_tokens(facts, GIB, context_tokens=8192) == 1_048_576


@given(
    gib=st.integers(1, 64),
    context=st.integers(1, 65_536),
    window=st.sampled_from((0, 512)),
    requests=st.integers(1, 8),
)
def test_the_longest_context_fits_and_the_next_block_does_not(
    gib: int, context: int, window: int, requests: int
) -> None:
    facts = layers(
        HeadLayers(layers=24, kv_heads=8, key_size=128),
        HeadLayers(layers=24, kv_heads=8, key_size=128, window_tokens=window),
    )
    pool = block_pool(facts, CacheLayout())
    longest = pool.longest_context(gib * GIB, context, sequences=requests)
    assert longest <= context
    if longest:
        assert pool.bytes_for(longest, requests) <= gib * GIB
        assert pool.concurrency(gib * GIB, longest) >= requests
    if longest < context:
        assert pool.bytes_for(min(longest + 16, context), requests) > gib * GIB
