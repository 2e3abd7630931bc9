"""How tuning can end short of an adapter; each carries its exit code and becomes one line.

Ending
+-- DataRefused       there is data and it is not what training needs: INVALID_DATA
+-- SourceFailed      data, a registry or the hub cannot be reached or refuses: UNAVAILABLE
+-- SettingRefused    a setting is wrong, or too much for this machine: CONFIG
"""

import errno
from typing import Final

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending

RETRY_ME: Final = 143
"""Exit status after SIGTERM with a checkpoint written: start again and training goes on."""

_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


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


def to_ending(error: OSError) -> Ending:
    """A failed read or write as an ending; a full disk says how to get more of it."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _ROOM:
        return SettingRefused(
            f"the disk is full{where}",
            hint="give the Workspace's output a larger volume, or the node more disk",
        )
    return DataRefused(f"cannot read or write{where}: {error.strerror or error}")
