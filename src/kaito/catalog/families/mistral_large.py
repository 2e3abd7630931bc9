"""Mistral AI's large models: Large 3 and Small 4 (latent attention, experts), Medium 3.5 (dense).

Shapes from params.json and transformers' Mistral4Config; sizes as KAITO 0.12's catalogue adds the
consolidated files up (spec section 3.3). Experts: Large 3 has 128 of 4096, Small 4 has 128 of 2048,
four for each token; the active parameters of Small 4 are all less those of 124 idle experts.
"""

from dataclasses import replace

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers, LatentLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

_SERVING = Serving(load_format="mistral", tokenizer_mode="mistral")
_SMALL_4 = ModelFacts(
    architecture="Mistral3ForConditionalGeneration",
    weights_bytes=parse_bytes("112.63Gi"),
    context_tokens=1_048_576,
    cache=(LatentLayers(layers=36, width=256 + 64),),
    layers=36,
    hidden_size=4096,
    attention_heads=32,
    vocabulary=131_072,
    parameters=119_000_000_000,
    active_parameters=119_000_000_000 - 124 * 36 * 3 * 4096 * 2048,
    experts=128,
    experts_per_token=4,
    quantization=Quantization(method="fp8", bits=8),
    is_multimodal=True,
)

PRESETS = (
    Preset(
        name="mistral-large-3-675b-instruct-2512",
        hub_id="mistralai/Mistral-Large-3-675B-Instruct-2512",
        license="apache-2.0",
        revision="7f13ed24ab52a2a1c35bb26a749ef9d891ee98dd",
        aliases=("mistral-large-3-675b-instruct",),
        tool_call_parser="mistral",
        serving=_SERVING,
        kaito=KaitoFigures(size="634.70Gi", bytes_per_token=70_272),
        facts=ModelFacts(
            architecture="MistralLarge3ForCausalLM",
            weights_bytes=parse_bytes("634.70Gi"),
            context_tokens=294_912,
            cache=(LatentLayers(layers=61, width=512 + 64),),
            layers=61,
            hidden_size=7168,
            attention_heads=128,
            vocabulary=131_072,
            parameters=675_000_000_000,
            active_parameters=41_000_000_000,
            experts=128,
            experts_per_token=4,
            quantization=Quantization(
                method="compressed-tensors", bits=8, format="float-quantized"
            ),
        ),
    ),
    Preset(
        name="mistral-small-4-119b-2603",
        hub_id="mistralai/Mistral-Small-4-119B-2603",
        license="apache-2.0",
        tool_call_parser="mistral",
        reasoning_parser="mistral",
        serving=_SERVING,
        kaito=KaitoFigures(size="112.63Gi", bytes_per_token=23_040),
        facts=_SMALL_4,
    ),
    Preset(
        name="mistral-small-4-119b-2603-nvfp4",
        hub_id="mistralai/Mistral-Small-4-119B-2603-NVFP4",
        license="apache-2.0",
        tool_call_parser="mistral",
        reasoning_parser="mistral",
        serving=_SERVING,
        kaito=KaitoFigures(size="65.95Gi", bytes_per_token=23_040),
        facts=replace(
            _SMALL_4,
            weights_bytes=parse_bytes("65.95Gi"),
            quantization=Quantization(
                method="compressed-tensors", bits=4, format="nvfp4-pack-quantized"
            ),
        ),
    ),
    Preset(
        name="mistral-medium-3.5-128b",
        hub_id="mistralai/Mistral-Medium-3.5-128B",
        license="other",
        tool_call_parser="mistral",
        reasoning_parser="mistral",
        serving=_SERVING,
        kaito=KaitoFigures(size="124.43Gi", bytes_per_token=360_448),
        facts=ModelFacts(
            architecture="Mistral3ForConditionalGeneration",
            weights_bytes=parse_bytes("124.43Gi"),
            context_tokens=262_144,
            cache=(HeadLayers(layers=88, kv_heads=8, key_size=128),),
            layers=88,
            hidden_size=12_288,
            attention_heads=96,
            vocabulary=131_072,
            parameters=128_000_000_000,
            quantization=Quantization(method="fp8", bits=8),
            is_multimodal=True,
        ),
    ),
)
