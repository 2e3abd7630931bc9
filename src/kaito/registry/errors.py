"""What can go wrong between us and a registry, or any server that files are fetched from.

KaitoError
+-- RegistryError     `kind` says which of seven ways, so that callers need not read messages
"""

from typing import Literal, TypeAlias

from kaito.base.errors import KaitoError

Kind: TypeAlias = Literal[
    "auth", "not found", "unreachable", "damaged", "refused", "disk", "too large"
]  # fmt: skip
"""auth: credentials are missing or wrong; not found: no such content; unreachable: nobody answers,
or not for long enough; damaged: bytes or documents are not what was promised; refused: the server,
or we ourselves, will not; disk: the files at this end cannot be read or written;
too large: it is more than the caller wants."""


class RegistryError(KaitoError):
    """One transfer failed; `str()` is one line that names the object."""

    def __init__(self, message: str, *, kind: Kind, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind: Kind = kind
