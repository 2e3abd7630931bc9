"""The streaming subresources as one entry point for the API server's router.

Chooses the protocol by the request's upgrade headers, turns refusals into `metav1.Status` answers,
and knows which streams are open, so that a shutdown can end them.
"""

import asyncio
import logging
from functools import partial

from aiohttp import web

from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.local.apiserver.streaming import exec_spdy, portforward_spdy
from kaito.local.apiserver.streaming.carrier import is_spdy, is_websocket
from kaito.local.apiserver.streaming.channels import PORT_PROTOCOLS, choose_protocol
from kaito.local.apiserver.streaming.errors import StreamError, bad_request
from kaito.local.apiserver.streaming.logs import answer_log
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.streaming.portforward_channels import answer_channels
from kaito.local.apiserver.streaming.query import parse_attach_request, parse_exec_request
from kaito.local.apiserver.streaming.status import to_response
from kaito.local.apiserver.streaming.websocket import answer_websocket

logger = logging.getLogger(__name__)

SUBRESOURCES = ("log", "exec", "attach", "portforward")
"""GET for all; POST too for all but log, because SPDY clients use it."""


class StreamingRoutes:
    """Serves `pods/{name}/{log,exec,attach,portforward}` of one plane."""

    def __init__(self, streams: PodStreams, *, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._open: set[asyncio.Task[object]] = set()
        self._is_stopping = False

    async def serve(self, request: web.Request, pod: Key, subresource: str) -> web.StreamResponse:
        """Answer one request, to the end of its stream. Only the query and headers are read."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await self._serve(request, pod, subresource)
        except StreamError as error:
            logger.debug("stream refused", extra=facts(pod=pod, to=subresource, problem=error))
            return to_response(error)
        finally:
            self._open.discard(task)

    async def stop(self) -> None:
        """End every open stream and refuse new ones; returns when they have ended."""
        self._is_stopping = True
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, request: web.Request, pod: Key, subresource: str) -> web.StreamResponse:
        if self._is_stopping:
            # Clients repeat a GET whose connection ended before its answer began.
            raise StreamError(503, "ServiceUnavailable", "the server is shutting down")
        match subresource:
            case "log":
                return await answer_log(request, self._streams, pod, clock=self._clock)
            case "exec":
                asked = parse_exec_request(request.query)
                start = partial(self._streams.exec, pod, asked)
            case "attach":
                asked = parse_attach_request(request.query)
                start = partial(self._streams.attach, pod, asked)
            case "portforward":
                return await self._forward_ports(request, pod)
            case _:
                raise StreamError(404, "NotFound", "the server could not find the resource")
        if is_websocket(request):
            return await answer_websocket(request, asked, start)
        if is_spdy(request):
            return await exec_spdy.answer_upgrade(request, asked, start, clock=self._clock)
        raise _upgrade_required()

    async def _forward_ports(self, request: web.Request, pod: Key) -> web.StreamResponse:
        if is_spdy(request):
            return await portforward_spdy.answer_upgrade(
                request, self._streams, pod, clock=self._clock
            )
        if not is_websocket(request):
            raise _upgrade_required()
        known = {portforward_spdy.TUNNEL: None, **PORT_PROTOCOLS}
        if choose_protocol(request, known) == portforward_spdy.TUNNEL:
            return await portforward_spdy.answer_tunnel(
                request, self._streams, pod, clock=self._clock
            )
        return await answer_channels(request, self._streams, pod, clock=self._clock)


def _upgrade_required() -> StreamError:
    return bad_request("Upgrade request required")
