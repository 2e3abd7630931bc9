"""From an HTTP request to a verb, and from what comes of it to an answer.

One `Dispatcher` serves every listener. It authenticates nobody (its caller has) and contains no
rule about any kind.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from aiohttp import web

from kaito.api.meta import Key, Manifest
from kaito.base.logs import facts
from kaito.local.apiserver import errors, forms, paths
from kaito.local.apiserver.answers import Answer, failure, to_answer
from kaito.local.apiserver.bodies import Body, parse_body
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.incoming import Incoming, read_request
from kaito.local.apiserver.options import (
    parse_delete_options,
    parse_list_options,
    parse_write_options,
)
from kaito.local.apiserver.rest import subresources
from kaito.local.apiserver.rest.create import Written, create_object
from kaito.local.apiserver.rest.delete import delete_collection, delete_object
from kaito.local.apiserver.rest.patch import patch_object
from kaito.local.apiserver.rest.read import get_object, select
from kaito.local.apiserver.rest.reviews import REVIEWS
from kaito.local.apiserver.rest.update import Edit, update_object
from kaito.local.apiserver.target import Target, parse_target
from kaito.local.apiserver.watching import WatchStream
from kaito.local.store.errors import Compacted, StoreClosed, StoreUnavailable
from kaito.local.store.port import Watch

logger = logging.getLogger(__name__)

UNSUPPORTED_SUBRESOURCES = frozenset({"ephemeralcontainers", "proxy", "resize", "token"})
"""What Kubernetes has below objects and this server does not; answered with a 501 that says so."""
STREAMING = frozenset({"log", "exec", "attach", "portforward"})
_VERBS = {"PUT": "update", "PATCH": "patch", "POST": "create"}


class Streams(Protocol):
    """Who answers the streaming subresources of pods."""

    async def serve(self, request: web.Request, pod: Key, subresource: str) -> web.StreamResponse:
        """Answer one request, to the end of its stream."""
        ...

    async def stop(self) -> None:
        """End every open stream."""
        ...


class Dispatcher:
    """Answers every request about the API."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.streams: Streams | None = None
        self._paths = paths.Paths(core.registry)
        self.open_watches: set[Watch] = set()

    async def answer(self, incoming: Incoming) -> Answer:
        """Answer a request of this process; what is refused is an answer too."""
        try:
            check_verb(incoming)
            return await self._answer(incoming)
        except _REFUSALS as error:
            return _refusal(error)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; never raises for what a client can cause."""
        try:
            return await self._serve(request)
        except _REFUSALS as error:
            return _refusal(error).to_response()
        except web.HTTPRequestEntityTooLarge as error:
            return failure(errors.too_large(int(error.headers.get("limit", 0)))).to_response()
        except (OverflowError, RecursionError, UnicodeEncodeError) as error:
            # Python reads what JSON cannot say again, such as half a surrogate pair.
            refusal = errors.bad_request(f"the object cannot be kept as JSON: {error}")
            return failure(refusal).to_response()
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:
            logger.exception(
                "request failed", extra=facts(method=request.method, path=request.path)
            )
            return failure(errors.internal("see the plane's log")).to_response()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if not path.startswith(("/api/", "/apis/")) or path.count("/") < 3:
            return self._paths.answer(request).to_response()
        described = self._paths.resource_list(path)
        if described is not None:
            return described.to_response()
        target = parse_target(self._core.registry, path)
        if target.subresource in STREAMING and target.served.resource == "pods":
            return await self._stream(request, target)
        incoming = await read_request(request, target)
        if incoming.verb == "watch":
            return await self._watch(request, incoming)
        check_verb(incoming)
        answer = await self._answer(incoming)
        return answer.to_response()

    async def _stream(self, request: web.Request, target: Target) -> web.StreamResponse:
        await get_object(self._core, target)
        if self.streams is None:
            raise errors.not_implemented(
                f"pods/{target.subresource} needs a node agent, and this server runs without one"
            )
        key = Key(target.namespace, target.name)
        return await self.streams.serve(request, key, target.subresource)

    async def _watch(self, request: web.Request, incoming: Incoming) -> web.StreamResponse:
        check_verb(incoming)
        options = parse_list_options(incoming.query)
        stream = WatchStream(self._core, incoming.target, options, accepted=incoming.accepted)
        return await stream.serve(request, self.open_watches)

    async def _answer(self, incoming: Incoming) -> Answer:
        if incoming.target.subresource:
            return await self._subresource(incoming)
        verbs: dict[str, Callable[[Incoming], Awaitable[Answer]]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }
        return await verbs[incoming.verb](incoming)

    async def _get(self, incoming: Incoming) -> Answer:
        entry = await get_object(self._core, incoming.target)
        return self._formed(incoming, Written(value=entry.value))

    async def _list(self, incoming: Incoming) -> Answer:
        options = parse_list_options(incoming.query)
        selection = await select(self._core, incoming.target, options)
        return Answer(body=forms.many(self._core, incoming.target, selection, incoming.accepted))

    async def _create(self, incoming: Incoming) -> Answer:
        body = parse_body(incoming.body, incoming.media_type)
        options = parse_write_options(incoming.query, incoming.user_agent)
        if review := REVIEWS.get(incoming.target.served.resource):
            return to_answer(review(body.to_object()), status=201)
        written = await create_object(self._core, incoming.target, body, options)
        return self._formed(incoming, written)

    async def _update(self, incoming: Incoming) -> Answer:
        body = parse_body(incoming.body, incoming.media_type)
        options = parse_write_options(incoming.query, incoming.user_agent)
        sent = body.to_object()
        edit = Edit(wanted=lambda _: sent, duplicates=body.duplicates, is_replacement=True)
        written = await update_object(self._core, incoming.target, edit, options)
        return self._formed(incoming, written)

    async def _patch(self, incoming: Incoming) -> Answer:
        body = parse_body(incoming.body, incoming.media_type)
        options = parse_write_options(incoming.query, incoming.user_agent)
        written = await patch_object(
            self._core, incoming.target, body, media_type=incoming.media_type, options=options
        )
        return self._formed(incoming, written)

    async def _delete(self, incoming: Incoming) -> Answer:
        options = parse_delete_options(incoming.query, _options_body(incoming))
        outcome = await delete_object(self._core, incoming.target, options)
        if isinstance(outcome, Written):
            return self._formed(incoming, outcome)
        return to_answer(outcome)

    async def _delete_collection(self, incoming: Incoming) -> Answer:
        options = parse_delete_options(incoming.query, _options_body(incoming))
        chosen = parse_list_options(incoming.query)
        values = await delete_collection(self._core, incoming.target, chosen, options)
        served = incoming.target.served
        head: Manifest = {
            "kind": served.list_kind or f"{served.kind}List",
            "apiVersion": incoming.target.api_version,
            "metadata": {"resourceVersion": str(self._core.store.revision)},
        }
        body = msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(values) + b"]}"
        return Answer(body=body)

    async def _subresource(self, incoming: Incoming) -> Answer:
        name = incoming.target.subresource
        if name == "status":
            if incoming.verb == "get":
                return await self._get(incoming)
            return await (
                self._update(incoming) if incoming.verb == "update" else self._patch(incoming)
            )
        body = Body({})
        if incoming.verb != "get":
            body = parse_body(incoming.body, incoming.media_type)
        options = parse_write_options(incoming.query, incoming.user_agent)
        call = subresources.Call(
            target=incoming.target,
            verb=incoming.verb,
            body=body,
            media_type=incoming.media_type,
            options=options,
        )
        outcome = await subresources.SUBRESOURCES[name](self._core, call)
        if isinstance(outcome, Written):
            return self._formed(incoming, outcome)
        return to_answer(outcome, status=201 if incoming.verb == "create" else 200)

    def _formed(self, incoming: Incoming, written: Written) -> Answer:
        body = forms.one(self._core, incoming.target, written.value, incoming.accepted)
        status = 201 if written.created else 200
        version = incoming.target.served.at(incoming.target.version)
        deprecation = (version.deprecation,) if version.deprecation else ()
        return Answer(body=body, status=status, warnings=(*deprecation, *written.warnings))


_REFUSALS = (errors.StatusError, StoreUnavailable, StoreClosed, Compacted)


def _refusal(error: Exception) -> Answer:
    if isinstance(error, errors.StatusError):
        return failure(error)
    if isinstance(error, Compacted):
        return failure(errors.expired(str(error)))
    return failure(errors.unavailable(str(error)))


def check_verb(incoming: Incoming) -> None:
    """Refuse a verb that the resource does not have (405), and an unknown subresource (404)."""
    target = incoming.target
    if not target.subresource:
        if incoming.verb not in target.served.verbs:
            raise errors.method_not_allowed(target.subject, incoming.verb)
        return
    subresource = target.served.subresource(target.subresource, target.version)
    if subresource is None:
        if target.subresource in UNSUPPORTED_SUBRESOURCES:
            named = f"{target.served.resource}/{target.subresource}"
            raise errors.not_implemented(f"{named} is not supported by this API server")
        raise errors.unknown_path()
    if incoming.verb not in subresource.verbs:
        raise errors.method_not_allowed(target.subject, incoming.verb)


def _options_body(incoming: Incoming) -> Manifest:
    return parse_body(incoming.body, incoming.media_type).to_object() if incoming.body else {}
