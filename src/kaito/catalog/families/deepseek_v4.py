"""DeepSeek's V4: the sequence itself is compressed, 4 or 128 tokens to an entry.

Layers of each kind from the models' config.json (`compress_ratios`), other shapes from
transformers' DeepseekV4Config; sizes as KAITO 0.12's catalogue adds the weight files up (spec
section 3.3); parameters as the publisher counts them.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.compressed_cache import Compression, compressed_layers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

_SERVING = Serving(
    tokenizer_mode="deepseek_v4",
    kv_cache_dtype="fp8",
    uses_deep_gemm=True,
    can_offload_cache=False,
)


def _preset(hub_id: str, kaito: KaitoFigures, facts: ModelFacts) -> Preset:
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license="mit",
        tool_call_parser="deepseek_v4",
        reasoning_parser="deepseek_v4",
        serving=_SERVING,
        kaito=kaito,
        facts=facts,
    )


PRESETS = (
    _preset(
        "deepseek-ai/DeepSeek-V4-Flash-0731",
        KaitoFigures(size="155.43Gi", bytes_per_token=88_064),
        ModelFacts(
            architecture="DeepseekV4ForCausalLM",
            weights_bytes=parse_bytes("155.43Gi"),
            context_tokens=1_048_576,
            cache=compressed_layers(Compression(layers=43, by_4=21, by_128=20)),
            layers=43,
            hidden_size=4096,
            attention_heads=64,
            vocabulary=129_280,
            parameters=284_000_000_000,
            active_parameters=13_000_000_000,
            experts=256,
            experts_per_token=6,
            # The experts, most of it, are in 4 bits; the rest in 8.
            quantization=Quantization(method="fp8", bits=4),
        ),
    ),
    _preset(
        "deepseek-ai/DeepSeek-V4-Pro",
        KaitoFigures(size="805.34Gi", bytes_per_token=124_928),
        ModelFacts(
            architecture="DeepseekV4ForCausalLM",
            weights_bytes=parse_bytes("805.34Gi"),
            context_tokens=1_048_576,
            cache=compressed_layers(Compression(layers=61, by_4=30, by_128=31)),
            layers=61,
            hidden_size=7168,
            attention_heads=128,
            vocabulary=129_280,
            parameters=1_600_000_000_000,
            active_parameters=49_000_000_000,
            experts=384,
            experts_per_token=6,
            quantization=Quantization(method="fp8", bits=4),
        ),
    ),
)
