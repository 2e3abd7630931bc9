"""The name of the folder with a preset's weights, for who fills it and who serves from it."""

from kaito.api.workspace import PresetSpec
from kaito.catalog.preset import Preset
from kaito.render.stamp import content_hash


def weights_key(spec: PresetSpec, preset: Preset) -> str:
    """The preset's name; an image has a folder of its own, for it may hold other weights."""
    image = spec.preset_options.image
    return f"{preset.name}--{content_hash(image)}" if image else preset.name
