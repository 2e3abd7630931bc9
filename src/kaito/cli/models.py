"""Whether a model's weights lie in the models folder of this machine."""

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.app.state import StateFolder
from kaito.catalog.preset import Preset


def has_weights(state: StateFolder, preset: Preset) -> bool:
    """Whether the weights are at hand, whole."""
    return (state.models / preset.name / WEIGHTS_MANIFEST).exists()
