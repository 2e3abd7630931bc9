"""Which kind of attention each layer of a model has, from its config.json.

Families say it in a dozen ways: a list, a pattern, an interval, a window with a switch. Each is one
function here, asked in order; what none of them explains is full attention, the upper figure.
"""

from collections.abc import Callable
from typing import Literal

from kaito.catalog.keys import Keys

Kind = Literal["full", "sliding", "state", "both", "none"]

_KINDS: dict[str, Kind] = {
    "full_attention": "full",
    "attention": "full",
    "global": "full",
    # vLLM keeps all of a chunked layer's cache unless its hybrid manager is forced on.
    "chunked_attention": "full",
    "indexed_attention": "full",
    "sliding_attention": "sliding",
    "sliding_window": "sliding",
    "linear_attention": "state",
    "mamba": "state",
    "mamba2": "state",
    "conv": "state",
    "hybrid": "both",
    "mlp": "none",
    "moe": "none",
}
_FULL: Kind = "full"
_LETTERS: dict[str, Kind] = {"M": "state", "*": "full", "-": "none", "E": "none"}
_WINDOW_LETTERS: dict[str, Kind] = {"L": "sliding", "G": "full"}
# What transformers fills in where a config of that model_type leaves the interval out: every n-th
# layer is full attention, the others slide or keep a state.
_SLIDING_INTERVALS = {
    "gemma2": 2,
    "gpt_oss": 2,
    "cohere2": 4,
    "olmo3": 4,
    "gemma3n_text": 5,
    "gemma3": 6,
    "gemma3_text": 6,
    "gemma4": 6,
    "gemma4_text": 6,
    "gemma4_unified": 6,
    "gemma4_unified_text": 6,
}
_STATE_INTERVALS = {"qwen3_next": 4, "qwen3_5_text": 4, "qwen3_5_moe_text": 4}
_ALL_STATE = frozenset({"mamba", "mamba2", "falcon_mamba", "bamba"})
_ALL_BOTH = frozenset({"falcon_h1"})
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


def layer_kinds(keys: Keys) -> tuple[Kind, ...]:
    """One kind for each layer, first to last; `ValueError` names what is missing or wrong."""
    listed = _listed(keys)
    if keys.find_number(*_LAYERS) is None and listed:
        return listed
    layers = keys.layers(*_LAYERS)
    if listed:
        if len(listed) < layers:
            raise ValueError(f"{keys.where}: {len(listed)} layer types for {layers} layers")
        return listed[:layers]
    for explain in _EXPLANATIONS:
        kinds = explain(keys, layers)
        if kinds:
            return kinds
    return _all("full", layers)


def _listed(keys: Keys) -> tuple[Kind, ...]:
    """From a list with a name a layer, or a pattern with a letter a layer."""
    names = keys.texts("layers_block_type") or keys.texts("layer_types")
    pattern = keys.text("hybrid_override_pattern").upper()
    if names:
        return tuple(_KINDS.get(name, _FULL) for name in names)
    return tuple(_LETTERS[letter] for letter in pattern if letter in _LETTERS)


def _uniform(keys: Keys, layers: int) -> tuple[Kind, ...]:
    model_type = keys.text("model_type")
    if model_type in _ALL_STATE:
        return _all("state", layers)
    return _all("both", layers) if model_type in _ALL_BOTH else ()


def _by_indices(keys: Keys, layers: int) -> tuple[Kind, ...]:
    """Bamba and LFM2 name the layers of attention; Kimi Linear too, counted from one."""
    linear = keys.nested("linear_attn_config")
    full = set(keys.numbers("attn_layer_indices") or keys.numbers("full_attn_idxs"))
    if linear is not None:
        full = {number - 1 for number in linear.numbers("full_attn_layers")}
    if not full:
        return ()
    return tuple(_full(index in full, "state") for index in range(layers))


def _by_period(keys: Keys, layers: int) -> tuple[Kind, ...]:
    """Jamba: one layer of attention in each period, at an offset."""
    period = keys.find_number("attn_layer_period")
    if period is None:
        return ()
    offset = keys.count("attn_layer_offset")
    return tuple(_full(index % period == offset, "state") for index in range(layers))


def _by_state_interval(keys: Keys, layers: int) -> tuple[Kind, ...]:
    default = _STATE_INTERVALS.get(keys.text("model_type"), 0)
    if not default and "linear_num_value_heads" not in keys:
        return ()
    interval = keys.number("full_attention_interval", default=default or 4)
    return tuple(_full((index + 1) % interval == 0, "state") for index in range(layers))


def _by_window_interval(keys: Keys, layers: int) -> tuple[Kind, ...]:
    letters = keys.text("sliding_window_pattern").upper()
    if letters:
        kinds = [_WINDOW_LETTERS.get(letter, _FULL) for letter in letters]
        return tuple(kinds[index % len(kinds)] for index in range(layers))
    default = _SLIDING_INTERVALS.get(keys.text("model_type"), 0)
    interval = keys.find_number("sliding_window_pattern", "_sliding_window_pattern") or default
    if not interval:
        return ()
    return tuple(_full((index + 1) % interval == 0, "sliding") for index in range(layers))


def _by_window(keys: Keys, layers: int) -> tuple[Kind, ...]:
    """One window for all layers, or for those above a bound; switched off unless it says so."""
    if not keys.count("sliding_window"):
        return ()
    if "use_sliding_window" not in keys:
        return _all("sliding", layers)
    if not keys.flag("use_sliding_window"):
        return ()
    first = keys.count("max_window_layers")
    return tuple(_full(index < first, "sliding") for index in range(layers))


def _all(kind: Kind, layers: int) -> tuple[Kind, ...]:
    return (kind,) * layers


def _full(is_full: bool, other: Kind) -> Kind:
    return _FULL if is_full else other


_EXPLANATIONS: tuple[Callable[[Keys, int], tuple[Kind, ...]], ...] = (
    _by_indices,
    _uniform,
    _by_period,
    _by_state_interval,
    _by_window_interval,
    _by_window,
)
