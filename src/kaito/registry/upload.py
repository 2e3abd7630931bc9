"""Blobs into a registry: what is there is not sent, what was cut goes on.

A blob that another repository of the registry has is mounted from there. The rest goes in chunks,
each acknowledged; after a failure the registry is asked how much it has. A registry that refuses
chunks gets the blob whole.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from kaito.base.quantity import MIB
from kaito.registry.client import Registry
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Progress
from kaito.registry.reference import Reference
from kaito.registry.web import FRUITLESS_TRIES, Ask, Transient, require_success, to_unreachable

CHUNK_BYTES: Final = 64 * MIB
SILENCE_SECONDS: Final = 120.0
"""Without one more byte taken, or until the registry has checked what it has."""
_READ: Final = MIB
_OCTETS: Final = {"Content-Type": "application/octet-stream"}
_REFUSALS = (400, 404, 405, 411, 413, 416, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Content to push: a stretch of a file, or bytes."""

    digest: str
    size: int
    name: str = ""
    path: Path | None = None
    offset: int = 0
    content: bytes = b""


@dataclass(slots=True, kw_only=True)
class _Session:
    """An upload that the registry keeps: where to send more, and how much it has."""

    location: str
    at: int = 0


async def push_blob(
    registry: Registry,
    reference: Reference,
    blob: Blob,
    progress: Progress,
    *,
    mount_from: str = "",
) -> None:
    """Make `blob` part of the repository of `reference`.

    `mount_from` names another repository of the same registry that may have it.
    """
    what = f"{reference.registry}/{reference.repository}: {blob.name or blob.digest[:19]}"
    if await registry.web.insist(lambda: _exists(registry, reference, blob), what=what):
        progress.advance(blob.size, item=blob.name)
        return
    upload = _Upload(registry, reference, blob, progress)
    await upload.send(what, mount_from)


async def _exists(registry: Registry, reference: Reference, blob: Blob) -> bool:
    ask = Ask(method="HEAD", address=f"blobs/{blob.digest}", expected=(404,))
    async with registry.open(reference, ask, actions="pull,push") as response:
        return response.status == 200


