"""What who fills a preset's folder of weights and who serves from it must agree on."""

from kaito.api import labels
from kaito.api.weight_source import S3Source, parse_source
from kaito.api.workspace import PresetSpec, Workspace
from kaito.catalog.preset import Preset
from kaito.render.served_model import MirrorBucket
from kaito.render.stamp import content_hash


def weights_key(spec: PresetSpec, preset: Preset, bucket: MirrorBucket | None = None) -> str:
    """The preset's name; an image has a folder of its own, for it may hold other weights.

    So has a bucket that somebody else filled; what a mirror put there is what the hub has.
    """
    other = spec.preset_options.image
    if bucket is not None:
        source = parse_source(bucket.source)
        other = "" if isinstance(source, S3Source) and source.is_sealed else bucket.source
    return f"{preset.name}--{content_hash(other)}" if other else preset.name


def allows_pickle(workspace: Workspace) -> bool:
    """Whether the workspace asks for weights that run code when they are loaded."""
    return workspace.metadata.annotations.get(labels.ALLOW_PICKLE) == "true"
