"""The volumes of pods as folders of this machine: makes them, refreshes them, frees them.

STATE/pods/UID/volumes/NAME      emptyDir and everything made from objects
STATE/volumes/NAMESPACE/CLAIM    a PersistentVolumeClaim; outlives its pods
/dev/shm/kaito-UID/NAME          emptyDir with medium Memory
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from kaito.api.meta import Key
from kaito.local.node.atomic_folder import write_folder
from kaito.local.node.errors import NotMountable
from kaito.local.node.volume_files import Referent, plan_files
from kaito.local.node.volume_sources import HostPathSource, Volume

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the file system itself, and our folder is private


class Volumes:
    """The volumes below one state folder."""

    def __init__(self, state: Path, *, memory: Path = _SHARED_MEMORY) -> None:
        self._state = state
        self._memory = memory

    def prepare(self, of: Referent) -> dict[str, Path]:
        """Make every volume of a pod ready, or bring it up to date; where each one lies.

        `NotMountable` names the volume that cannot be made.
        """
        found: dict[str, Path] = {}
        for volume in of.pod.spec.volumes:
            try:
                found[volume.name] = self._prepare(volume, of)
            except NotMountable as error:
                said = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
                raise NotMountable(said, hint=error.hint) from error
            except OSError as error:
                said = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
                raise NotMountable(said) from error
        return found

    def remove(self, pod_uid: str) -> None:
        """Delete what was made for one pod."""
        shutil.rmtree(self._state / "pods" / pod_uid / "volumes", ignore_errors=True)
        shutil.rmtree(self._memory / f"kaito-{pod_uid}", ignore_errors=True)

    def remove_claim(self, key: Key) -> None:
        """Delete the folder of a claim that no longer exists."""
        shutil.rmtree(self._claim_folder(key), ignore_errors=True)

    def _prepare(self, volume: Volume, of: Referent) -> Path:
        own = self._state / "pods" / of.pod.uid / "volumes" / volume.name
        files = plan_files(volume, of)
        if files is not None:
            write_folder(own, files)
            return own
        if volume.empty_dir is not None:
            in_memory = volume.empty_dir.medium == "Memory" and self._memory.is_dir()
            folder = self._memory / f"kaito-{of.pod.uid}" / volume.name if in_memory else own
            return _made(folder)
        if volume.host_path is not None:
            return _prepare_host_path(volume.host_path)
        return self._prepare_claim(volume, of)

    def _prepare_claim(self, volume: Volume, of: Referent) -> Path:
        if volume.persistent_volume_claim is not None:
            name = volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            name = f"{of.pod.metadata.name}-{volume.name}"
        else:
            raise NotMountable(
                "its source is none that this machine can stand for",
                hint="use emptyDir, hostPath, configMap, secret, projected, downwardAPI or a claim",
            )
        key = Key(of.pod.metadata.namespace, name)
        if not of.sources.has_claim(key):
            raise NotMountable(f'persistentvolumeclaim "{name}" not found')
        return _made(self._claim_folder(key))

    def _claim_folder(self, key: Key) -> Path:
        return self._state / "volumes" / key.namespace / key.name


def _prepare_host_path(source: HostPathSource) -> Path:
    path = Path(source.path)
    match source.type:
        case "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        case "FileOrCreate":
            path.touch()
    checks: Mapping[str, tuple[bool, str]] = {
        "Directory": (path.is_dir(), "a directory"),
        "DirectoryOrCreate": (path.is_dir(), "a directory"),
        "File": (path.is_file(), "a file"),
        "FileOrCreate": (path.is_file(), "a file"),
        "Socket": (path.is_socket(), "a socket"),
    }
    is_fine, what = checks.get(source.type, (path.exists(), "there"))
    if not is_fine:
        raise NotMountable(f"hostPath type check failed: {path} is not {what}")
    return path


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
