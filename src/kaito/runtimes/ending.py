"""How a program in a pod ends: an exit code, and one line for the container's termination message.

Kubernetes copies the file at terminationMessagePath into the container's status, where `kubectl
describe` and our own conditions find it.
"""

import os
import sys
from pathlib import Path
from typing import Final

from kaito.api.runtime import (
    ENV_TERMINATION_LOG,
    TERMINATION_LOG,
    TERMINATION_MESSAGE_BYTES,
    ExitCode,
)
from kaito.base.errors import KaitoError

_UNSHOWN: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")
"""Control characters: a column's name may hold what a terminal takes for a command."""


class Ending(KaitoError):
    """Why the program stops: `str()` becomes the termination message, `code` the exit status."""

    def __init__(self, message: str, code: ExitCode, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code

    @property
    def line(self) -> str:
        """The message and the next step on one line."""
        return " ".join(super().line.translate(_UNSHOWN).split())


def write_ending(line: str) -> None:
    """Leave `line` as the termination message, and on standard error for the logs."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
    named = os.environ.get(ENV_TERMINATION_LOG)
    path = Path(named or TERMINATION_LOG)
    # Outside a container nobody made the default file, and it is not ours to put into /dev.
    if named or path.exists():
        message = line.encode()[:TERMINATION_MESSAGE_BYTES].decode(errors="ignore")
        path.write_text(message, encoding="utf-8")
