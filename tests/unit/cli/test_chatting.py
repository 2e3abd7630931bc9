"""Asking a model: through an API server's proxy, with a key, by an adapter's name, when busy."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pretend_engine import PretendEngine, running_pretend_engine

from kaito.api.meta import Key
from kaito.base.clock import SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.chatting import Chat, Message, Patience, Sampling
from kaito.cli.endpoints import (
    Endpoint,
    Refused,
    ServedModel,
    choose_api_key,
    choose_model,
    find_endpoint,
    open_endpoint,
)
from kaito.kube.client import Client
from kaito.kube.config import Cluster

PROXY = "/api/v1/namespaces/team/services/phi:80/proxy"
HELLO = [Message("user", "Hello")]


class QuickClock(SystemClock):
    """Waits are over at once, and remembered."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class ApiServer:
    """A cluster's, as far as a chat sees it, with an engine behind its proxy."""

    def __init__(self, engine: PretendEngine) -> None:
        self.engine = engine
        self.tokens: set[str] = set()

    async def service(self, request: web.Request) -> web.Response:
        spec = {"clusterIP": "10.0.0.7", "ports": [{"name": "http", "port": 80}]}
        return web.json_response({"metadata": {"name": "phi"}, "spec": spec})

    @web.middleware
    async def watch(self, request: web.Request, handler: object) -> web.StreamResponse:
        assert callable(handler)
        self.tokens.add(request.headers["Authorization"])
        answer: web.StreamResponse = await handler(request)
        return answer


@pytest.fixture
async def server() -> AsyncIterator[tuple[ApiServer, Client]]:
    api = ApiServer(PretendEngine(models=("phi-4", "adapter")))
    app = web.Application(middlewares=[api.watch])
    app.router.add_get("/api/v1/namespaces/team/services/phi", api.service)
    app.add_routes(api.engine.routes(PROXY))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = Cluster(url=f"http://127.0.0.1:{runner.addresses[0][1]}", token="secret")
    async with Client(cluster) as client:
        yield api, client
    await runner.cleanup()


async def ask(endpoint: Endpoint, client: Client | None = None) -> list[str]:
    async with open_endpoint(endpoint, client) as asker:
        chat = Chat(asker, Sampling())
        return [piece async for piece in chat.answer("phi-4", HELLO)]


async def test_a_service_of_a_cluster_is_asked_through_its_api_server(
    server: tuple[ApiServer, Client],
) -> None:
    api, client = server
    endpoint = await find_endpoint(client, Key("team", "phi"))
    assert endpoint == Endpoint(path=PROXY)
    async with open_endpoint(endpoint, client) as asker:
        assert [model.id for model in await asker.models()] == ["phi-4", "adapter"]
    assert await ask(endpoint, client) == ["Hi"]
    assert api.tokens == {"Bearer secret"}


async def test_a_key_passes_the_proxy_beside_the_clusters_own_token(
    server: tuple[ApiServer, Client],
) -> None:
    api, client = server
    api.engine.api_key = "opens"
    key = Key("team", "phi")
    assert await ask(await find_endpoint(client, key, api_key="opens"), client) == ["Hi"]
    assert api.tokens == {"Bearer secret"}
    with pytest.raises(Refused, match="no API key came"):
        await ask(await find_endpoint(client, key), client)


async def test_a_key_goes_straight_to_a_server_on_this_machine() -> None:
    async with running_pretend_engine(PretendEngine(api_key="opens")) as url:
        assert await ask(Endpoint(url=url, api_key="opens")) == ["Hi"]
        with pytest.raises(Refused, match="it does not know this API key"):
            await ask(Endpoint(url=url, api_key="other"))


async def test_a_busy_model_is_asked_again_when_it_said_and_only_once() -> None:
    clock, said = QuickClock(), list[str]()
    engine = PretendEngine(busy=1, retry_after="7")
    async with running_pretend_engine(engine) as url, open_endpoint(Endpoint(url=url)) as asker:
        chat = Chat(asker, Sampling(), Patience(clock=clock, tell=said.append))
        assert [piece async for piece in chat.answer("phi-4", HELLO)] == ["Hi"]
        assert said == ["The model is busy; asking again in 7 s."]
        assert clock.waits == [7]
        engine.busy = 2
        with pytest.raises(Refused, match="429") as refused:
            await anext(chat.answer("phi-4", HELLO))
        assert engine.busy == 0
        assert "try again in 7 s" in refused.value.hint


async def test_a_wait_of_minutes_is_left_to_whoever_asked() -> None:
    async with running_pretend_engine(PretendEngine(busy=1, retry_after="600")) as url:
        with pytest.raises(Refused, match="429"):
            await ask(Endpoint(url=url))


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(KaitoError, match=r"the model at http://127.0.0.1:9/v1/"):
        await ask(Endpoint(url="http://127.0.0.1:9"))


WORD = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (WORD, "the answer broke off"),
        (b"", "the answer broke off"),
        (WORD + b'data: {"choices": [{"del', "does not answer as OpenAI's API does"),
        (WORD + b"data: <html>", "does not answer as OpenAI's API does: <html>"),
        (WORD + b'data: {"error": {"message": "no memory"}}\n\n', "the model stopped: no memory"),
        (b'data: {"error": "no memory"}\n\ndata: [DONE]\n\n', "the model stopped: no memory"),
    ],
    ids=["in words", "before any", "in an event", "a page", "an error", "an error as a text"],
)
async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(
    stream: bytes, said: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=stream, content_type="text/event-stream")

    async with served(answer) as url:
        with pytest.raises(KaitoError, match=re.escape(said)):
            await ask(Endpoint(url=url))


@pytest.mark.parametrize("through", ["directly", "a proxy"])
async def test_a_server_that_goes_away_midway_is_told_in_one_line(through: str) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(WORD)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with served(answer) as url, Client(Cluster(url=url)) as client:
        endpoint = Endpoint(url=url) if through == "directly" else Endpoint(path="/proxy")
        with pytest.raises(KaitoError):
            await ask(endpoint, client)


async def test_an_answer_is_whole_with_either_of_its_ends() -> None:
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=WORD + end, content_type="text/event-stream")

    async with served(answer) as url:
        assert await ask(Endpoint(url=url)) == ["Hi"]


async def test_a_server_that_is_no_models_is_named() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome</html>", content_type="text/html")

    async with served(answer) as url, open_endpoint(Endpoint(url=url)) as asker:
        with pytest.raises(KaitoError, match="does not answer as OpenAI's API does"):
            await asker.models()


@asynccontextmanager
async def served(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """A server that answers everything so; its address."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def test_an_adapter_is_chosen_by_name_and_a_wrong_one_lists_those_there_are() -> None:
    served = (ServedModel("phi-4"), ServedModel("pirate"))
    assert choose_model(served, "").id == "phi-4"
    assert choose_model(served, "pirate").id == "pirate"
    with pytest.raises(UsageError, match="'pirat' is not served here") as refused:
        choose_model(served, "pirat")
    assert refused.value.hint == "did you mean pirate? served are phi-4, pirate"
    with pytest.raises(KaitoError, match="serves no model"):
        choose_model((), "")


def test_a_key_comes_from_the_command_line_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAITO_API_KEY", "environment")
    assert choose_api_key("given") == "given"
    assert choose_api_key("") == "environment"
    with pytest.raises(UsageError, match="no header can carry"):
        choose_api_key("two\nlines")


def test_a_key_is_not_shown_where_an_endpoint_is() -> None:
    assert "opens" not in repr(Endpoint(url="http://127.0.0.1", api_key="opens"))
