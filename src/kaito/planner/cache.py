"""How many tokens vLLM's key-value cache holds: its blocks, groups of layers and page sizes.

Follows vllm/v1/core/kv_cache_utils.py (`get_kv_cache_groups`, `get_kv_cache_config_from_groups`,
`get_kv_cache_capacity`) and the specs' `max_memory_usage_bytes` in v1/kv_cache_interface.py, of
version 0.32. One block is a page of every layer of a group. A model with several kinds of layers
has several groups that draw on one pool of blocks, so their pages are made equally large and their
layers equally many, with padding: that is why a hybrid model holds less than its bytes a token say.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypedDict, Unpack

from kaito.catalog.cache_layers import HeadLayers, LatentLayers, StateLayers
from kaito.catalog.preset import ModelFacts
from kaito.planner.packed_cache import is_compressed, packed_buckets, split_counts

_EVEN = 1.5
"""Below this ratio of layers, vLLM pads the smaller kinds instead of splitting the larger ones."""
_STATE_BLOCKS = 2
"""Blocks of a recurrent state that a request holds while prefixes are cached (`align` mode)."""
_CHECKPOINT_BLOCKS = 1
"""One more in Mamba-2, which can write a state from inside a prefill (mamba_mixer2.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLayout:
    """How the engine lays its cache out on one GPU."""

    block_tokens: int = 16
    """Of a block of the first attention layers: 16 on GPUs, 128 on CPUs."""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    element_bytes: int = 0
    """Of one element; 0: what the model asks for."""
    in_flight_tokens: int = 4096
    """Tokens being computed that a window cannot let go of: two batches, as steps overlap."""


class LayoutOptions(TypedDict, total=False):
    """The fields of `CacheLayout` as options."""

    block_tokens: int
    tensor_parallel: int
    pipeline_parallel: int
    element_bytes: int | None
    in_flight_tokens: int


class _Kind(NamedTuple):
    """Layers whose caches are alike."""

    layers: int
    page_bytes: int
    """Of one block of one layer."""
    block_tokens: int
    """0: a state, whatever the length."""
    window_tokens: int = 0
    state_blocks: int = 0


class _Group(NamedTuple):
    """What a sequence takes of the pool for `times` groups of one kind."""

    times: int
    block_tokens: int
    window_tokens: int
    state_blocks: int

    def blocks(self, context_tokens: int, in_flight_tokens: int) -> int:
        """Blocks of one sequence of that length."""
        if self.state_blocks:
            return self.times * self.state_blocks
        if not self.window_tokens:
            return self.times * -(-context_tokens // self.block_tokens)
        held = min(self.window_tokens - 1 + in_flight_tokens, context_tokens)
        # One more because the window need not begin where a block does.
        return self.times * (-(-held // self.block_tokens) + 1)


@dataclass(frozen=True, slots=True)
class BlockPool:
    """One GPU's cache as blocks that all groups share."""

    block_bytes: int
    groups: tuple[_Group, ...]
    in_flight_tokens: int

    def blocks_of(self, context_tokens: int) -> int:
        """Blocks that one sequence of that length takes."""
        return sum(group.blocks(context_tokens, self.in_flight_tokens) for group in self.groups)

    def concurrency(self, cache_bytes: int, context_tokens: int) -> float:
        """Sequences of that length the engine says it holds at once."""
        return cache_bytes // self.block_bytes / self.blocks_of(context_tokens)

    def tokens(self, cache_bytes: int, context_tokens: int) -> int:
        """The size in tokens that the engine reports at that length."""
        return int(self.concurrency(cache_bytes, context_tokens) * context_tokens)

    def bytes_for(self, context_tokens: int, sequences: int = 1) -> int:
        """The smallest cache that takes that many sequences; the engine keeps one block back."""
        return (self.blocks_of(context_tokens) * sequences + 1) * self.block_bytes

    def longest_context(self, cache_bytes: int, most: int, *, sequences: int = 1) -> int:
        """The longest sequence that fits, in whole blocks of 16 or `most`; 0 when none does."""
        room = (cache_bytes // self.block_bytes - 1) // sequences
        if self.blocks_of(most) <= room:
            return most
        low, high = 0, -(-most // 16)
        while low < high - 1:
            middle = (low + high) // 2
            if self.blocks_of(middle * 16) <= room:
                low = middle
            else:
                high = middle
        return low * 16


def engine_cache_tokens(
    facts: ModelFacts, cache_bytes: int, *, context_tokens: int, **layout: Unpack[LayoutOptions]
) -> int:
    """The tokens that vLLM reports for a cache of that size: `KV cache size: N tokens`.

    It is the sequences of `context_tokens` that fit, times their length: what a token takes
    depends on the length where layers slide or keep states.
    """
    plain = CacheLayout()
    resolved = CacheLayout(
        block_tokens=layout.get("block_tokens", plain.block_tokens),
        tensor_parallel=layout.get("tensor_parallel", plain.tensor_parallel),
        pipeline_parallel=layout.get("pipeline_parallel", plain.pipeline_parallel),
        element_bytes=layout.get("element_bytes") or plain.element_bytes,
        in_flight_tokens=layout.get("in_flight_tokens", plain.in_flight_tokens),
    )
    return block_pool(facts, resolved).tokens(cache_bytes, context_tokens)


@lru_cache(maxsize=4096)
def block_pool(facts: ModelFacts, layout: CacheLayout) -> BlockPool:
    """The pool of a model's cache under that layout."""
    if is_compressed(facts.cache):
        return _packed_pool(facts, layout)
    kinds = _kinds(facts, layout)
    if len({(kind.block_tokens, kind.window_tokens, kind.state_blocks) for kind in kinds}) == 1:
        # One kind, or kinds that need the same slots: one group, and pages may differ in size.
        bytes_a_block = sum(_staged(kind.layers, layout) * kind.page_bytes for kind in kinds)
        return BlockPool(bytes_a_block, (_Group(1, *kinds[0][2:]),), layout.in_flight_tokens)
    page = max(kind.page_bytes for kind in kinds)
    most, least = max(kind.layers for kind in kinds), min(kind.layers for kind in kinds)
    size = most if most < least * _EVEN else least
    groups, widest = [], 0
    for kind in kinds:
        count = -(-kind.layers // size)
        widest = max(widest, _staged(-(-kind.layers // count), layout))
        groups.append(_Group(count, _unified(kind, page), kind.window_tokens, kind.state_blocks))
    return BlockPool(widest * page, tuple(groups), layout.in_flight_tokens)


def _packed_pool(facts: ModelFacts, layout: CacheLayout) -> BlockPool:
    # The engine keeps such a cache in 8 bits whatever type is asked for.
    buckets = packed_buckets(facts.cache, 1)
    counts = split_counts(buckets)
    widest = max(
        bucket.widest(times, layout.pipeline_parallel)
        for bucket, times in zip(buckets, counts, strict=True)
    )
    groups = tuple(
        _Group(times, bucket.block_tokens, bucket.window_tokens, 0)
        for bucket, times in zip(buckets, counts, strict=True)
    )
    return BlockPool(widest, groups, layout.in_flight_tokens)


def _staged(layers: int, layout: CacheLayout) -> int:
    """Layers of the pipeline stage that has most of them."""
    return -(-layers // layout.pipeline_parallel)


def _unified(kind: _Kind, page: int) -> int:
    """Tokens of its block once its page is as large as the largest: more, or only padded."""
    return kind.block_tokens * (1 if page % kind.page_bytes else page // kind.page_bytes)


def _kinds(facts: ModelFacts, layout: CacheLayout) -> tuple[_Kind, ...]:
    element = layout.element_bytes or facts.cache_element_bytes
    if not facts.cache:
        scaled = max(facts.kv_bytes_per_token, 1) * element // 2
        return (_Kind(1, max(scaled, 1) * layout.block_tokens, layout.block_tokens),)
    attention = [g for g in facts.cache if not isinstance(g, StateLayers)]
    states = [g for g in facts.cache if isinstance(g, StateLayers)]
    each = [_entry_bytes(group, layout.tensor_parallel, element) for group in attention]
    tokens = layout.block_tokens
    largest = max((_state_bytes(state, layout) for state in states), default=0)
    if largest and each:
        # Blocks grow until a page of attention is no smaller than a state (interface.py).
        tokens *= -(-largest // (tokens * max(each)))
        largest = tokens * max(each)
    found = [
        _Kind(group.layers, size * tokens, tokens, group.window_tokens)
        for group, size in zip(attention, each, strict=True)
    ]
    found += [
        _Kind(state.layers, largest, 0, 0, _STATE_BLOCKS + _CHECKPOINT_BLOCKS * bool(state.groups))
        for state in states
    ]
    return tuple(found)


def _entry_bytes(group: HeadLayers | LatentLayers, ranks: int, element: int) -> int:
    """Bytes of one token in one layer of the group."""
    if isinstance(group, LatentLayers):
        return group.entry_bytes(element)
    return group.token_bytes(tensor_parallel=ranks, element_bytes=element) // group.layers


def _state_bytes(state: StateLayers, layout: CacheLayout) -> int:
    return state.sequence_bytes(tensor_parallel=layout.tensor_parallel) // state.layers
