"""Alibaba's Qwen3.5 and 3.6 with experts; the cache is that of their dense siblings.

Shapes from the models' config.json; sizes as KAITO 0.12's catalogue adds the weight files up (spec
section 3.3). Parameters are the figures in the name. The commit of Qwen3.6-35B-A3B is the one
NVIDIA's Megatron-Bridge verifies against.
"""

from dataclasses import replace

from kaito.base.quantity import parse_bytes
from kaito.catalog.families.qwen3_5 import mixed_cache, preset
from kaito.catalog.preset import ModelFacts
from kaito.catalog.quantization import Quantization

_GPTQ = Quantization(method="gptq", bits=4)
_122B = ModelFacts(
    architecture="Qwen3_5MoeForConditionalGeneration",
    weights_bytes=parse_bytes("232.99Gi"),
    context_tokens=262_144,
    cache=mixed_cache(48, kv_heads=2, value_heads=64),
    layers=48,
    hidden_size=3072,
    attention_heads=32,
    vocabulary=248_320,
    parameters=122_000_000_000,
    active_parameters=10_000_000_000,
    experts=256,
    experts_per_token=8,
    is_multimodal=True,
)
_397B = ModelFacts(
    architecture="Qwen3_5MoeForConditionalGeneration",
    weights_bytes=parse_bytes("219.56Gi"),
    context_tokens=262_144,
    cache=mixed_cache(60, kv_heads=2, value_heads=64),
    layers=60,
    hidden_size=4096,
    attention_heads=32,
    vocabulary=248_320,
    parameters=397_000_000_000,
    active_parameters=17_000_000_000,
    experts=512,
    experts_per_token=10,
    quantization=_GPTQ,
    is_multimodal=True,
)
_35B = ModelFacts(
    architecture="Qwen3_5MoeForConditionalGeneration",
    weights_bytes=70_214_365_792,
    context_tokens=262_144,
    cache=mixed_cache(40, kv_heads=2, value_heads=32),
    layers=40,
    hidden_size=2048,
    attention_heads=16,
    vocabulary=248_320,
    parameters=35_000_000_000,
    active_parameters=3_000_000_000,
    experts=256,
    experts_per_token=8,
    is_multimodal=True,
)
_122B_GPTQ = replace(_122B, weights_bytes=parse_bytes("73.47Gi"), quantization=_GPTQ)
_35B_FP8 = replace(
    _35B,
    weights_bytes=parse_bytes("34.90Gi"),
    quantization=Quantization(method="fp8", bits=8),
)
_QWEN3_6_35B = preset("Qwen/Qwen3.6-35B-A3B", "66.97Gi", 81_920, _35B)

PRESETS = (
    preset("Qwen/Qwen3.5-122B-A10B-GPTQ-Int4", "73.47Gi", 98_304, _122B_GPTQ),
    preset("Qwen/Qwen3.5-122B-A10B", "232.99Gi", 98_304, _122B),
    preset("Qwen/Qwen3.5-397B-A17B-GPTQ-Int4", "219.56Gi", 122_880, _397B),
    preset("Qwen/Qwen3.6-35B-A3B-FP8", "34.90Gi", 81_920, _35B_FP8),
    replace(_QWEN3_6_35B, revision="995ad96eacd98c81ed38be0c5b274b04031597b0"),
)
