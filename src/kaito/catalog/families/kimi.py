"""Moonshot AI's Kimi K2.5 and its successors: latent attention, a trillion parameters in 4 bits.

Shape from K2's config.json (slime's scripts/models/kimi-k2.sh); size as KAITO 0.12's catalogue adds
the weight files up (spec section 3.3).
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import LatentLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

_FACTS = ModelFacts(
    architecture="KimiK25ForConditionalGeneration",
    weights_bytes=parse_bytes("554.32Gi"),
    context_tokens=262_144,
    cache=(LatentLayers(layers=61, width=512 + 64),),
    layers=61,
    hidden_size=7168,
    attention_heads=64,
    vocabulary=163_840,
    parameters=1_000_000_000_000,
    active_parameters=32_000_000_000,
    experts=384,
    experts_per_token=8,
    quantization=Quantization(method="compressed-tensors", bits=4, format="pack-quantized"),
    is_multimodal=True,
)


def _preset(hub_id: str) -> Preset:
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license="modified-mit",
        tool_call_parser="kimi_k2",
        reasoning_parser="kimi_k2",
        # The tokenizer is Python in the repository; no library has it.
        serving=Serving(trust_remote_code=True),
        kaito=KaitoFigures(size="554.32Gi", bytes_per_token=70_272),
        facts=_FACTS,
    )


PRESETS = (
    _preset("moonshotai/Kimi-K2.5"),
    _preset("moonshotai/Kimi-K2.6"),
    _preset("moonshotai/Kimi-K2.7-Code"),
)
