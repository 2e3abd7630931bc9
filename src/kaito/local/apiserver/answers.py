"""Answers: a status code, a body in the form that the client accepts, and warnings."""

from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from kaito.api.meta import Manifest
from kaito.local.apiserver.errors import StatusError

_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, complete."""

    body: bytes
    status: int = 200
    content_type: str = _JSON
    warnings: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def to_response(self) -> web.Response:
        """The answer as aiohttp sends it."""
        response = web.Response(body=self.body, status=self.status, headers=self.headers)
        response.headers["Content-Type"] = self.content_type
        for warning in self.warnings:
            # RFC 9111: code 299, no agent, quoted text.
            quoted = warning.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
            response.headers.add("Warning", f'299 - "{quoted}"')
        return response


def to_answer(manifest: Manifest, *, status: int = 200) -> Answer:
    """An object as an answer."""
    return Answer(body=msgspec.json.encode(manifest), status=status)


def failure(error: StatusError) -> Answer:
    """A `Status` as an answer."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = msgspec.json.encode(error.to_status())
    return Answer(body=body, status=error.code, headers=headers)
