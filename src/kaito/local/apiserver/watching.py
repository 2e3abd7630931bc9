"""Streaming a watch to a connection: initial events, changes, bookmarks, and an orderly end.

A watch that fell behind, or that asks for history that is gone, ends with an ERROR event carrying a
410, upon which every client lists again.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
from collections.abc import Callable, Iterable

import msgspec
from aiohttp import web

from kaito.local.apiserver import errors, forms
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.negotiate import Accepted
from kaito.local.apiserver.objects import in_version
from kaito.local.apiserver.options import ListOptions
from kaito.local.apiserver.rest.read import select
from kaito.local.apiserver.rest.watch import EventType, WatchEvent, events
from kaito.local.apiserver.target import Target
from kaito.local.store.errors import Compacted, StoreClosed, WatcherTooSlow
from kaito.local.store.port import Watch

BOOKMARK_SECONDS = 60.0
LONGEST_SECONDS = 1800.0
"""A watch without timeoutSeconds ends after this; clients start the next where it ended."""
_LOOK_SECONDS = 10.0
"""How often a quiet watch looks whether its client is still there."""
_END_ANNOTATION = "k8s.io/initial-events-end"


class WatchStream:
    """One watch request being answered."""

    def __init__(
        self, core: Core, target: Target, options: ListOptions, *, accepted: Accepted
    ) -> None:
        self._core = core
        self._target = target
        self._options = options
        self._accepted = accepted
        self._columns_sent = False

    async def serve(self, request: web.Request, open_watches: set[Watch]) -> web.StreamResponse:
        """Answer until the time is up, the client goes, or the server stops."""
        initial, after = await self._initial_events()
        watch = await self._subscribe(after)
        response = web.StreamResponse(headers={"Content-Type": self._accepted.content_type})
        open_watches.add(watch)
        try:
            await response.prepare(request)
            await response.write(self._lines(initial) + self._initial_bookmark(after))
            await self._stream(response, watch, gone=lambda: _is_gone(request))
        except ConnectionError:
            pass
        finally:
            open_watches.discard(watch)
            watch.close()
        return response

    async def _initial_events(self) -> tuple[list[WatchEvent], int]:
        """What already exists where the client asked for that, and where changes start."""
        options = self._options
        revision = int(options.resource_version or 0)
        if revision and not options.initial_events:
            return [], revision
        if options.match and not options.initial_events:
            # Only clients that said sendInitialEvents=false name a match without wanting them.
            return [], self._core.store.revision
        everything = ListOptions(labels=options.labels, fields=options.fields)
        selection = await select(self._core, self._target, everything)
        return [WatchEvent("ADDED", entry) for entry in selection.entries], selection.revision

    async def _subscribe(self, after: int) -> Watch:
        try:
            return await self._core.store.watch(self._target.scope, after=after)
        except Compacted as error:
            raise errors.expired(f"too old resource version: {after} ({error.floor})") from error

    async def _stream(
        self, response: web.StreamResponse, watch: Watch, *, gone: Callable[[], bool]
    ) -> None:
        timer = asyncio.create_task(self._tick(watch), name="watch timer")
        clock = self._core.clock
        ends = clock.monotonic() + min(
            self._options.timeout_seconds or LONGEST_SECONDS, LONGEST_SECONDS
        )
        bookmark_due = clock.monotonic() + BOOKMARK_SECONDS
        try:
            while clock.monotonic() < ends and not gone():
                changes = await watch.changes()
                data = self._lines(events(changes, self._options))
                if self._options.bookmarks and clock.monotonic() >= bookmark_due:
                    bookmark_due = clock.monotonic() + BOOKMARK_SECONDS
                    data += self._bookmark(watch.revision)
                if data:
                    await response.write(data)
            if self._options.bookmarks and not gone():
                await response.write(self._bookmark(watch.revision))
        except WatcherTooSlow as error:
            await response.write(_error_line(errors.expired(str(error))))
        except StoreClosed:
            pass
        finally:
            timer.cancel()

    async def _tick(self, watch: Watch) -> None:
        left = float(min(self._options.timeout_seconds or LONGEST_SECONDS, LONGEST_SECONDS))
        while True:
            pause = min(left, _LOOK_SECONDS) if left > 0 else _LOOK_SECONDS
            await self._core.clock.sleep(pause)
            left -= pause
            watch.wake()

    def _lines(self, found: Iterable[WatchEvent]) -> bytes:
        return b"".join(_line(event.type, self._object(event)) for event in found)

    def _object(self, event: WatchEvent) -> bytes:
        value = event.entry.value
        if not self._accepted.form:
            return in_version(value, self._target.api_version)
        if self._accepted.form == "Table":
            with_columns, self._columns_sent = not self._columns_sent, True
            return forms.table_event(self._core, self._target, value, with_columns=with_columns)
        return forms.partial(value)

    def _initial_bookmark(self, revision: int) -> bytes:
        if not (self._options.initial_events and self._options.bookmarks):
            return b""
        return self._bookmark(revision, annotations={_END_ANNOTATION: "true"})

    def _bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> bytes:
        meta: dict[str, object] = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        served = self._target.served
        marker = {"kind": served.kind, "apiVersion": self._target.api_version, "metadata": meta}
        if self._accepted.form == "Table":
            table = forms.first_table_page(self._core, self._target)
            table["rows"] = [{"cells": [], "object": marker}]
            marker = {**table, "metadata": {"resourceVersion": str(revision)}}
        return _line("BOOKMARK", msgspec.json.encode(marker))


def _line(type_: EventType, value: bytes) -> bytes:
    return b'{"type":"' + type_.encode() + b'","object":' + value + b"}\n"


def _error_line(error: errors.StatusError) -> bytes:
    return _line("ERROR", msgspec.json.encode(error.to_status()))


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
