"""The files of volumes that are made from objects: ConfigMaps, Secrets, the pod itself.

Pure: a volume and what it refers to in, file contents out. https://kubernetes.io/docs/concepts/storage/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from kaito.api.meta import Key
from kaito.local.node.downward import Place, read_field, read_resource
from kaito.local.node.errors import NotMountable
from kaito.local.node.pod import Container, Pod
from kaito.local.node.sources import Sources
from kaito.local.node.volume_sources import (
    ConfigMapSource,
    DownwardSource,
    KeyToPath,
    ProjectedItem,
    ProjectedSource,
    SecretSource,
    Volume,
)

DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class FileContent:
    """One file of a volume."""

    data: bytes
    mode: int = DEFAULT_MODE


Files = dict[str, FileContent]
"""Contents by relative path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referent:
    """Whom a volume belongs to and what it may refer to."""

    pod: Pod
    place: Place
    sources: Sources


def plan_files(volume: Volume, of: Referent) -> Files | None:
    """The files of a volume; None when it is not made from objects.

    `NotMountable` when what it refers to is missing.
    """
    if volume.config_map is not None:
        return _from_config_map(volume.config_map, of, volume.config_map.default_mode)
    if volume.secret is not None:
        return _from_secret(volume.secret, of, volume.secret.default_mode)
    if volume.downward_api is not None:
        return _from_pod(volume.downward_api, of, volume.downward_api.default_mode)
    if volume.projected is not None:
        return _from_projection(volume.projected, of)
    return None


def _from_projection(source: ProjectedSource, of: Referent) -> Files:
    files: Files = {}
    for item in source.sources:
        files.update(_from_item(item, of, source.default_mode))
    return files


def _from_item(item: ProjectedItem, of: Referent, mode: int | None) -> Files:
    if item.config_map is not None:
        return _from_config_map(item.config_map, of, mode)
    if item.secret is not None:
        return _from_secret(item.secret, of, mode)
    if item.downward_api is not None:
        return _from_pod(item.downward_api, of, mode)
    raise NotMountable(
        "a projected service account token cannot be mounted: this plane issues none",
        hint="remove the source, or set automountServiceAccountToken: false",
    )


def _from_config_map(source: ConfigMapSource, of: Referent, mode: int | None) -> Files:
    key = Key(of.pod.metadata.namespace, source.name)
    found = of.sources.config_map(key)
    if found is None and not source.optional:
        raise NotMountable(f'configmap "{source.name}" not found')
    what = f"configmap {key}"
    return _select(found or {}, source.items, mode, what=what, is_optional=source.optional)


def _from_secret(source: SecretSource, of: Referent, mode: int | None) -> Files:
    name = source.secret_name or source.name
    key = Key(of.pod.metadata.namespace, name)
    found = of.sources.secret(key)
    if found is None and not source.optional:
        raise NotMountable(f'secret "{name}" not found')
    what = f"secret {key}"
    return _select(found or {}, source.items, mode, what=what, is_optional=source.optional)


def _select(
    entries: Mapping[str, bytes],
    items: Sequence[KeyToPath],
    mode: int | None,
    *,
    what: str,
    is_optional: bool,
) -> Files:
    usual = DEFAULT_MODE if mode is None else mode
    if not items:
        return {name: FileContent(data, usual) for name, data in sorted(entries.items())}
    files: Files = {}
    for item in items:
        if item.key in entries:
            own = usual if item.mode is None else item.mode
            files[_checked(item.path)] = FileContent(entries[item.key], own)
        elif not is_optional:
            raise NotMountable(f"{what} references non-existent key: {item.key}")
    return files


def _from_pod(source: DownwardSource, of: Referent, mode: int | None) -> Files:
    usual = DEFAULT_MODE if mode is None else mode
    files: Files = {}
    for item in source.items:
        if item.field_ref is not None:
            text = read_field(of.pod, of.place, item.field_ref.field_path)
        elif item.resource_field_ref is not None:
            wanted = item.resource_field_ref
            owner = of.pod.container(wanted.container_name) or Container(name="")
            text = read_resource(owner, of.place, wanted.resource, wanted.divisor)
        else:
            continue
        own = usual if item.mode is None else item.mode
        files[_checked(item.path)] = FileContent(text.encode(), own)
    return files


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or not parts:
        raise NotMountable(f"path {path!r} of a volume's item must be relative and without `..`")
    return path
