"""What adapters add to a workload: one ConfigMap that the server watches, and mounts.

The ConfigMap says which adapters are served; its content is no part of the pod, so most changes
reach the running engine. `AdapterMounts` is what only another pod can have: LoRA itself, volumes,
Secrets. It is kept on the StatefulSet as an annotation, so that what a pod has beyond what is
wanted now can be rendered again exactly: nothing restarts because an adapter is gone.
"""

from typing import Final, Self

import msgspec

from kaito.api import labels, runtime
from kaito.api.adapter_room import room_for
from kaito.api.adapters import (
    ADAPTERS_CONFIG_MOUNT,
    ADAPTERS_FILE,
    ADAPTERS_KEY,
    DEFAULT_STRENGTH,
    AdapterWish,
    AdapterWishes,
    adapters_config_name,
)
from kaito.api.core import StatefulSet
from kaito.api.meta import Manifest, Wire, owner_reference
from kaito.api.tuning_job import PULL_SECRETS_MOUNT
from kaito.api.weight_source import FolderSource, HubSource, OciSource, WeightSource
from kaito.api.workspace import AdapterSpec, DataSource, Workspace
from kaito.base.quantity import GIB, to_mebibytes
from kaito.render.stamp import content_hash, stamp

FETCHED_MOUNT: Final = "/mnt/fetched-adapters"
HUB_SCHEME: Final = "hf://"
CONFIG, FETCHED = "adapters-config", "fetched-adapters"
_FETCHED_BYTES = 20 * GIB
"""Ten adapters of the largest rank that engines take, for the largest model, in two versions."""


class AdapterVolume(Wire):
    """A volume that holds one adapter."""

    name: str
    """The adapter's."""
    source: Manifest
    """As in a pod's `volumes[]`, without the name."""


class AdapterMounts(Wire):
    """What a pod has for adapters, besides their list."""

    is_on: bool = False
    """Whether the engine starts with LoRA, which costs the base model speed."""
    slots: int = 0
    """Adapters that one batch may mix; 0 with LoRA on: a pod that chose by itself."""
    volumes: tuple[AdapterVolume, ...] = ()
    """Sorted by name."""
    secrets: tuple[str, ...] = ()
    """For registries; sorted."""

    def to_json(self) -> str:
        """The annotation's text; equal values give equal texts."""
        return msgspec.json.encode(self, order="sorted").decode()

    def merged(self, other: Self) -> "AdapterMounts":
        """Everything of both; where a volume's source differs, this one's.

        The room of the other stays where its engine runs with LoRA: more cannot be made meanwhile.
        """
        volumes = {volume.name: volume for volume in (*other.volumes, *self.volumes)}
        return AdapterMounts(
            is_on=self.is_on or other.is_on,
            slots=other.slots if other.is_on else self.slots,
            volumes=tuple(volumes[name] for name in sorted(volumes)),
            secrets=tuple(sorted({*self.secrets, *other.secrets})),
        )


NO_ADAPTERS: Final = AdapterMounts()


def wish_for(workspace: Workspace) -> AdapterWishes:
    """What the server is to serve."""
    wishes = (
        AdapterWish(
            name=spec.source.name,
            source=str(_source_of(spec.source)),
            strength=_strength_of(spec),
        )
        for spec in _specs(workspace)
        if spec.source is not None
    )
    return AdapterWishes(adapters=tuple(sorted(wishes, key=lambda wish: wish.name)))


def mounts_for(workspace: Workspace) -> AdapterMounts:
    """What the pod needs for the adapters that are wanted now."""
    sources = [spec.source for spec in _specs(workspace) if spec.source is not None]
    volumes = {s.name: s.volume_source for s in sources if s.volume_source is not None}
    return AdapterMounts(
        is_on=bool(sources),
        slots=room_for(len(sources)) if sources else 0,
        volumes=tuple(AdapterVolume(name=n, source=volumes[n]) for n in sorted(volumes)),
        secrets=tuple(sorted({name for s in sources for name in s.image_pull_secrets})),
    )


def planned_slots(workspace: Workspace, mounts: AdapterMounts) -> int:
    """Adapters to plan memory for; 0 where the engine starts without LoRA."""
    if not mounts.is_on:
        return 0
    return mounts.slots or room_for(len(_specs(workspace)))


