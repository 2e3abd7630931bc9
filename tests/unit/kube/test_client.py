"""What servers send that no object of ours looks like."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kaito.api.core import PODS, STATEFULSETS
from kaito.api.meta import Key
from kaito.api.resources import Resource
from kaito.kube.client import Client, Patience
from kaito.kube.config import from_kubeconfig, on_socket
from kaito.kube.errors import Unavailable

# As kube-apiserver 1.36 sends them.
POD_MARK = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"resourceVersion": "7", "annotations": {"k8s.io/initial-events-end": "true"}},
    "spec": {"containers": None},
    "status": {},
}
STATEFULSET_MARK = {
    "kind": "StatefulSet",
    "apiVersion": "apps/v1",
    "metadata": {"resourceVersion": "7"},
    "spec": {"selector": None, "template": {"metadata": {}, "spec": {"containers": None}}},
    "status": {"replicas": 0},
}


@pytest.fixture
async def sent(tmp_path: Path) -> AsyncIterator[list[Any]]:
    """A server that answers every watch with these events."""
    events: list[Any] = []

    async def watch(request: web.Request) -> web.Response:
        return web.Response(text="".join(json.dumps(event) + "\n" for event in events))

    app = web.Application()
    app.router.add_get("/{path:.*}", watch)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "api.sock")).start()
    yield events
    await runner.cleanup()


@pytest.mark.parametrize(
    ("resource", "mark"), [(PODS, POD_MARK), (STATEFULSETS, STATEFULSET_MARK)], ids=str
)
async def test_a_bookmark_is_read_though_its_object_is_none_of_its_kind(
    sent: list[Any], tmp_path: Path, resource: Resource[Any], mark: Any
) -> None:
    sent.append({"type": "BOOKMARK", "object": mark})
    async with Client(on_socket(tmp_path / "api.sock")) as client:
        events = [event async for event in client.watch(resource, revision="", query={})]

    (event,) = events
    assert event.type == "BOOKMARK"
    assert event.object.metadata.resource_version == "7"
    assert event.object.metadata.annotations == mark["metadata"].get("annotations", {})


async def test_an_object_that_lost_its_kind_s_form_is_as_good_as_gone(
    sent: list[Any], tmp_path: Path
) -> None:
    broken = {"metadata": {"name": "a", "namespace": "n", "resourceVersion": "8"}, "spec": 3}
    sent.append({"type": "MODIFIED", "object": broken})
    async with Client(on_socket(tmp_path / "api.sock")) as client:
        events = [event async for event in client.watch(PODS, revision="7", query={})]

    (event,) = events
    assert (event.type, event.object.key) == ("DELETED", ("n", "a"))


async def test_a_server_that_is_not_there_is_told_of_in_one_plain_line(tmp_path: Path) -> None:
    user, cluster = {"token": "t"}, {"server": "https://127.0.0.1:9"}
    path = tmp_path / "config"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(document))
    async with Client(from_kubeconfig(path)) as client:
        with pytest.raises(Unavailable) as failed:
            await client.list(PODS)
    assert str(failed.value) == (
        "the API server at https://127.0.0.1:9 does not answer (Connection refused)"
    )


@asynccontextmanager
async def answering(path: Path, *parts: bytes, ends: bool = False) -> AsyncIterator[None]:
    """A server that says these bytes to every request, then nothing more, or hangs up."""
    closed: asyncio.Queue[bool] = asyncio.Queue()
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
        if not ends:
            await reader.read()
        writer.close()
        await writer.wait_closed()
        closed.put_nowait(True)

    server = await asyncio.start_unix_server(answer, path)
    yield
    server.close()
    async with asyncio.timeout(10):
        for _ in range(asked):
            await closed.get()


_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"
_SOON = Patience(answer=0.05, watch=0.05)


async def test_a_watch_whose_connection_died_in_silence_is_begun_anew(tmp_path: Path) -> None:
    event = {"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "8"}}}
    line = json.dumps(event).encode() + b"\n"
    said = b"%x\r\n%s\r\n" % (len(line), line)
    path = tmp_path / "api.sock"
    async with answering(path, _STREAM, said), Client(on_socket(path), patience=_SOON) as client:
        async with asyncio.timeout(10):
            events = [e async for e in client.watch(PODS, revision="7", query={})]
    assert [event.object.metadata.name for event in events] == ["a"]


@pytest.mark.parametrize(
    ("parts", "ends", "said"),
    [
        ((), False, "does not answer (Timeout on reading data from socket)"),
        ((_SHORT,), False, "broke off its answer (Timeout on reading data from socket)"),
        ((_SHORT,), True, "broke off its answer ("),
    ],
)
async def test_an_answer_that_never_comes_or_never_ends_is_an_error_like_any_other(
    tmp_path: Path, parts: tuple[bytes, ...], said: str, *, ends: bool
) -> None:
    path = tmp_path / "api.sock"
    async with (
        answering(path, *parts, ends=ends),
        Client(on_socket(path), patience=_SOON) as client,
        asyncio.timeout(10),
    ):
        with pytest.raises(Unavailable) as failed:
            await client.get(PODS, Key("default", "a"))
    assert said in str(failed.value)
    assert "\n" not in str(failed.value)


async def test_what_is_read_as_it_comes_ends_in_one_plain_line_where_it_is_cut(
    tmp_path: Path,
) -> None:
    path = tmp_path / "api.sock"
    read = bytearray()

    async def follow(client: Client) -> None:
        async with client.open("GET", "/log") as response:
            async for chunk in response.content.iter_any():
                read.extend(chunk)

    async with answering(path, _SHORT, ends=True), Client(on_socket(path)) as client:
        with pytest.raises(Unavailable, match="broke off its answer"):
            await follow(client)
    assert read == b"{"
