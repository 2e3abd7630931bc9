"""Alibaba's Qwen2.5. All of them call tools in Hermes' format, which their own template knows.

Shapes from the models' config.json; sizes of the two small ones from their safetensors files, of
the coders as KAITO 0.12's catalogue adds the files up (spec section 3.3); commits from KAITO's
supported_models.yaml at 056b8280. Their windows are switched off (`use_sliding_window`).
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset


def _small(hub_id: str, facts: ModelFacts) -> Preset:
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license="apache-2.0",
        tool_call_parser="hermes",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        facts=facts,
    )


def _coder(hub_id: str, revision: str, size: str, facts: ModelFacts) -> Preset:
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license="apache-2.0",
        revision=revision,
        tool_call_parser="hermes",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=KaitoFigures(size=size, bytes_per_token=facts.kv_bytes_per_token),
        facts=facts,
    )


PRESETS = (
    _small(
        "Qwen/Qwen2.5-0.5B-Instruct",
        ModelFacts(
            architecture="Qwen2ForCausalLM",
            weights_bytes=988_097_824,
            context_tokens=32_768,
            cache=(HeadLayers(layers=24, kv_heads=2, key_size=64),),
            layers=24,
            hidden_size=896,
            attention_heads=14,
            vocabulary=151_936,
            parameters=494_032_768,
        ),
    ),
    _small(
        "Qwen/Qwen2.5-1.5B-Instruct",
        ModelFacts(
            architecture="Qwen2ForCausalLM",
            weights_bytes=3_087_467_144,
            context_tokens=32_768,
            cache=(HeadLayers(layers=28, kv_heads=2, key_size=128),),
            layers=28,
            hidden_size=1536,
            attention_heads=12,
            vocabulary=151_936,
            parameters=1_543_714_304,
        ),
    ),
    _coder(
        "Qwen/Qwen2.5-Coder-7B-Instruct",
        "c03e6d358207e414f1eca0bb1891e29f1db0e242",
        "14.19Gi",
        ModelFacts(
            architecture="Qwen2ForCausalLM",
            weights_bytes=parse_bytes("14.19Gi"),
            context_tokens=32_768,
            cache=(HeadLayers(layers=28, kv_heads=4, key_size=128),),
            layers=28,
            hidden_size=3584,
            attention_heads=28,
            vocabulary=152_064,
            parameters=7_615_616_512,
        ),
    ),
    _coder(
        "Qwen/Qwen2.5-Coder-32B-Instruct",
        "381fc969f78efac66bc87ff7ddeadb7e73c218a7",
        "61.03Gi",
        ModelFacts(
            architecture="Qwen2ForCausalLM",
            weights_bytes=parse_bytes("61.03Gi"),
            context_tokens=32_768,
            cache=(HeadLayers(layers=64, kv_heads=8, key_size=128),),
            layers=64,
            hidden_size=5120,
            attention_heads=40,
            vocabulary=152_064,
            parameters=32_763_876_352,
        ),
    ),
)
