"""A request, read once: what it is about, what it wants, what it carries."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from kaito.local.apiserver import errors
from kaito.local.apiserver.bodies import MOST_BYTES
from kaito.local.apiserver.negotiate import Accepted, negotiate
from kaito.local.apiserver.target import Target

_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_COLLECTION_VERBS = {"POST": "create", "DELETE": "deletecollection"}
_FALSE = frozenset({"0", "false", "f"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One request about a target."""

    verb: str
    target: Target
    query: Mapping[str, str]
    accepted: Accepted
    body: bytes
    media_type: str
    user_agent: str


async def read_request(request: web.Request, target: Target) -> Incoming:
    """Read a request whole; 405, 406 and 413 where that is the answer already."""
    headers = request.headers
    media_type = headers.get("Content-Type", "").partition(";")[0].strip()
    return Incoming(
        verb=_verb(request, target),
        target=target,
        query=request.query,
        accepted=negotiate(headers.get("Accept", "")),
        body=await _read(request),
        media_type=media_type,
        user_agent=headers.get("User-Agent", ""),
    )


async def _read(request: web.Request) -> bytes:
    if not request.can_read_body:
        return b""
    if (request.content_length or 0) > MOST_BYTES:
        raise errors.too_large(MOST_BYTES)
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise errors.too_large(MOST_BYTES) from error


def _verb(request: web.Request, target: Target) -> str:
    method = "GET" if request.method == "HEAD" else request.method
    if target.name:
        if method == "POST" and target.subresource:
            return "create"
        verb = _OBJECT_VERBS.get(method)
    elif method == "GET":
        return "watch" if _is_true(request.query) else "list"
    else:
        verb = _COLLECTION_VERBS.get(method)
    if verb is None:
        raise errors.method_not_allowed(target.subject, method)
    return verb


def _is_true(query: Mapping[str, str]) -> bool:
    return "watch" in query and query["watch"].lower() not in _FALSE
