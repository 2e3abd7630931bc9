"""What an API server may answer instead of what was asked.

ApiError                any answer that is not a success, or none at all
+-- NotFound            404
+-- AlreadyExists       409 with reason AlreadyExists
+-- Conflict            409 otherwise: the object changed meanwhile, or another manager owns a field
+-- Invalid             422, or 400: the object breaks a rule
+-- Gone                410: the revision is compacted, list again
+-- Denied              401 or 403
+-- TooManyRequests     429; `retry_after` seconds
+-- Unavailable         5xx, or no answer: the server may be back later
+-- Unreadable          an answer came, but not of the form that its kind has
"""

from typing import Any

import msgspec

from kaito.base.errors import KaitoError


class ApiError(KaitoError):
    """A failed request. `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.retry_after = 0.0

    @property
    def is_refusal(self) -> bool:
        """Whether a right, a quota, a policy or a namespace that is gone has to be mended first.

        A fence's has no status. A deletion of what is gone is no error in the first place.
        """
        return self.status in (400, 403, 404, 422)


class NotFound(ApiError):
    """There is no such object."""


class AlreadyExists(ApiError):
    """An object of that name is already there."""


class Conflict(ApiError):
    """The object changed since it was read, or another manager owns a field."""


class Invalid(ApiError):
    """The object breaks a rule; the message names the fields."""


class Gone(ApiError):
    """The asked-for revision is no longer kept."""


class Denied(ApiError):
    """Not authenticated, or not allowed."""


class TooManyRequests(ApiError):
    """The server asks to slow down."""


class Unavailable(ApiError):
    """The server cannot answer now."""


class Unreadable(ApiError):
    """What was answered does not have the form its kind should have."""


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0
    details: Any = None
    error: Any = None
    """What a server behind the API server's proxy says, where it speaks OpenAI's form."""

    @property
    def said(self) -> str:
        """The sentence, by whichever of the two it was said."""
        inner = self.error.get("message") if isinstance(self.error, dict) else ""
        return self.message or (inner if isinstance(inner, str) else "")


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Denied,
    403: Denied,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def to_error(status: int, body: bytes, *, where: str, retry_after: str = "") -> ApiError:
    """The error that an answer stands for. `where` names the request when the body says nothing."""
    try:
        answer = msgspec.json.decode(body, type=_Status)
    except msgspec.MsgspecError:
        text = body[:200].decode(errors="replace").strip()
        answer = _Status(message=f"{where}: HTTP {status} {text}".strip())
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else ApiError)
    if answer.reason == "AlreadyExists":
        kind = AlreadyExists
    error = kind(answer.said or f"{where}: HTTP {status}", status=status, reason=answer.reason)
    if retry_after.isdigit():
        error.retry_after = float(retry_after)
    return error
