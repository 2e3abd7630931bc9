"""The blocks of a compressed cache: DeepSeek V4, where several tokens share one entry.

vLLM packs pages of different sizes side by side there (`_get_packed_kv_cache_groups` in
v1/core/kv_cache_utils.py). Sizes as in models/deepseek_v4 (attention.py, compressor.py) and
v1/attention/backends/mla/sparse_swa.py: blocks of 256 tokens for the compressed sequence, of 64 for
its sliding window, of 4 or 8 for the tokens still to be compressed, which count as a window too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from kaito.catalog.cache_layers import CacheLayers, LatentLayers

_BLOCK, _WINDOW_BLOCK = 256, 64
_PACKED_ALIGNMENT, _PLAIN_ALIGNMENT = 576, 512
"""Bytes that a page is rounded up to: the decode kernel's stride in an 8-bit cache."""
_STATE_BYTES = 4
"""Tokens to be compressed are kept in 32 bits, a value and a score of each element."""
_OVERLAPPED = 4
"""At this ratio groups of tokens overlap, so that two of them are kept."""
_INDEX_SCALE_BYTES = 4


class PackedBucket(NamedTuple):
    """Layers that need the same slots; their pages may differ in size."""

    pages: tuple[tuple[int, int], ...]
    """Numbers of layers and the bytes of their page."""
    block_tokens: int
    window_tokens: int = 0

    @property
    def most(self) -> int:
        """Layers of the page that most have."""
        return max(layers for layers, _ in self.pages)

    @property
    def is_balanced(self) -> bool:
        """Whether each page has as many layers."""
        return len({layers for layers, _ in self.pages}) == 1

    def widest(self, groups: int, stages: int) -> int:
        """Bytes of the largest group when it is split into so many."""
        return sum(-(-layers // groups // stages) * page for layers, page in self.pages)


def is_compressed(groups: tuple[CacheLayers, ...]) -> bool:
    """Whether tokens share entries."""
    return any(isinstance(each, LatentLayers) and each.tokens_per_entry > 1 for each in groups)


def packed_buckets(groups: tuple[CacheLayers, ...], element: int) -> tuple[PackedBucket, ...]:
    """The window, the compressed sequence, and the pending tokens of each ratio."""
    align = _PACKED_ALIGNMENT if element == 1 else _PLAIN_ALIGNMENT
    latent = [each for each in groups if isinstance(each, LatentLayers)]
    windows, sequence = [], []
    pending: dict[int, list[tuple[int, int]]] = {}
    for each in latent:
        entry, ratio = each.entry_bytes(element), each.tokens_per_entry
        if each.window_tokens:
            page = _aligned(_WINDOW_BLOCK * entry, align)
            windows.append(PackedBucket(((each.layers, page),), _WINDOW_BLOCK, each.window_tokens))
            continue
        sequence.append((each.layers, _aligned(_BLOCK // ratio * entry, align)))
        row = 2 * _kept(ratio) * (each.width or entry - _INDEX_SCALE_BYTES) * _STATE_BYTES
        page = _aligned(_pending_block(ratio) * row, align)
        pending.setdefault(ratio, []).append((each.layers, page))
    states = [
        PackedBucket(tuple(pages), _pending_block(ratio), _kept(ratio) * ratio)
        for ratio, pages in pending.items()
    ]
    return (*windows, PackedBucket(tuple(sequence), _BLOCK), *states)


def split_counts(buckets: Sequence[PackedBucket]) -> tuple[int, ...]:
    """Into how many groups each bucket is split, so that all fill a block alike."""
    mixed = [each.most for each in buckets if each.is_balanced and len(each.pages) > 1]
    if not mixed:
        return tuple(1 for _ in buckets)
    repeats = _least_padded([each.most for each in buckets if each.is_balanced], max(mixed))
    return tuple(-(-each.most // repeats) if each.is_balanced else 1 for each in buckets)


def _least_padded(counts: Sequence[int], least: int) -> int:
    """The size of which the counts need least padding to be multiples; of equals the largest."""
    sizes = range(least, max(*counts, least) + 1)
    return min(sizes, key=lambda size: (sum(-count % size for count in counts), -size))


def _kept(ratio: int) -> int:
    return 2 if ratio == _OVERLAPPED else 1


def _pending_block(ratio: int) -> int:
    return 4 if ratio == _OVERLAPPED else 8


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
