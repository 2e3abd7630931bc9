"""NVIDIA's Nemotron Nano v2: Mamba-2 and dense layers with a few of attention between them.

Layer counts from the models' `hybrid_override_pattern`, shapes from Megatron-Bridge's providers;
sizes as KAITO 0.12's catalogue adds the weight files up (spec section 3.3).
"""

from dataclasses import replace

from kaito.base.quantity import parse_bytes
from kaito.catalog.families.nemotron import OPEN_LICENSE, attention, mamba, preset
from kaito.catalog.preset import KaitoFigures, ModelFacts

_NANO_12B = ModelFacts(
    architecture="NemotronH_Nano_VL_V2",
    weights_bytes=parse_bytes("24.55Gi"),
    context_tokens=131_072,
    cache=(attention(6, 8), mamba(28, 128, 80)),
    layers=62,
    hidden_size=5120,
    attention_heads=40,
    vocabulary=131_072,
    parameters=13_200_000_000,
    is_multimodal=True,
)
_NANO_9B = ModelFacts(
    architecture="NemotronHForCausalLM",
    weights_bytes=parse_bytes("16.56Gi"),
    context_tokens=131_072,
    cache=(attention(4, 8), mamba(27, 128, 80)),
    layers=56,
    hidden_size=4480,
    attention_heads=40,
    vocabulary=131_072,
    parameters=8_890_000_000,
)
_NANO_12B_PRESET = preset(
    "nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16",
    OPEN_LICENSE,
    KaitoFigures(size="24.55Gi", bytes_per_token=253_952),
    _NANO_12B,
)

PRESETS = (
    # No library has a class for its configuration.
    replace(_NANO_12B_PRESET, serving=replace(_NANO_12B_PRESET.serving, trust_remote_code=True)),
    preset(
        "nvidia/NVIDIA-Nemotron-Nano-9B-v2",
        OPEN_LICENSE,
        KaitoFigures(size="16.56Gi", bytes_per_token=229_376),
        _NANO_9B,
    ),
)
