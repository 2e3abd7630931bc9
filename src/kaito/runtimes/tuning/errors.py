"""How tuning can end short of an adapter; each carries its exit code and becomes one line.

Ending
+-- DataRefused       there is data and it is not what training needs: INVALID_DATA
+-- SourceFailed      data, a registry or the hub cannot be reached or refuses: UNAVAILABLE
+-- SettingRefused    a setting is wrong, or too much for this machine: CONFIG
+-- NoRoom            a disk is full: NO_ROOM
+-- PeersGone         another process of the group has ended: PEERS
"""

import errno
from typing import Final

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending

RETRY_ME: Final = 143
"""Exit status after SIGTERM with a checkpoint written: start again and training goes on."""

_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Full, above a quota, or a file above the size that is allowed here."""


class DataRefused(Ending):
    """The data is there and cannot be trained on."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, ExitCode.INVALID_DATA, hint=hint)


class SourceFailed(Ending):
    """Something beyond this pod does not give what it should."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, ExitCode.UNAVAILABLE, hint=hint)


class SettingRefused(Ending):
    """Only an edit of the Workspace or of its training_config.yaml helps."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, ExitCode.CONFIG, hint=hint)


class PeersGone(Ending):
    """Another process of this training is not there any more; all start again."""

    def __init__(self, which: str = "") -> None:
        super().__init__(
            f"another process of this training is gone{which}",
            ExitCode.PEERS,
            hint="once all are there again, it goes on from the last checkpoint",
        )


class NoRoom(Ending):
    """A disk is full."""

    def __init__(self, where: str = "") -> None:
        super().__init__(
            f"the disk is full{where}",
            ExitCode.NO_ROOM,
            hint="give the Workspace's output a larger volume, or the node more disk",
        )


def to_ending(error: OSError) -> Ending:
    """A failed read or write as an ending; a full disk says how to get more of it."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _ROOM:
        return NoRoom(where)
    return DataRefused(f"cannot read or write{where}: {error.strerror or error}")
