"""The recurrent states of a model's layers, from its config.json.

One function a kind of layer, tried in order by the keys it needs; shapes as in
vllm/model_executor/layers/mamba/mamba_utils.py.
"""

from collections.abc import Callable

from kaito.catalog.cache_layers import StateLayers
from kaito.catalog.keys import Keys

_HIDDEN = ("hidden_size", "d_model", "n_embd", "dim")
_MAMBA2_HEADS = ("mamba_num_heads", "mamba_n_heads", "n_mamba_heads", "num_heads")
_MAMBA2_HEAD_SIZE = ("mamba_head_dim", "mamba_headdim", "mamba_d_head", "head_dim")
_STATE_SIZE = ("ssm_state_size", "mamba_d_state", "state_size", "d_state")
_GROUPS = ("n_groups", "mamba_n_groups", "mamba_ngroups")
_KERNEL = ("conv_kernel", "mamba_d_conv", "d_conv")
_SHORT_KERNEL = ("short_conv_kernel_size", "linear_conv_kernel_dim")
_EXPAND = ("mamba_expand", "expand")
_TYPE = ("mamba_ssm_cache_dtype", "mamba_ssm_dtype")
_TYPE_BYTES = {"float32": 4, "torch.float32": 4}
# vLLM keeps these models' states in 32 bits even where the config does not ask for it.
_WIDE = frozenset({"nemotron_h"})


def state_layers(keys: Keys, layers: int) -> StateLayers:
    """The group of `layers` layers; `ValueError` when no key tells their state's shape."""
    for read in _KINDS:
        found = read(keys, layers)
        if found is not None:
            return found
    raise ValueError(
        f"{keys.where}: {layers} layers keep a state and no key that we know tells its shape"
    )


def _kimi_delta(keys: Keys, layers: int) -> StateLayers | None:
    linear = keys.nested("linear_attn_config")
    if linear is None and "linear_num_heads" not in keys:
        return None
    linear = linear or keys
    heads = linear.number("num_heads", "linear_num_heads")
    size = linear.number("linear_head_dim", "head_dim")
    return StateLayers(
        layers=layers,
        heads=heads,
        head_elements=size * size,
        element_bytes=4,
        conv_channels=3 * heads * size,
        conv_tokens=linear.number(*_SHORT_KERNEL, default=4) - 1,
    )


def _gated_delta(keys: Keys, layers: int) -> StateLayers | None:
    if "linear_num_value_heads" not in keys:
        return None
    heads, value = keys.number("linear_num_value_heads"), keys.number("linear_value_head_dim")
    key_heads, key = keys.number("linear_num_key_heads"), keys.number("linear_key_head_dim")
    return StateLayers(
        layers=layers,
        heads=heads,
        head_elements=value * key,
        element_bytes=_element_bytes(keys),
        conv_channels=2 * key_heads * key + heads * value,
        conv_tokens=keys.number("linear_conv_kernel_dim", default=4) - 1,
    )


def _mamba2(keys: Keys, layers: int) -> StateLayers | None:
    heads = keys.find_number(*_MAMBA2_HEADS)
    state = keys.find_number(*_STATE_SIZE)
    if heads is None or state is None:
        return None
    groups = keys.number(*_GROUPS, default=1)
    size = _mamba2_head_size(keys, heads)
    return StateLayers(
        layers=layers,
        heads=heads,
        head_elements=size * state,
        element_bytes=_element_bytes(keys),
        conv_channels=heads * size + 2 * groups * state,
        conv_tokens=keys.number(*_KERNEL, default=4) - 1,
        groups=groups,
        group_channels=2 * state,
    )


def _mamba2_head_size(keys: Keys, heads: int) -> int:
    """Given, or as many as the widened hidden state has for each head (`"auto"`)."""
    if not keys.text("mamba_d_head"):
        found = keys.find_number(*_MAMBA2_HEAD_SIZE)
        if found is not None:
            return found
    widened = keys.number(*_HIDDEN) * keys.number(*_EXPAND, default=2)
    return max(widened // heads, 1)


def _mamba1(keys: Keys, layers: int) -> StateLayers | None:
    state = keys.find_number(*_STATE_SIZE)
    if state is None:
        return None
    widened = keys.number(*_HIDDEN) * keys.number(*_EXPAND, default=2)
    return StateLayers(
        layers=layers,
        heads=widened,
        head_elements=state,
        element_bytes=_element_bytes(keys),
        conv_channels=widened,
        conv_tokens=keys.number(*_KERNEL, default=4) - 1,
    )


def _short_convolution(keys: Keys, layers: int) -> StateLayers | None:
    if "conv_L_cache" not in keys:
        return None
    return StateLayers(
        layers=layers,
        conv_channels=keys.number("conv_dim", *_HIDDEN),
        conv_tokens=keys.number("conv_L_cache") - 1,
    )


def _element_bytes(keys: Keys) -> int:
    named = keys.text(*_TYPE)
    if named and named != "auto":
        return _TYPE_BYTES.get(named, 2)
    return 4 if keys.text("model_type") in _WIDE else 2


_KINDS: tuple[Callable[[Keys, int], StateLayers | None], ...] = (
    _kimi_delta,
    _gated_delta,
    _mamba2,
    _mamba1,
    _short_convolution,
)
