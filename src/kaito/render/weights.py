"""The init container that fetches a preset's weights, its sources in order, its pull secrets."""

from kaito.api import runtime
from kaito.api.meta import Manifest
from kaito.api.runtime import WeightsArguments
from kaito.api.weight_source import HubSource, OciSource
from kaito.api.workspace import PresetSpec
from kaito.catalog.preset import Preset
from kaito.render.adapters import pull_secret_folder, pull_secret_mount, pull_secret_volume
from kaito.render.bucket import bucket_environment
from kaito.render.containers import program_environment, render_hub_token
from kaito.render.security import container_security
from kaito.render.served_model import MirrorBucket
from kaito.render.settings import RenderSettings
from kaito.render.volumes import WEIGHTS, scratch_mounts
from kaito.render.weights_key import weights_key


def render_weights(
    spec: PresetSpec,
    preset: Preset,
    settings: RenderSettings,
    *,
    bucket: MirrorBucket | None = None,
    allow_pickle: bool = False,
) -> Manifest:
    """The init container. What a mirror's `bucket` has comes from nowhere else."""
    options = spec.preset_options
    is_looked_at = not (options.image or bucket)
    arguments = WeightsArguments(
        key=weights_key(spec, preset, bucket),
        source=_sources(spec, preset) if bucket is None else (bucket.source,),
        # The hub's are of a revision that is known; what another place holds nobody has looked at.
        architecture="" if is_looked_at or not preset.facts else preset.facts.architecture,
        allow_pickle=allow_pickle,
        pull_secret=tuple(pull_secret_folder(name) for name in options.image_pull_secrets),
    )
    return {
        "name": "weights",
        "image": settings.serving_image,
        "command": list(runtime.WEIGHTS_COMMAND),
        "args": list(arguments.to_argv()),
        "env": [
            *program_environment(settings),
            *(render_hub_token(spec) if bucket is None else bucket_environment(bucket)),
        ],
        "volumeMounts": [
            {"name": WEIGHTS, "mountPath": runtime.WEIGHTS_MOUNT},
            *scratch_mounts(settings),
            *map(pull_secret_mount, options.image_pull_secrets),
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
        "securityContext": container_security(),
    }


def weights_secret_volumes(spec: PresetSpec, *, besides: tuple[str, ...] = ()) -> list[Manifest]:
    """The volumes of the pull secrets, but for those that the pod has already."""
    names = dict.fromkeys(spec.preset_options.image_pull_secrets)
    return [pull_secret_volume(name) for name in names if name not in besides]


def _sources(spec: PresetSpec, preset: Preset) -> tuple[str, ...]:
    # A folder imported by hand is found under the root before any source is asked.
    image = spec.preset_options.image
    sources = [str(OciSource(image))] if image else []
    sources.append(str(HubSource(preset.hub_id, preset.revision)))
    if preset.package:
        sources.append(f"package:{preset.package}")
    return tuple(sources)