class _Upload:
    """One blob on its way."""

    def __init__(
        self, registry: Registry, reference: Reference, blob: Blob, progress: Progress
    ) -> None:
        self._registry = registry
        self._reference = reference
        self._blob = blob
        self._progress = progress
        self._told = 0
        self._is_whole = False
        self._guard = asyncio.timeout(None)

    async def send(self, what: str, mount_from: str) -> None:
        """Start, and go on until the registry has it all."""
        web, failures = self._registry.web, 0
        current = await web.insist(lambda: self._start(mount_from), what=what)
        while (session := current) is not None:
            before = session.at
            try:
                current = await self._advance(session)
            except Transient as error:
                failures = 0 if session.at > before else failures + 1
                if failures >= FRUITLESS_TRIES:
                    raise to_unreachable(error, what) from error
                await web.wait(error, failures)
                current = await web.insist(partial(self._resume, session), what=what)

    async def _advance(self, session: _Session) -> _Session | None:
        """Send the rest; None when all is sent, another upload when chunks are not taken."""
        if self._is_whole or self._blob.size <= CHUNK_BYTES:
            await self._put_rest(session)
            return None
        if await self._send_chunks(session):
            return None
        self._is_whole = True
        return await self._start("")

    async def _start(self, mount_from: str) -> _Session | None:
        """A new upload; None where the registry has mounted the blob instead."""
        try:
            return await self._ask_to_start(mount_from)
        except RegistryError:
            if not mount_from:
                raise
            # A registry that mounts nothing, or not for us, may still take the bytes.
            return await self._ask_to_start("")

    async def _ask_to_start(self, mount_from: str) -> _Session | None:
        path = "blobs/uploads/"
        if mount_from:
            path += f"?mount={self._blob.digest}&from={mount_from}"
        ask = Ask(method="POST", address=path, headers={"Content-Length": "0"})
        async with self._open(ask) as response:
            if response.status == 201:
                self._tell(self._blob.size)
                return None
            return _Session(location=self._location(response))

    async def _resume(self, session: _Session) -> _Session | None:
        """The upload as the registry knows it, or a new one where it does not any more."""
        async with self._open(Ask(address=session.location, expected=(404, 405))) as response:
            if response.status >= 400:
                found = None
            else:
                found = _Session(location=self._location(response), at=_received(response))
        found = found or await self._start("")
        if found is not None:
            self._tell(found.at)
        return found

    async def _send_chunks(self, session: _Session) -> bool:
        """Send all but the closing request; False when the registry refuses chunks."""
        blob = self._blob
        while session.at < blob.size:
            start, end = session.at, min(session.at + CHUNK_BYTES, blob.size)
            headers = {
                **_OCTETS,
                "Content-Length": str(end - start),
                "Content-Range": f"{start}-{end - 1}",
            }
            async with self._send("PATCH", session.location, headers, (start, end)) as response:
                if response.status == 416:
                    raise Transient("the registry has another part of the upload than we thought")
                if response.status >= 400:
                    return False
                session.location = self._location(response)
                session.at = end
        await self._put_rest(session)
        return True

    async def _put_rest(self, session: _Session) -> None:
        """The closing request, with whatever has not been sent yet."""
        span = (session.at, self._blob.size)
        headers = {**_OCTETS, "Content-Length": str(span[1] - span[0])}
        address = URL(session.location, encoded=True).update_query(digest=self._blob.digest)
        async with self._send("PUT", str(address), headers, span) as response:
            require_success(response, f"registry {self._reference.registry}")
            session.at = self._blob.size
            self._tell(self._blob.size)

    @asynccontextmanager
    async def _send(
        self, method: str, address: str, headers: dict[str, str], span: tuple[int, int]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request with a stretch of the blob; `Transient` when nothing moves any more."""
        data = self._read(*span) if span[0] < span[1] else None
        expected = _REFUSALS if method == "PATCH" else ()
        ask = Ask(
            method=method, address=address, headers=headers, data=data, is_bulk=True,
            expected=expected,
        )  # fmt: skip
        try:
            async with (
                asyncio.timeout(SILENCE_SECONDS) as self._guard,
                self._open(ask) as response,
            ):
                yield response
        except TimeoutError as error:
            raise Transient(f"the registry took nothing for {SILENCE_SECONDS:.0f} s") from error

    async def _read(self, start: int, end: int) -> AsyncIterator[bytes]:
        blob, loop = self._blob, asyncio.get_running_loop()
        self._tell(start)
        if blob.path is None:
            yield blob.content[start:end]
            self._tell(end)
            return
        file = os.open(blob.path, os.O_RDONLY)
        try:
            while start < end:
                content = await asyncio.to_thread(
                    os.pread, file, min(_READ, end - start), blob.offset + start
                )
                if not content:
                    raise RegistryError(
                        f"{blob.path} became shorter while it was pushed", kind="disk"
                    )
                yield content
                self._guard.reschedule(loop.time() + SILENCE_SECONDS)
                start += len(content)
                self._tell(start)
        finally:
            os.close(file)

    def _open(self, ask: Ask) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._registry.open(self._reference, ask, actions="pull,push")

    def _tell(self, at: int) -> None:
        self._progress.advance(at - self._told, item=self._blob.name)
        self._told = at

    def _location(self, response: aiohttp.ClientResponse) -> str:
        location = response.headers.get("Location", "")
        if not location:
            raise RegistryError(
                f"registry {self._reference.registry} does not say where to upload to",
                kind="refused",
            )
        return str(response.url.join(URL(location, encoded=True)))


def _received(response: aiohttp.ClientResponse) -> int:
    """How much the registry has, from `Range: 0-N`; an empty upload is told as `0-0` too."""
    _, _, last = response.headers.get("Range", "").rpartition("-")
    return int(last) + 1 if last.isdecimal() and last != "0" else 0
