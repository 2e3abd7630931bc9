"""The file system of a container image, as far as one folder of it is wanted.

Layers are applied in order, whiteouts included, in memory of names and on disk of contents; only
what lies under the wanted folders is written. A name or a link that leads out of the image is
refused, and nothing is ever written through a link.
https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md
"""

import os
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, cast

from kaito.base.quantity import MIB, format_gib
from kaito.registry.errors import RegistryError

CONTENT_FOLDERS: Final = (
    "data", "workspace/weights", "workspace/tfs/weights", "weights", "models",
)  # fmt: skip
"""Where images keep adapters and weights; the first that holds a file wins."""
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_LINKS = 40


class RootFolder:
    """What the layers so far leave of the wanted folders, under `staging`.

    Files of more than `most_bytes`, replaced ones included, are refused before they are written.
    """

    def __init__(
        self,
        staging: Path,
        *,
        wanted: Sequence[str] = CONTENT_FOLDERS,
        most_bytes: int | None = None,
    ) -> None:
        self._staging = staging
        self._wanted = tuple(wanted)
        self._links: dict[str, str] = {}
        self._most_bytes = most_bytes
        self._bytes = 0

    def apply(self, layer: Path, compression: str) -> None:
        """Apply one layer's tar; blocks, so call it in a thread.

        Raises:
            RegistryError: it is no such tar, or names something outside of the image.
        """
        mode = cast("Literal['r|gz', 'r|']", {"gzip": "r|gz", "": "r|"}.get(compression))
        if mode is None:
            raise RegistryError(
                f"a layer is compressed with {compression}, which is not read here",
                kind="refused",
                hint="push the image with gzip layers",
            )
        try:
            with tarfile.open(layer, mode) as tar:
                for member in tar:
                    self._apply(tar, member)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise RegistryError(
                f"a layer is not the tar it says it is: {error}", kind="damaged"
            ) from error

    def publish(self, folder: Path) -> None:
        """Move the content of the first wanted folder that has any into `folder`.

        Raises:
            RegistryError: none has.
        """
        self._settle_links()
        for wanted in self._wanted:
            found = self._staging / wanted
            if found.is_dir() and any(path.is_file() for path in found.rglob("*")):
                for path in sorted(found.iterdir()):
                    target = folder / path.name
                    _remove(target)
                    path.rename(target)
                return
        places = ", ".join(f"/{name}" if name else "/" for name in self._wanted)
        raise RegistryError(f"the image has no files under any of {places}", kind="not found")

    def _apply(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = to_inner(member.name)
        parent, base = posixpath.split(name)
        if base == _OPAQUE:
            self._clear(parent, keeps_itself=True)
        elif base.startswith(_WHITEOUT):
            self._clear(posixpath.join(parent, base.removeprefix(_WHITEOUT)))
        elif name and self._is_wanted(name):
            self._write(tar, member, name)

    def _write(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        path = self._staging / name
        if member.isdir():
            self._links.pop(name, None)
            if not path.is_dir():
                _remove(path)
                path.mkdir(parents=True)
        elif member.issym():
            self._clear(name)
            start = "" if member.linkname.startswith("/") else posixpath.dirname(name)
            self._links[name] = to_inner(posixpath.join(start, member.linkname.lstrip("/")))
        elif member.islnk():
            self._clear(name)
            self._links[name] = to_inner(member.linkname)
        elif member.isreg():
            self._bytes += max(member.size, 0)
            require_size(self._bytes, self._most_bytes)
            self._clear(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None
            with path.open("wb") as stream:
                shutil.copyfileobj(content, stream, MIB)

    def _clear(self, name: str, *, keeps_itself: bool = False) -> None:
        for link in [one for one in self._links if one.startswith(f"{name}/") or one == name]:
            del self._links[link]
        path = self._staging / name
        if not path.exists():
            return
        _remove(path)
        if keeps_itself:
            path.mkdir()

    def _settle_links(self) -> None:
        """Put a link's file where the link is: what is published must stand by itself."""
        for name in sorted(self._links):
            target, path = self._staging / self._follow(name), self._staging / name
            if target.is_file() and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(target, path)

    def _follow(self, name: str) -> str:
        for _ in range(_LINKS):
            if name not in self._links:
                return name
            name = self._links[name]
        raise RegistryError(f"link {name[:200]!r} in the image leads in a circle", kind="refused")

    def _is_wanted(self, name: str) -> bool:
        return any(
            not wanted or name == wanted or name.startswith(f"{wanted}/") for wanted in self._wanted
        )


def require_size(size: int, most: int | None) -> None:
    """`RegistryError` when `size` bytes are more than the caller wants; None: any size is right."""
    if most is not None and size > most:
        raise RegistryError(
            f"its files have more than {format_gib(most)}, the most that is taken here",
            kind="too large",
        )


def to_inner(name: str) -> str:
    """A member's name without its leading slash or dots; `RegistryError` when it leads out."""
    inner = posixpath.normpath(name.lstrip("/") or ".")
    if inner == ".." or inner.startswith("../") or "\0" in inner:
        raise RegistryError(f"name {name[:200]!r} leads out of the image", kind="refused")
    return "" if inner == "." else inner


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
