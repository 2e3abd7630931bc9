"""OpenAI's gpt-oss: every other layer slides over 128 tokens; experts in 4 bits.

Shapes from the models' config.json; sizes from their model.safetensors.index.json. KAITO counts the
copies under original/ and metal/ too, and so takes the models for twice as large. Commits from
KAITO's supported_models.yaml at 056b8280.
"""

from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

_MXFP4 = Quantization(method="mxfp4", bits=4)

PRESETS = (
    Preset(
        name="gpt-oss-20b",
        hub_id="openai/gpt-oss-20b",
        license="apache-2.0",
        revision="db6852caddef0cf0c1f729034ed700c84eab376e",
        tool_call_parser="openai",
        reasoning_parser="openai_gptoss",
        serving=Serving(can_offload_cache=False),
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="25.63Gi", bytes_per_token=49_152),
        facts=ModelFacts(
            architecture="GptOssForCausalLM",
            weights_bytes=13_761_264_768,
            context_tokens=131_072,
            cache=(
                HeadLayers(layers=12, kv_heads=8, key_size=64, window_tokens=128),
                HeadLayers(layers=12, kv_heads=8, key_size=64),
            ),
            layers=24,
            hidden_size=2880,
            attention_heads=64,
            vocabulary=201_088,
            parameters=20_914_757_184,
            active_parameters=3_600_000_000,
            experts=32,
            experts_per_token=4,
            quantization=_MXFP4,
        ),
    ),
    Preset(
        name="gpt-oss-120b",
        hub_id="openai/gpt-oss-120b",
        license="apache-2.0",
        revision="b5c939de8f754692c1647ca79fbf85e8c1e70f8a",
        tool_call_parser="openai",
        reasoning_parser="openai_gptoss",
        serving=Serving(can_offload_cache=False),
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="121.54Gi", bytes_per_token=73_728),
        facts=ModelFacts(
            architecture="GptOssForCausalLM",
            weights_bytes=65_248_815_744,
            context_tokens=131_072,
            cache=(
                HeadLayers(layers=18, kv_heads=8, key_size=64, window_tokens=128),
                HeadLayers(layers=18, kv_heads=8, key_size=64),
            ),
            layers=36,
            hidden_size=2880,
            attention_heads=64,
            vocabulary=201_088,
            parameters=116_829_156_672,
            active_parameters=5_100_000_000,
            experts=128,
            experts_per_token=4,
            quantization=_MXFP4,
        ),
    ),
)
