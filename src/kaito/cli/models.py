"""What there is to say about a model: the catalogue's facts and what lies in the models folder."""

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.app.state import StateFolder
from kaito.base.errors import KaitoError
from kaito.base.quantity import format_gib
from kaito.catalog.lookup import check_preset, find_preset
from kaito.catalog.preset import ModelFacts, Preset


def has_weights(state: StateFolder, preset: Preset) -> bool:
    """Whether the weights are at hand, whole."""
    return (state.models / preset.name / WEIGHTS_MANIFEST).exists()


def require_preset(name: str) -> Preset:
    """The preset of that name; `KaitoError` suggests near ones."""
    preset = find_preset(name) if name else None
    if preset is None:
        raise KaitoError(f"there is no model {name!r}", hint=check_preset(name).partition("; ")[2])
    return preset


def format_size(facts: ModelFacts | None) -> str:
    """The size of the weights, or a question mark."""
    return format_gib(facts.weights_bytes) if facts else "?"


def format_context(facts: ModelFacts | None) -> str:
    """The longest context in thousands of tokens, or a question mark."""
    if facts is None:
        return "?"
    tokens = facts.context_tokens
    return f"{tokens // 1024}k" if tokens % 1024 == 0 else str(tokens)
