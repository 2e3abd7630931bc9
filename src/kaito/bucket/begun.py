"""Which upload in parts was begun last, and for what content: a small file on this machine.

A service tells which uploads of a key are under way, but not what was noted with them. So only one
that is known from here is gone on with; where the file is lost, an upload begins anew.
"""

from contextlib import suppress
from pathlib import Path

import msgspec


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An upload under way."""

    upload: str
    """The service's id."""
    target: str
    """The object's URL."""
    sha256: str
    """Of the content, in hexadecimal, as it was noted with the upload."""
    part_bytes: int


def read_begun(path: Path | None) -> Begun | None:
    """What was begun last; None where nobody knows."""
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Begun)
    except (OSError, msgspec.MsgspecError):
        return None


def write_begun(path: Path | None, begun: Begun) -> None:
    """Remember it, in one step; who cannot may still send."""
    if path is None:
        return
    new = path.with_name(f"{path.name}.new")
    with suppress(OSError):
        new.write_bytes(msgspec.json.encode(begun))
        new.replace(path)
