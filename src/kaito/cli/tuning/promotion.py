"""From a tuning Workspace that has succeeded to a Workspace that serves its adapter. Pure."""

from typing import Any

import msgspec

from kaito.api.meta import Manifest
from kaito.api.workspace import WORKSPACES, TuningSpec, Workspace
from kaito.base.errors import KaitoError, UsageError
from kaito.render.tuning import keeps_results


def check_promotable(workspace: Workspace, spec: TuningSpec) -> None:
    """Refuse what has made no adapter yet, or never will.

    Raises:
        KaitoError: says what to do first.
    """
    key = workspace.key
    if spec.method.lower() == "full":
        raise KaitoError(
            f"workspace {key} tunes all weights: its result is a model, not an adapter",
            hint="import its folder with `kaito models import`, or pull its image",
        )
    if workspace.status.state != "Succeeded":
        state = (workspace.status.state or "Pending").lower()
        raise KaitoError(
            f"workspace {key} has no adapter yet: it is {state}",
            hint=f"see `kaito tune status {key.name} -n {key.namespace}`",
        )
    target = spec.output
    if target is None or not (target.image or target.volume_source):
        raise KaitoError(f"workspace {key} has no output that an adapter could be in")
    if not (target.image or keeps_results(spec)):
        raise KaitoError(
            f"workspace {key} has lost its adapter: its output volume went with its pod",
            hint="tune again with tuning.output.image, or a volume that stays",
        )


def adapter_of(workspace: Workspace, spec: TuningSpec, name: str) -> Manifest:
    """The entry for `inference.adapters`: the image by its digest where that is known."""
    target = spec.output
    assert target is not None
    if target.image:
        result = workspace.status.tuning.result if workspace.status.tuning else ""
        source: Manifest = {"name": name, "image": _pinned(target.image, result)}
        if target.image_push_secret:
            source["imagePullSecrets"] = [target.image_push_secret]
        return {"source": source}
    assert target.volume_source is not None
    return {"source": {"name": name, "volumeSource": dict(target.volume_source)}}


def render_serving(workspace: Workspace, adapter: Manifest, *, name: str) -> Manifest:
    """A new Workspace on nodes like the tuning's."""
    assert workspace.tuning is not None
    resource: Any = msgspec.to_builtins(workspace.resource) if workspace.resource else {}
    if resource.get("instanceType"):
        # Nodes are made for it; those of the tuning are given back, and are none of its own.
        resource["labelSelector"] = {"matchLabels": {"apps": name}}
    resource.pop("count", None)
    return {
        "apiVersion": WORKSPACES.api_version,
        "kind": WORKSPACES.kind,
        "metadata": {"name": name, "namespace": workspace.metadata.namespace},
        "resource": resource,
        "inference": {
            "preset": msgspec.to_builtins(workspace.tuning.preset),
            "adapters": [adapter],
        },
    }


def add_adapter(serving: Workspace, adapter: Manifest, *, preset: str) -> Manifest:
    """The merge patch that adds the adapter to a Workspace, or replaces the one of its name.

    Raises:
        UsageError: it serves another model, or none of ours.
    """
    key = serving.key
    if serving.inference is None or serving.inference.preset is None:
        raise UsageError(f"workspace {key} does not serve a preset", hint="leave --to out")
    if serving.preset_name.lower() != preset.lower():
        raise UsageError(
            f"workspace {key} serves {serving.preset_name}, and the adapter is of {preset}",
            hint="leave --to out, or name a workspace of the same model",
        )
    name = adapter["source"]["name"]
    kept = [
        msgspec.to_builtins(old)
        for old in serving.inference.adapters
        if old.source is None or old.source.name != name
    ]
    return {"inference": {"adapters": [*kept, adapter]}}


def _pinned(image: str, result: str) -> str:
    """`registry/repository@sha256:...` of what was pushed; the tag may move on."""
    repository, at, digest = result.partition("@")
    same = repository.removeprefix("docker://").startswith(_without_tag(image))
    return f"{_without_tag(image)}@{digest}" if at and same else image


def _without_tag(image: str) -> str:
    head, slash, last = image.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
