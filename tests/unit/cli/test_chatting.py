"""A model in a cluster is asked through the API server's proxy; the rest is tests/integration."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kaito.api.meta import Key
from kaito.cli.chatting import Chat, Endpoint, Message, Sampling, find_endpoint
from kaito.kube.client import Client
from kaito.kube.config import Cluster

PROXY = "/api/v1/namespaces/team/services/phi:80/proxy"


class ApiServer:
    """A cluster's, as far as a chat sees it."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()

    async def service(self, request: web.Request) -> web.Response:
        spec = {"clusterIP": "10.0.0.7", "ports": [{"name": "http", "port": 80}]}
        return web.json_response({"metadata": {"name": "phi"}, "spec": spec})

    async def models(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers["Authorization"])
        return web.json_response({"data": [{"id": "phi-4"}, {"id": "adapter"}]})

    async def complete(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers["Authorization"])
        text = 'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]'
        return web.Response(text=text, content_type="text/event-stream")


@pytest.fixture
async def server() -> AsyncIterator[tuple[ApiServer, Client]]:
    api = ApiServer()
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/team/services/phi", api.service)
    app.router.add_get(f"{PROXY}/v1/models", api.models)
    app.router.add_post(f"{PROXY}/v1/chat/completions", api.complete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = Cluster(url=f"http://127.0.0.1:{runner.addresses[0][1]}", token="secret")
    async with Client(cluster) as client:
        yield api, client
    await runner.cleanup()


async def test_a_service_of_a_cluster_is_asked_through_its_api_server(
    server: tuple[ApiServer, Client],
) -> None:
    api, client = server
    endpoint = await find_endpoint(client, Key("team", "phi"))
    assert endpoint == Endpoint(path=PROXY)
    chat = Chat(client, endpoint, Sampling())
    assert await chat.model() == "phi-4"
    pieces = [piece async for piece in chat.answer("phi-4", [Message("user", "Hello")])]
    assert pieces == ["Hi"]
    assert api.tokens == {"Bearer secret"}
