"""The roots of every error a person may see.

    KaitoError            one line: what is wrong, with which object; `hint` says what to do next
    +-- UsageError        the call itself is wrong (exit status 2)

Each layer adds its own beneath these in a module named `errors`.
"""


class KaitoError(Exception):
    """Something a user can cause or meet. `str()` is one line; `hint` is the next step or empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def line(self) -> str:
        """The message, and the next step where there is one."""
        return f"{self}; {self.hint}" if self.hint else str(self)


class UsageError(KaitoError):
    """The command or the arguments are wrong; nothing was attempted."""
