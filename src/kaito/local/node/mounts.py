"""Which folder of this machine appears at which path of a container."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kaito.local.node.errors import NotStartable
from kaito.local.node.expansion import expand
from kaito.local.node.pod import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One file or folder and the absolute path it has in the container."""

    path: str
    source: Path
    is_read_only: bool = False


def plan_mounts(
    container: Container, volumes: Mapping[str, Path], variables: Mapping[str, str]
) -> tuple[Mount, ...]:
    """The mounts of a container, shorter paths first, so that nested ones come on top.

    `NotStartable` names the mount that leads nowhere.
    """
    mounts = []
    for wanted in container.volume_mounts:
        if wanted.name not in volumes:
            raise _wrong(f"volume mount {wanted.mount_path} names no volume of the pod")
        below = expand(wanted.sub_path_expr, variables) or wanted.sub_path
        if below.startswith("/") or ".." in PurePosixPath(below).parts:
            raise _wrong(f"subPath {below!r} must be relative and without `..`")
        mounts.append(
            Mount(
                path=str(PurePosixPath("/") / wanted.mount_path),
                source=volumes[wanted.name] / below,
                is_read_only=wanted.read_only,
            )
        )
    return tuple(sorted(mounts, key=lambda mount: len(PurePosixPath(mount.path).parts)))


def make_sources(mounts: tuple[Mount, ...]) -> None:
    """Create the folders of subPaths that do not exist, as the kubelet does."""
    for mount in mounts:
        if not mount.source.exists():
            mount.source.mkdir(parents=True)


def _wrong(message: str) -> NotStartable:
    return NotStartable("CreateContainerConfigError", message)
