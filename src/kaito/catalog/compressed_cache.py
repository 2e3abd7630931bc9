"""The caches of DeepSeek V4's layers, where 4 or 128 tokens share one entry.

Every layer slides over the last tokens at full resolution; most also keep the compressed sequence,
those of ratio 4 with an indexer beside it, and the tokens still to be compressed in 32 bits. Bytes
of an entry as in vLLM's models/deepseek_v4 (attention.py, compressor.py).
"""

from dataclasses import dataclass

from kaito.catalog.cache_layers import CacheLayers, LatentLayers, StateLayers

_SCALED = 64
"""Elements that share one scale of a byte in an 8-bit entry; the scales fill 8 bytes."""
_INDEX_SCALED = 128
"""Elements of an indexer's key that share one scale of four bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """The numbers of layers of each kind, and the sizes of what they keep."""

    layers: int
    by_4: int
    by_128: int
    width: int = 512
    rotary: int = 64
    """Of the width, elements that stay at 16 bits in an 8-bit cache."""
    index_size: int = 128
    window_tokens: int = 128


def compressed_layers(shape: Compression) -> tuple[CacheLayers, ...]:
    """Groups of like layers; kinds that no layer has are left out."""
    plain = shape.width - shape.rotary
    packed = plain + 2 * shape.rotary + -(-plain // _SCALED // 8) * 8
    index = shape.index_size + shape.index_size // _INDEX_SCALED * 4
    groups: tuple[CacheLayers, ...] = (
        LatentLayers(
            layers=shape.layers,
            width=shape.width,
            packed_bytes=packed,
            window_tokens=shape.window_tokens,
        ),
        LatentLayers(layers=shape.by_4, width=shape.width, packed_bytes=packed, tokens_per_entry=4),
        LatentLayers(layers=shape.by_4, packed_bytes=index, tokens_per_entry=4),
        LatentLayers(
            layers=shape.by_128, width=shape.width, packed_bytes=packed, tokens_per_entry=128
        ),
        # Values and scores of two groups of 4 tokens, of the indexer too, or of one of 128.
        _pending(shape.by_4, 8 * 2 * 2 * shape.width),
        _pending(shape.by_4, 8 * 2 * 2 * shape.index_size),
        _pending(shape.by_128, 128 * 2 * shape.width),
    )
    return tuple(group for group in groups if group.layers)


def _pending(layers: int, elements: int) -> StateLayers:
    return StateLayers(layers=layers, heads=1, head_elements=elements, element_bytes=4)
