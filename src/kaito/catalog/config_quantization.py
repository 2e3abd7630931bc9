"""How a model's weights are quantised, from its config.json.

Methods are named as vLLM normalises them (transformers_utils/model_arch_config_convertor.py).
"""

from kaito.catalog.keys import Keys
from kaito.catalog.quantization import Quantization

_BITS = {
    "awq": 4,
    "bitsandbytes": 8,
    "eetq": 8,
    "experts_int8": 8,
    "fbgemm_fp8": 8,
    "fp8": 8,
    "fp_quant": 4,
    "gptq": 4,
    "hqq": 4,
    "mxfp4": 4,
    "mxfp8": 8,
}
"""Where the config names no number of bits."""
_BITS_KEYS = ("bits", "w_bit", "nbits", "num_bits")
_UNKNOWN_BITS = 8
_MODELOPT = {"nvfp4": "modelopt_fp4", "mixed_precision": "modelopt_mixed"}


def read_quantization(*places: Keys) -> Quantization | None:
    """What the first of the places says that says anything; None: the weights are not quantised."""
    for keys in places:
        found = keys.nested("quantization_config", "compression_config", "quantization")
        if found is not None:
            return _read(found)
    return None


def _read(keys: Keys) -> Quantization:
    # ModelOpt writes its own file's contents one level down.
    inner = keys.nested("quantization")
    keys = keys if inner is None else keys.over(inner)
    method, layout = _method(keys), keys.text("format", "quant_algo")
    return Quantization(
        method=method,
        bits=_bits(keys, method, layout),
        format=layout,
        cache_bits=_cache_bits(keys),
    )


def _method(keys: Keys) -> str:
    named = keys.text("quant_method").replace("compressed_tensors", "compressed-tensors")
    algorithm = keys.text("quant_algo")
    if algorithm and named in ("", "modelopt"):
        return _MODELOPT.get(algorithm, "modelopt")
    if not named and keys.text("qformat_weight").startswith("fp8"):
        return "fp8"
    return named or "unknown"


def _bits(keys: Keys, method: str, layout: str) -> int:
    """Bits of most weights: said outright, by a group of layers, or by the layout's name."""
    if keys.flag("load_in_4bit") or keys.flag("_load_in_4bit"):
        return 4
    groups = keys.nested("config_groups")
    weights = [group.nested("weights") for group in groups.values()] if groups else []
    for place in (keys, *(found for found in weights if found is not None)):
        found = place.find_number(*_BITS_KEYS)
        if found is not None:
            return min(found, 32)
    if "4" in layout or layout == "pack-quantized":
        return 4
    return _BITS.get(method, _UNKNOWN_BITS)


def _cache_bits(keys: Keys) -> int:
    """8 where the checkpoint has scales for the cache; 4 bits count as 8, the upper figure."""
    scheme = keys.nested("kv_cache_scheme")
    if scheme is not None:
        return 8 if scheme.number("num_bits", default=16) <= 8 else 16
    return 8 if keys.text("kv_cache_quant_algo").startswith(("fp8", "nvfp4")) else 16
