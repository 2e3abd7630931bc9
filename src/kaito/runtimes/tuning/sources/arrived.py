"""A file of training data that lies on this machine, and where it came from. Values."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kaito.base.quantity import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One file, as it came."""

    path: Path
    name: str
    """For messages: the file's name, or its path below the folder."""
    source: str
    """The address, image, data set or folder; without credentials."""
    digest: str = ""
    """`sha256:HEX`, where it is known already."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def digest_file(path: Path) -> str:
    """`sha256:HEX` of a file's bytes, a piece at a time."""
    sha256 = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(MIB):
            sha256.update(piece)
    return f"sha256:{sha256.hexdigest()}"
