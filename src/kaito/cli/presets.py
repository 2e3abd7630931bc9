"""Presets by the names that people type, and their facts in words. Cheap to import."""

from kaito.base.errors import KaitoError
from kaito.base.quantity import format_gib
from kaito.catalog.lookup import check_preset, find_preset
from kaito.catalog.preset import ModelFacts, Preset
from kaito.cli.tokens import format_tokens


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
    """The longest context, or a question mark."""
    return format_tokens(facts.context_tokens) if facts else "?"
