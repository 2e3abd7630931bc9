"""Failures as clients of Kubernetes expect them: `Status` objects with a code and a reason.

    StatusError
    +-- made by the functions below, one for each reason a client may meet

The wording follows kube-apiserver's (k8s.io/apimachinery/pkg/api/errors), since scripts and kubectl
itself look at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kaito.api.meta import Manifest
from kaito.base.errors import KaitoError


@dataclass(frozen=True, slots=True)
class Cause:
    """One problem with one field. `reason` is one of Kubernetes' `FieldValue...` words."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        """`field: message`, as kube-apiserver writes them."""
        return f"{self.field}: {self.message}" if self.field else self.message


class StatusError(KaitoError):
    """A request that fails with a `Status`."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: Manifest | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details or {}

    @property
    def retry_after(self) -> int:
        """Seconds after which a client should try again; 0 when it should not."""
        seconds: int = self.details.get("retryAfterSeconds", 0)
        return seconds

    def to_status(self) -> Manifest:
        """The object that is sent."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


def success(*, details: Manifest) -> Manifest:
    """The `Status` that answers a finished deletion."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message names: one object of a resource, or the resource when `name` is empty."""

    group: str
    plural: str
    name: str = ""
    kind: str = ""
    uid: str = ""

    @property
    def resource(self) -> str:
        """`plural.group`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def details(self, **more: object) -> Manifest:
        """The `details` of a Status about this object."""
        known = {"name": self.name, "group": self.group, "kind": self.plural, "uid": self.uid}
        return {**{key: value for key, value in known.items() if value}, **more}


def bad_request(message: str) -> StatusError:
    """400: the request itself makes no sense."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401: no token, or a wrong one."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(subject: Subject, why: str, *, causes: Sequence[Cause] = ()) -> StatusError:
    """403: a rule of the server, or admission, says no."""
    named = f'{subject.resource} "{subject.name}"' if subject.name else subject.resource
    more = {"causes": [_to_cause(cause) for cause in causes]} if causes else {}
    details = subject.details(**more)
    return StatusError(403, "Forbidden", f"{named} is forbidden: {why}", details=details)


def not_found(subject: Subject) -> StatusError:
    """404: no such object."""
    message = f'{subject.resource} "{subject.name}" not found'
    return StatusError(404, "NotFound", message, details=subject.details())


def unknown_path() -> StatusError:
    """404: no such resource or URL."""
    message = "the server could not find the requested resource"
    return StatusError(404, "NotFound", message)


def method_not_allowed(subject: Subject, verb: str) -> StatusError:
    """405: the resource exists but does not support this verb."""
    message = f"{verb} is not supported on resources of kind {subject.resource!r}"
    return StatusError(405, "MethodNotAllowed", message, details=subject.details())


def not_acceptable(supported: Sequence[str]) -> StatusError:
    """406: no media type the client accepts can be produced."""
    listed = ", ".join(supported)
    message = f"only the following media types are accepted: {listed}"
    return StatusError(406, "NotAcceptable", message)


def already_exists(subject: Subject) -> StatusError:
    """409: the name is taken."""
    message = f'{subject.resource} "{subject.name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=subject.details())


def conflict(subject: Subject, why: str = "") -> StatusError:
    """409: the object is not the one the client thought of."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try "
        "again"
    )
    message = f'Operation cannot be fulfilled on {subject.resource} "{subject.name}": {why}'
    return StatusError(409, "Conflict", message, details=subject.details())


def apply_conflict(message: str, causes: Sequence[Manifest]) -> StatusError:
    """409: server-side apply would take fields that other managers own."""
    return StatusError(409, "Conflict", message, details={"causes": list(causes)})


def expired(message: str) -> StatusError:
    """410: the history that was asked for is gone; list again."""
    return StatusError(410, "Expired", message)


def too_large(limit: int) -> StatusError:
    """413: the body is larger than any object may be."""
    message = f"Request entity too large: limit is {limit}"
    return StatusError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(got: str, supported: Sequence[str]) -> StatusError:
    """415: the body is in a form that is not read here."""
    listed = ", ".join(supported)
    message = (
        f"the body of the request was in an unknown format - accepted media types include: {listed}"
        f" (got {got!r})"
    )
    return StatusError(415, "UnsupportedMediaType", message)


def invalid(subject: Subject, causes: Sequence[Cause]) -> StatusError:
    """422: fields have values they must not have."""
    listed = str(causes[0]) if len(causes) == 1 else f"[{', '.join(map(str, causes))}]"
    kind = f"{subject.kind}.{subject.group}" if subject.group else subject.kind
    message = f'{kind} "{subject.name}" is invalid: {listed}'
    details = subject.details(causes=[_to_cause(cause) for cause in causes])
    details["kind"] = subject.kind
    return StatusError(422, "Invalid", message, details=details)


def too_many_requests(message: str, *, retry_after: int) -> StatusError:
    """429: not now."""
    details = {"retryAfterSeconds": retry_after}
    return StatusError(429, "TooManyRequests", message, details=details)


def internal(message: str) -> StatusError:
    """500: a bug here; the log has the traceback."""
    return StatusError(500, "InternalError", f"Internal error occurred: {message}")


def not_implemented(message: str) -> StatusError:
    """501: Kubernetes has this and this server does not."""
    return StatusError(501, "NotImplemented", message)


def unavailable(message: str) -> StatusError:
    """503: the disk refuses, or the server is stopping."""
    details = {"retryAfterSeconds": 1}
    return StatusError(503, "ServiceUnavailable", message, details=details)


def _to_cause(cause: Cause) -> Manifest:
    entry = {"reason": cause.reason, "message": cause.message}
    return {**entry, "field": cause.field} if cause.field else entry
