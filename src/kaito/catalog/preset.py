"""What a preset is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What a plan needs to know about a model."""

    architecture: str
    """Class name in the model's config.json, e.g. LlamaForCausalLM."""
    weights_bytes: int
    """Size of the weights as they are loaded."""
    kv_bytes_per_token: int
    """Key and value cache of one token over all layers, at 16 bits an element."""
    context_tokens: int
    """Longest sequence the model was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model that can be named in `preset.name`."""

    name: str
    """Our name: lower case, without the organisation."""
    hub_id: str
    """`org/model` on the hub."""
    facts: ModelFacts | None
    """None for a model outside the catalogue whose files have not been read."""
    license: str = "unknown"
    """SPDX id, or the licence's own name."""
    revision: str = "main"
    """Commit or branch on the hub."""
    is_gated: bool = False
    """Whether the hub wants an accepted licence and a token."""
    aliases: tuple[str, ...] = ()
    """Other names for it."""
    package: str = ""
    """A Python distribution that ships the weights: `DIST==VERSION#FILE`."""
    tool_call_parser: str = ""
    """vLLM's parser for the model's tool calls; empty when it makes none."""
    reasoning_parser: str = ""
    """vLLM's parser for the model's reasoning; empty when it has none."""
