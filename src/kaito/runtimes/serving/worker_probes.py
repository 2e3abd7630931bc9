"""The probes of a pod that only lends its GPUs: the paths of the server, without one.

All pods of a StatefulSet have the same probes, so a worker answers them too: ready and healthy once
it has joined, and as long as its leader can be reached.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kaito.api.runtime import HEALTH_PATH, READY_PATH


@dataclass(slots=True)
class WorkerState:
    """What the probes report."""

    trouble: str = "it has not joined yet"
    """Why the worker is of no use; empty when it is."""


@asynccontextmanager
async def serve_probes(state: WorkerState, host: str, port: int) -> AsyncIterator[None]:
    """Answer on `port`, of every address when `host` is empty, while the context is open."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            writer.write(respond(line, state))
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # a probe that hangs up, or a line without an end: nobody waits for an answer
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host or None, port)
    async with server:
        yield


def respond(request_line: bytes, state: WorkerState) -> bytes:
    """The response to a request's first line; the rest of a probe says nothing."""
    parts = request_line.split()
    path = parts[1].decode(errors="replace") if len(parts) > 1 else ""
    if path not in (READY_PATH, HEALTH_PATH):
        return _response("404 Not Found", "this pod only lends its GPUs; ask the first one")
    if state.trouble:
        return _response("503 Service Unavailable", state.trouble)
    return _response("200 OK", "")


def _response(status: str, text: str) -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