def mounts_of(live: StatefulSet | None) -> AdapterMounts:
    """What the pods of a StatefulSet have."""
    text = live.metadata.annotations.get(labels.ADAPTER_MOUNTS, "") if live else ""
    try:
        return msgspec.json.decode(text, type=AdapterMounts) if text else NO_ADAPTERS
    except msgspec.MsgspecError:
        # Whoever wrote over it only makes the next change a rollout.
        return NO_ADAPTERS


def render_adapters_config(workspace: Workspace) -> Manifest:
    """The ConfigMap that the server watches."""
    return stamp(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": adapters_config_name(workspace.metadata.name),
                "namespace": workspace.metadata.namespace,
                "labels": {labels.WORKSPACE: workspace.metadata.name},
                "ownerReferences": [owner_reference(workspace)],
            },
            "data": {ADAPTERS_KEY: wish_for(workspace).to_json()},
        }
    )


def adapter_arguments(mounts: AdapterMounts) -> dict[str, object]:
    """Fields of `ServingArguments`; none where LoRA is off."""
    if not mounts.is_on:
        return {}
    return {
        "adapters_file": ADAPTERS_FILE,
        "adapters_folder": FETCHED_MOUNT,
        **({"max_loras": mounts.slots} if mounts.slots else {}),
        "pull_secret": tuple(pull_secret_folder(name) for name in mounts.secrets),
    }


def adapter_volumes(workspace: Workspace, mounts: AdapterMounts) -> list[Manifest]:
    """Volumes of the pod."""
    if not mounts.is_on:
        return []
    config = adapters_config_name(workspace.metadata.name)
    return [
        {"name": CONFIG, "configMap": {"name": config}},
        {"name": FETCHED, "emptyDir": {"sizeLimit": to_mebibytes(_FETCHED_BYTES)}},
        *({"name": _volume_name(volume.name), **volume.source} for volume in mounts.volumes),
        *map(pull_secret_volume, mounts.secrets),
    ]


def adapter_mounts(mounts: AdapterMounts) -> list[Manifest]:
    """Where the server finds them."""
    if not mounts.is_on:
        return []
    return [
        # Whole folders: a mount by subPath would never be refreshed.
        {"name": CONFIG, "mountPath": ADAPTERS_CONFIG_MOUNT, "readOnly": True},
        {"name": FETCHED, "mountPath": FETCHED_MOUNT},
        *(
            {"name": _volume_name(v.name), "mountPath": _folder_of(v.name), "readOnly": True}
            for v in mounts.volumes
        ),
        *map(pull_secret_mount, mounts.secrets),
    ]


def pull_secret_folder(secret: str) -> str:
    """Where a Secret for registries is found."""
    return f"{PULL_SECRETS_MOUNT}/{secret}"


def pull_secret_volume(secret: str) -> Manifest:
    """Optional: without it only what is public can be had, and the server says so."""
    return {
        "name": _pull_secret_name(secret),
        "secret": {"secretName": secret, "optional": True},
    }


def pull_secret_mount(secret: str) -> Manifest:
    """The mount of `pull_secret_volume`."""
    return {
        "name": _pull_secret_name(secret),
        "mountPath": pull_secret_folder(secret),
        "readOnly": True,
    }


def _pull_secret_name(secret: str) -> str:
    # A Secret's name may be longer than a volume's, and have dots.
    return f"pull-secret-{content_hash(secret)}"


def _volume_name(adapter: str) -> str:
    return f"adapter-{content_hash(adapter)}"


def _folder_of(adapter: str) -> str:
    return f"{runtime.ADAPTER_MOUNT}/{adapter}"


def _specs(workspace: Workspace) -> tuple[AdapterSpec, ...]:
    inference = workspace.inference
    return inference.adapters if inference is not None and inference.preset is not None else ()


def _source_of(source: DataSource) -> WeightSource:
    """Admission has seen to it that there is exactly one."""
    if source.image:
        return OciSource(source.image)
    if source.urls:
        repository, _, revision = source.urls[0].removeprefix(HUB_SCHEME).partition("@")
        return HubSource(repository, revision or "main")
    return FolderSource(_folder_of(source.name))


def _strength_of(spec: AdapterSpec) -> float:
    try:
        return float(spec.strength) if spec.strength else DEFAULT_STRENGTH
    except ValueError:
        # Stored before anybody checked it.
        return DEFAULT_STRENGTH
