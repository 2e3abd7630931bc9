"""Microsoft's Phi. Sizes and cache a token from the models' own config.json and weight files."""

from kaito.base.quantity import GIB
from kaito.catalog.preset import ModelFacts, Preset


def _facts(gib: float, kv_bytes_per_token: int, context_tokens: int) -> ModelFacts:
    return ModelFacts(
        architecture="Phi3ForCausalLM",
        weights_bytes=int(gib * GIB),
        kv_bytes_per_token=kv_bytes_per_token,
        context_tokens=context_tokens,
    )


PRESETS = (
    Preset(
        name="phi-3-mini-4k-instruct",
        hub_id="microsoft/Phi-3-mini-4k-instruct",
        license="mit",
        facts=_facts(7.12, 393_216, 4096),
    ),
    Preset(
        name="phi-3-mini-128k-instruct",
        hub_id="microsoft/Phi-3-mini-128k-instruct",
        license="mit",
        facts=_facts(7.12, 393_216, 131_072),
    ),
    Preset(
        name="phi-3-medium-4k-instruct",
        hub_id="microsoft/Phi-3-medium-4k-instruct",
        license="mit",
        facts=_facts(26.00, 204_800, 4096),
    ),
    Preset(
        name="phi-3-medium-128k-instruct",
        hub_id="microsoft/Phi-3-medium-128k-instruct",
        license="mit",
        facts=_facts(26.00, 204_800, 131_072),
    ),
    Preset(
        name="phi-3.5-mini-instruct",
        hub_id="microsoft/Phi-3.5-mini-instruct",
        license="mit",
        facts=_facts(7.12, 393_216, 131_072),
    ),
    Preset(
        name="phi-4-mini-instruct",
        hub_id="microsoft/Phi-4-mini-instruct",
        license="mit",
        tool_call_parser="phi4_mini_json",
        facts=_facts(7.15, 131_072, 131_072),
    ),
    Preset(
        name="phi-4",
        hub_id="microsoft/phi-4",
        license="mit",
        facts=_facts(27.31, 204_800, 16_384),
    ),
)
