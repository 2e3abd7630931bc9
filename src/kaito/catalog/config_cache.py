"""The caches of a model's layers, from its config.json.

Shapes as vLLM allocates them: full attention and windows in vllm/v1/kv_cache_interface.py, latent
vectors in model_executor/layers/attention/mla_attention.py, compressed ones in models/deepseek_v4.
"""

from collections import Counter
from dataclasses import replace

from kaito.catalog.cache_layers import CacheLayers, HeadLayers, LatentLayers
from kaito.catalog.compressed_cache import Compression, compressed_layers
from kaito.catalog.config_layers import Kind, layer_kinds
from kaito.catalog.config_states import state_layers
from kaito.catalog.keys import Keys

HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads")
_KV_HEADS = (
    "num_key_value_heads",
    "n_head_kv",
    "num_kv_heads",
    "n_kv_heads",
    "multi_query_group_num",
)
_HEAD_SIZE = ("head_dim", "attention_head_dim", "kv_channels", "hidden_size_per_head")
# vLLM serves these with the latent vector expanded to heads.
_EXPANDED = frozenset({"minicpm3"})
_INDEX_BLOCK = 128
"""Elements of an indexer's key that share one scale of four bytes."""


def cache_layers(keys: Keys) -> tuple[CacheLayers, ...]:
    """Groups of like layers; `ValueError` names what is missing or wrong."""
    ratios = keys.numbers("compress_ratios") or _ratios_of_types(keys)
    if ratios:
        return _compressed(keys, ratios)
    kinds = layer_kinds(keys)
    if "kv_lora_rank" in keys and keys.text("model_type") not in _EXPANDED:
        attention = _latent(keys, kinds)
    else:
        attention = _heads(keys, kinds)
    states = sum(kind in ("state", "both") for kind in kinds)
    return (*attention, *((state_layers(keys, states),) if states else ()))


def _heads(keys: Keys, kinds: tuple[Kind, ...]) -> tuple[CacheLayers, ...]:
    """Layers with a cache of their own, grouped by what one of them keeps."""
    own = len(kinds) - keys.count("num_kv_shared_layers")
    overrides = keys.overrides("per_layer_config")
    blocks = keys.objects("block_configs")
    groups: Counter[HeadLayers] = Counter()
    for index, kind in enumerate(kinds[: max(own, 0)]):
        if kind in ("state", "none"):
            continue
        layer = keys.over(overrides[index]) if index in overrides else keys
        shape = _head_shape(layer, kind)
        block = blocks[index] if index < len(blocks) else None
        found = shape if block is None else _of_block(layer, block, shape)
        if found is not None:
            groups[found] += 1
    return tuple(replace(shape, layers=count) for shape, count in groups.items())


def _head_shape(keys: Keys, kind: Kind) -> HeadLayers:
    """What one layer keeps; Gemma 4's full layers have heads of their own."""
    kv_heads, size = _kv_heads(keys), _head_size(keys)
    if kind == "full" and "global_head_dim" in keys:
        size = keys.number("global_head_dim")
        if keys.flag("attention_k_eq_v") or "attention_k_eq_v" not in keys:
            kv_heads = keys.number("num_global_key_value_heads", default=kv_heads)
    window = keys.count("sliding_window") if kind == "sliding" else 0
    # Where latent vectors are expanded, values are padded to the keys' size.
    value = 0 if "kv_lora_rank" in keys else keys.find_number("v_head_dim") or 0
    return HeadLayers(
        layers=1,
        kv_heads=kv_heads,
        key_size=size,
        value_size=0 if value == size else value,
        window_tokens=window,
    )


