"""Meta's Llama. Gated: the hub wants an accepted licence and a token."""

from kaito.base.quantity import GIB
from kaito.catalog.preset import ModelFacts, Preset

PRESETS = (
    Preset(
        name="llama-3.1-8b-instruct",
        hub_id="meta-llama/Llama-3.1-8B-Instruct",
        license="llama3.1",
        is_gated=True,
        tool_call_parser="llama3_json",
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=int(14.96 * GIB),
            kv_bytes_per_token=131_072,
            context_tokens=131_072,
        ),
    ),
    Preset(
        name="llama-3.3-70b-instruct",
        hub_id="meta-llama/Llama-3.3-70B-Instruct",
        license="llama3.3",
        is_gated=True,
        tool_call_parser="llama3_json",
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=int(131.42 * GIB),
            kv_bytes_per_token=327_680,
            context_tokens=131_072,
        ),
    ),
)
