"""Alibaba's Qwen2.5. All of them call tools in Hermes' format."""

from kaito.base.quantity import GIB
from kaito.catalog.preset import ModelFacts, Preset


def _preset(name: str, hub_id: str, facts: ModelFacts) -> Preset:
    return Preset(
        name=name, hub_id=hub_id, license="apache-2.0", tool_call_parser="hermes", facts=facts
    )


def _facts(weights_bytes: int, kv_bytes_per_token: int) -> ModelFacts:
    return ModelFacts(
        architecture="Qwen2ForCausalLM",
        weights_bytes=weights_bytes,
        kv_bytes_per_token=kv_bytes_per_token,
        context_tokens=32_768,
    )


PRESETS = (
    _preset(
        "qwen2.5-0.5b-instruct",
        "Qwen/Qwen2.5-0.5B-Instruct",
        _facts(988_097_824, 2 * 24 * 2 * 64 * 2),
    ),
    _preset(
        "qwen2.5-1.5b-instruct",
        "Qwen/Qwen2.5-1.5B-Instruct",
        _facts(3_087_467_144, 2 * 28 * 2 * 128 * 2),
    ),
    _preset(
        "qwen2.5-coder-7b-instruct",
        "Qwen/Qwen2.5-Coder-7B-Instruct",
        _facts(int(14.19 * GIB), 57_344),
    ),
    _preset(
        "qwen2.5-coder-32b-instruct",
        "Qwen/Qwen2.5-Coder-32B-Instruct",
        _facts(int(61.03 * GIB), 262_144),
    ),
)