def _of_block(keys: Keys, block: Keys, shape: HeadLayers) -> HeadLayers | None:
    """A pruned model's layer (Nemotron-NAS): without attention, or with heads of its own."""
    attention = block.nested("attention")
    if attention is None:
        return shape
    if attention.flag("no_op") or attention.flag("replace_with_linear"):
        return None
    share = attention.find_number("n_heads_in_group")
    if share is None:
        return shape
    return replace(shape, kv_heads=max(keys.number(*HEADS) // share, 1))


def _kv_heads(keys: Keys) -> int:
    heads = keys.number(*HEADS)
    nested = keys.nested("attn_config")
    if nested is not None and "kv_n_heads" in nested:
        return nested.number("kv_n_heads")
    is_new = keys.flag("new_decoder_architecture") or keys.text("model_type") == "refinedweb"
    if keys.flag("multi_query") and not is_new:
        return 1
    return keys.number(*_KV_HEADS, default=heads)


def _head_size(keys: Keys) -> int:
    if "qk_nope_head_dim" in keys:
        return keys.number("qk_nope_head_dim") + keys.count("qk_rope_head_dim")
    found = keys.find_number(*_HEAD_SIZE)
    if found is not None:
        return found
    size = keys.number(*HIDDEN) // keys.number(*HEADS)
    if not size:
        raise ValueError(f"{keys.where}: more attention heads than elements of the hidden state")
    return size


def _latent(keys: Keys, kinds: tuple[Kind, ...]) -> tuple[CacheLayers, ...]:
    """One vector a layer and token, and an indexer's key beside it where there is an indexer."""
    layers = sum(kind in ("full", "sliding", "both") for kind in kinds)
    if not layers:
        return ()
    rank, rotary = keys.number("kv_lora_rank"), keys.count("qk_rope_head_dim")
    if "index_topk" not in keys or "index_head_dim" not in keys:
        return (LatentLayers(layers=layers, width=rank + rotary),)
    # In 8 bits vLLM packs the latent part with its scales and keeps the rotary part at 16.
    packed = rank + -(-rank // _INDEX_BLOCK) * 4 + 2 * rotary
    main = LatentLayers(layers=layers, width=rank + rotary, packed_bytes=packed)
    indexers = _indexers(keys, layers)
    return (main, LatentLayers(layers=indexers, packed_bytes=_index_bytes(keys)))


def _indexers(keys: Keys, layers: int) -> int:
    """Layers with an indexer of their own; the others use the choice of one before them."""
    listed = keys.texts("indexer_types")
    if listed:
        return sum(kind == "full" for kind in listed[:layers])
    pattern = keys.text("index_topk_pattern").upper()
    if pattern:
        return sum(letter != "S" for letter in pattern[:layers])
    every = keys.number("index_topk_freq", default=1)
    skip = keys.number("index_skip_topk_offset", default=2)
    return sum(max(index - skip + 1, 0) % every == 0 for index in range(layers))


def _index_bytes(keys: Keys) -> int:
    size = keys.number("index_head_dim")
    return size + size // _INDEX_BLOCK * 4


_RATIOS = {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}


def _ratios_of_types(keys: Keys) -> tuple[int, ...]:
    """The same schedule by names, as transformers writes it."""
    names = keys.texts("layer_types")
    if not any(name in _RATIOS for name in names):
        return ()
    return tuple(_RATIOS.get(name, 0) for name in names)


def _compressed(keys: Keys, ratios: tuple[int, ...]) -> tuple[CacheLayers, ...]:
    """DeepSeek V4: a window in every layer, and the sequence compressed by 4 or by 128."""
    layers = keys.layers("num_hidden_layers")
    shape = Compression(
        layers=layers,
        by_4=sum(ratio == 4 for ratio in ratios[:layers]),
        by_128=sum(ratio > 4 for ratio in ratios[:layers]),
        width=keys.number("head_dim"),
        rotary=keys.number("qk_rope_head_dim", default=64),
        index_size=keys.number("index_head_dim", default=128),
        window_tokens=keys.number("sliding_window", default=128),
    )
    if shape.rotary > shape.width:
        raise ValueError(f"{keys.where}: qk_rope_head_dim is larger than head_dim")
    return compressed_layers(shape)
