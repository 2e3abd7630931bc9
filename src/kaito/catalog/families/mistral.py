"""Mistral AI's 7B models."""

from kaito.base.quantity import GIB
from kaito.catalog.preset import ModelFacts, Preset

_FACTS = ModelFacts(
    architecture="MistralForCausalLM",
    weights_bytes=int(13.50 * GIB),
    kv_bytes_per_token=131_072,
    context_tokens=32_768,
)

PRESETS = (
    Preset(
        name="mistral-7b-v0.3",
        hub_id="mistralai/Mistral-7B-v0.3",
        license="apache-2.0",
        aliases=("mistral-7b",),
        facts=_FACTS,
    ),
    Preset(
        name="mistral-7b-instruct-v0.3",
        hub_id="mistralai/Mistral-7B-Instruct-v0.3",
        license="apache-2.0",
        aliases=("mistral-7b-instruct",),
        tool_call_parser="mistral",
        facts=_FACTS,
    ),
)
