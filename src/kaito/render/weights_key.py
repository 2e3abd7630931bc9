"""What who fills a preset's folder of weights and who serves from it must agree on."""

from kaito.api import labels
from kaito.api.workspace import PresetSpec, Workspace
from kaito.catalog.preset import Preset
from kaito.render.stamp import content_hash


def weights_key(spec: PresetSpec, preset: Preset) -> str:
    """The preset's name; an image has a folder of its own, for it may hold other weights."""
    image = spec.preset_options.image
    return f"{preset.name}--{content_hash(image)}" if image else preset.name


def allows_pickle(workspace: Workspace) -> bool:
    """Whether the workspace asks for weights that run code when they are loaded."""
    return workspace.metadata.annotations.get(labels.ALLOW_PICKLE) == "true"
