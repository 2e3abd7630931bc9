"""NVIDIA's Nemotron 3: Mamba-2 layers, a few of attention, dense or expert layers between them.

Layer counts from the models' `hybrid_override_pattern` (Ultra: `layers_block_type`), shapes from
their config.json and Megatron-Bridge's providers; recurrent states are kept in 32 bits, as vLLM
does for them; sizes as KAITO 0.12's catalogue adds the weight files up (spec section 3.3). Commits
are those that Megatron-Bridge's verification cards name. Parameters as NVIDIA counts them.
"""

from dataclasses import replace

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers, StateLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

_STATE, _GROUPS = 128, 8
OPEN_LICENSE, _NEMOTRON_OPEN = "nvidia-open-model-license", "nvidia-nemotron-open-model-license"


def mamba(layers: int, heads: int, head_size: int) -> StateLayers:
    """Mamba-2 layers as all of them have them, but for their numbers of heads."""
    return StateLayers(
        layers=layers,
        heads=heads,
        head_elements=head_size * _STATE,
        element_bytes=4,
        conv_channels=heads * head_size + 2 * _GROUPS * _STATE,
        conv_tokens=3,
        groups=_GROUPS,
        group_channels=2 * _STATE,
    )


def attention(layers: int, kv_heads: int) -> HeadLayers:
    """Layers of full attention; the head size is the same in all of them."""
    return HeadLayers(layers=layers, kv_heads=kv_heads, key_size=128)


def preset(hub_id: str, terms: str, kaito: KaitoFigures, facts: ModelFacts) -> Preset:
    """A preset with what all models of the family have in common."""
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license=terms,
        tool_call_parser="qwen3_coder",
        reasoning_parser="nemotron_v3",
        serving=Serving(can_offload_cache=False),
        kaito=kaito,
        facts=facts,
    )


_SUPER = ModelFacts(
    architecture="NemotronHForCausalLM",
    weights_bytes=parse_bytes("230.25Gi"),
    context_tokens=262_144,
    cache=(attention(8, 2), mamba(40, 128, 64)),
    layers=88,
    hidden_size=4096,
    attention_heads=32,
    vocabulary=131_072,
    parameters=120_000_000_000,
    active_parameters=12_000_000_000,
    experts=512,
    experts_per_token=22,
)
_ULTRA = ModelFacts(
    architecture="NemotronHForCausalLM",
    weights_bytes=parse_bytes("328.13Gi"),
    context_tokens=262_144,
    cache=(attention(12, 2), mamba(48, 256, 64)),
    layers=108,
    hidden_size=8192,
    attention_heads=64,
    vocabulary=131_072,
    parameters=550_000_000_000,
    active_parameters=55_000_000_000,
    experts=512,
    experts_per_token=22,
    quantization=Quantization(method="modelopt_mixed", bits=4, format="MIXED_PRECISION"),
)
_NANO_30B = ModelFacts(
    architecture="NemotronHForCausalLM",
    weights_bytes=parse_bytes("58.82Gi"),
    context_tokens=262_144,
    cache=(attention(6, 2), mamba(23, 64, 64)),
    layers=52,
    hidden_size=2688,
    attention_heads=32,
    vocabulary=131_072,
    parameters=31_600_000_000,
    active_parameters=3_200_000_000,
    experts=128,
    experts_per_token=6,
)
_NANO_30B_KAITO = KaitoFigures(size="58.82Gi", bytes_per_token=53_248)
_NANO_4B = ModelFacts(
    architecture="NemotronHForCausalLM",
    weights_bytes=parse_bytes("7.40Gi"),
    context_tokens=262_144,
    cache=(attention(4, 8), mamba(21, 96, 80)),
    layers=42,
    hidden_size=3136,
    attention_heads=40,
    vocabulary=131_072,
    parameters=3_973_556_832,
)

_SUPER_PRESET = preset(
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16",
    _NEMOTRON_OPEN,
    KaitoFigures(size="230.25Gi", bytes_per_token=90_112),
    _SUPER,
)
_NANO_30B_PRESET = preset(
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", _NEMOTRON_OPEN, _NANO_30B_KAITO, _NANO_30B
)
_NANO_4B_PRESET = preset(
    "nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16",
    _NEMOTRON_OPEN,
    KaitoFigures(size="7.40Gi", bytes_per_token=172_032),
    _NANO_4B,
)
PRESETS = (
    replace(_SUPER_PRESET, revision="d51eab0d1f979ebc26b546e634a04f450d99158e"),
    replace(_NANO_30B_PRESET, revision="2d59de1cbd51c0adf384eb906b766d1aee0e0517"),
    replace(_NANO_4B_PRESET, revision="dfaf35de3e30f1867dd8dbc38a7fc9fb52d3914f"),
    preset("nvidia/Nemotron-Cascade-2-30B-A3B", OPEN_LICENSE, _NANO_30B_KAITO, _NANO_30B),
    preset(
        "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-NVFP4",
        "openmdw-1.1",
        KaitoFigures(size="328.13Gi", bytes_per_token=110_592),
        _ULTRA,
    ),
)
