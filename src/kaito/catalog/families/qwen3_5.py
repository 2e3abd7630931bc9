"""Alibaba's dense Qwen3.5, 3.6 and 3.8: three gated delta nets for each layer of full attention.

Shapes from the models' config.json; the states are kept in 32 bits as it asks (`mamba_ssm_dtype`);
sizes as KAITO 0.12's catalogue adds the weight files up (spec section 3.3), with the eyes and the
head for speculation. Parameters are the figure in the name. The commit of Qwen3.8-27B is the one
NVIDIA's Megatron-Bridge verifies against.
"""

from dataclasses import dataclass, replace

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import CacheLayers, HeadLayers, StateLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving

SERVING = Serving(gdn_prefill_backend="triton", can_offload_cache=False)
_KEY_HEADS = 16


def mixed_cache(layers: int, *, kv_heads: int, value_heads: int) -> tuple[CacheLayers, ...]:
    """Groups of a model whose every fourth layer is full attention."""
    full = layers // 4
    return (
        HeadLayers(layers=full, kv_heads=kv_heads, key_size=256),
        StateLayers(
            layers=layers - full,
            heads=value_heads,
            head_elements=128 * 128,
            element_bytes=4,
            conv_channels=(2 * _KEY_HEADS + value_heads) * 128,
            conv_tokens=3,
        ),
    )


def preset(hub_id: str, size: str, bytes_per_token: int, facts: ModelFacts) -> Preset:
    """A preset with what all models of the family have in common."""
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license="apache-2.0",
        tool_call_parser="qwen3_coder",
        reasoning_parser="qwen3",
        serving=SERVING,
        kaito=KaitoFigures(size=size, bytes_per_token=bytes_per_token),
        facts=facts,
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    layers: int
    hidden_size: int
    attention_heads: int
    kv_heads: int
    value_heads: int
    parameters: int
    weights_bytes: int = 0
    """As they are loaded, where that was measured; 0: as large as the files."""


def _facts(size: str, shape: _Shape) -> ModelFacts:
    return ModelFacts(
        architecture="Qwen3_5ForConditionalGeneration",
        weights_bytes=shape.weights_bytes or parse_bytes(size),
        context_tokens=262_144,
        cache=mixed_cache(shape.layers, kv_heads=shape.kv_heads, value_heads=shape.value_heads),
        layers=shape.layers,
        hidden_size=shape.hidden_size,
        attention_heads=shape.attention_heads,
        vocabulary=248_320,
        parameters=shape.parameters,
        is_multimodal=True,
    )


_2B = _facts("4.24Gi", _Shape(24, 2048, 8, 2, 16, 2_000_000_000))
_4B = _facts("8.68Gi", _Shape(32, 2560, 16, 4, 32, 4_000_000_000))
_9B = _facts("17.98Gi", _Shape(32, 4096, 16, 4, 32, 9_000_000_000))
_27B = _facts("51.75Gi", _Shape(64, 5120, 24, 4, 48, 27_000_000_000, 54_713_461_728))
_QWEN3_8 = preset("Qwen/Qwen3.8-27B", "51.75Gi", 262_144, _27B)

PRESETS = (
    preset("Qwen/Qwen3.5-2B", "4.24Gi", 49_152, _2B),
    preset("Qwen/Qwen3.5-4B", "8.68Gi", 131_072, _4B),
    preset("Qwen/Qwen3.5-9B", "17.98Gi", 131_072, _9B),
    preset("Qwen/Qwen3.6-27B", "51.75Gi", 262_144, _27B),
    replace(_QWEN3_8, revision="1d4bf0f2ff6012fd82039f2fa52739d0dd7c60c0"),
)
