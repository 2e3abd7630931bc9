"""A folder of small files that changes all at once, as mounted ConfigMaps do.

The files lie in a folder named after their digest; `..data` links to it, and every visible name
links through `..data`. Renaming a new `..data` over the old one is the change.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from kaito.local.node.volume_files import FileContent

_CURRENT = "..data"


def write_folder(folder: Path, files: Mapping[str, FileContent]) -> bool:
    """Make the folder hold exactly these files; whether anything changed."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"..{_digest(files)}"
    current = folder / _CURRENT
    if current.is_symlink() and str(current.readlink()) == name:
        return False
    _fill(folder / name, files)
    _switch(current, name)
    _link_names(folder, {PurePosixPath(path).parts[0] for path in files})
    for old in folder.glob("..*"):
        if old.name not in (_CURRENT, name) and old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
    return True


def _fill(folder: Path, files: Mapping[str, FileContent]) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Private until its mode is set: the content may be a secret.
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content.data)
        target.chmod(content.mode)


def _switch(link: Path, target: str) -> None:
    fresh = link.with_name("..data_new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _link_names(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    for name in names:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{_CURRENT}/{name}")


def _digest(files: Mapping[str, FileContent]) -> str:
    found = hashlib.sha256()
    for path, content in sorted(files.items()):
        found.update(f"{path}\0{content.mode}\0{len(content.data)}\0".encode())
        found.update(content.data)
    return found.hexdigest()[:16]
