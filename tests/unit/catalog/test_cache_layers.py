"""What groups of layers keep for a sequence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.catalog.cache_layers import (
    CacheLayers,
    HeadLayers,
    LatentLayers,
    StateLayers,
    held_tokens,
    sequence_bytes,
    token_bytes,
)

GROUPED = HeadLayers(layers=32, kv_heads=8, key_size=128)
SLIDING = HeadLayers(layers=32, kv_heads=8, key_size=128, window_tokens=1024)
LATENT = LatentLayers(layers=61, width=576, packed_bytes=656)
INDEXER = LatentLayers(layers=61, packed_bytes=132)
COMPRESSED = LatentLayers(layers=1, width=512, packed_bytes=584, tokens_per_entry=4)
# NVIDIA-Nemotron-3-Super-120B-A12B's Mamba-2 layers; the expected sizes are vLLM 0.32's
# MambaStateShapeCalculator.mamba2_state_shape at 16 and 32 bits.
MAMBA2 = StateLayers(
    layers=40,
    heads=128,
    head_elements=64 * 128,
    element_bytes=4,
    conv_channels=128 * 64 + 2 * 8 * 128,
    conv_tokens=3,
    groups=8,
    group_channels=2 * 128,
)
# Qwen3.5-9B's gated delta nets; as above, gated_delta_net_state_shape.
DELTA = StateLayers(
    layers=24,
    heads=32,
    head_elements=128 * 128,
    element_bytes=4,
    conv_channels=(2 * 16 + 32) * 128,
    conv_tokens=3,
)


@pytest.mark.parametrize(
    ("group", "ranks", "element_bytes", "size"),
    [
        (GROUPED, 1, 2, 32 * 8 * 256 * 2),
        (GROUPED, 4, 2, 32 * 2 * 256 * 2),
        (GROUPED, 16, 2, 32 * 1 * 256 * 2),
        (GROUPED, 1, 1, 32 * 8 * 256),
        (HeadLayers(layers=1, kv_heads=2, key_size=192, value_size=128), 1, 2, 2 * 320 * 2),
        (LATENT, 1, 2, 61 * 1152),
        (LATENT, 8, 2, 61 * 1152),
        (LATENT, 8, 1, 61 * 656),
        (LatentLayers(layers=61, width=576), 1, 1, 61 * 576),
        (INDEXER, 1, 2, 61 * 132),
        (COMPRESSED, 1, 1, 146),
        (MAMBA2, 1, 2, 0),
    ],
)
def test_a_token_takes_its_entries_on_each_rank(
    group: CacheLayers, ranks: int, element_bytes: int, size: int
) -> None:
    assert group.token_bytes(tensor_parallel=ranks, element_bytes=element_bytes) == size


@pytest.mark.parametrize(
    ("group", "ranks", "size"),
    [
        (MAMBA2, 1, 170_229_760),
        (MAMBA2, 2, 85_114_880),
        (MAMBA2, 8, 21_278_720),
        (MAMBA2, 16, 10_670_080),
        (DELTA, 1, 51_511_296),
        (DELTA, 4, 12_877_824),
        (StateLayers(layers=2, heads=1, head_elements=10, element_bytes=4), 8, 80),
        (StateLayers(layers=1, conv_channels=64, conv_tokens=2), 1, 64 * 2 * 2),
    ],
)
def test_a_state_is_split_as_the_engine_splits_it(
    group: StateLayers, ranks: int, size: int
) -> None:
    assert group.sequence_bytes(tensor_parallel=ranks) == size


@pytest.mark.parametrize(
    ("group", "context", "in_flight", "held"),
    [
        (GROUPED, 5000, 0, 5000),
        (SLIDING, 5000, 0, 1023),
        (SLIDING, 5000, 2048, 3071),
        (SLIDING, 500, 2048, 500),
        (MAMBA2, 5000, 2048, 0),
    ],
)
def test_a_window_keeps_what_it_looks_back_at_and_what_is_being_computed(
    group: CacheLayers, context: int, in_flight: int, held: int
) -> None:
    assert held_tokens(group, context, in_flight_tokens=in_flight) == held


@pytest.mark.parametrize(
    ("group", "ranks", "can"),
    [
        (GROUPED, 4, True),
        (GROUPED, 16, True),
        (HeadLayers(layers=1, kv_heads=10, key_size=1), 4, False),
        (LATENT, 7, True),
        (DELTA, 32, True),
        (DELTA, 3, False),
    ],
)
def test_heads_are_divided_or_each_held_by_as_many_ranks(
    group: CacheLayers, ranks: int, can: bool
) -> None:
    assert group.can_split(ranks) is can


groups = st.one_of(
    st.builds(
        HeadLayers,
        layers=st.integers(1, 100),
        kv_heads=st.integers(1, 128),
        key_size=st.integers(1, 512),
        window_tokens=st.sampled_from((0, 128, 4096)),
    ),
    st.builds(
        LatentLayers,
        layers=st.integers(1, 100),
        width=st.integers(1, 1024),
        tokens_per_entry=st.sampled_from((1, 4, 128)),
    ),
    st.builds(
        StateLayers,
        layers=st.integers(1, 100),
        heads=st.integers(1, 256),
        head_elements=st.integers(1, 2**16),
        conv_channels=st.integers(0, 2**16),
        conv_tokens=st.integers(0, 3),
    ),
)


@given(st.tuples(groups, groups), st.integers(1, 2**20), st.sampled_from((1, 2, 4, 8)))
def test_more_context_never_keeps_less_and_ranks_together_never_less_than_one(
    pair: tuple[CacheLayers, CacheLayers], context: int, ranks: int
) -> None:
    alone = sequence_bytes(pair, context)
    assert alone <= sequence_bytes(pair, context + 1)
    assert alone <= ranks * sequence_bytes(pair, context, tensor_parallel=ranks)
    states = sum(group.sequence_bytes() for group in pair)
    assert alone <= context * token_bytes(pair) + states
