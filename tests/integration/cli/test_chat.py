"""`kaito chat` with a server that speaks as an engine does, behind a Service of a real API."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.integration.cli.cluster import Cluster
from tests.integration.cli.manifests import PHI, inference, ready, workspace_yaml

from kaito.api import labels
from kaito.api.core import SERVICES


class Engine:
    """Answers with its pieces, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []
        self.pieces = ["The capital", " of France", " is Paris."]
        self.breaks = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "phi-4"}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        if asked.get("max_tokens", 0) > 4096:
            return web.json_response({"error": {"message": "too many tokens"}}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await self._send(response, {"choices": [{"delta": {"role": "assistant"}}]})
        for piece in self.pieces:
            await self._send(response, {"choices": [{"delta": {"content": piece}}]})
        if self.breaks:
            await self._send(response, {"error": {"message": self.breaks}})
        await self._send(response, {"choices": []})
        await response.write(b": a remark\r\ndata: [DONE]\r\n\r\n")
        return response

    async def _send(self, response: web.StreamResponse, event: object) -> None:
        # Cut in two: an event need not come in one piece.
        text = f"data: {json.dumps(event)}\n\n".encode()
        await response.write(text[:9])
        await response.write(text[9:])


@pytest.fixture
async def engine(cluster: Cluster) -> AsyncIterator[Engine]:
    """A ready Workspace `phi` whose Service leads here."""
    engine = Engine()
    url = await engine.start()
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    await cluster.report(PHI, ready())
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": PHI.name,
            "namespace": PHI.namespace,
            "annotations": {labels.REACHABLE_AT: url},
        },
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }
    await cluster.client.create(SERVICES, service)
    yield engine
    await engine.stop()


async def test_a_question_is_answered_as_it_comes(cluster: Cluster, engine: Engine) -> None:
    done = await cluster.kaito(
        *("chat", "phi", "--temperature", "0", "--max-tokens", "20", "--system", "Be brief."),
        *("What", "is the capital of France?"),
    )
    assert (done.code, done.out, done.err) == (0, "The capital of France is Paris.\n", "")
    assert engine.asked == [
        {
            "model": "phi-4",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is the capital of France?"},
            ],
            "stream": True,
            "temperature": 0.0,
            "max_tokens": 20,
        }
    ]


async def test_a_question_may_be_piped_in(cluster: Cluster, engine: Engine) -> None:
    assert (await cluster.kaito("chat", "workspace/phi", stdin="Hello?\n")).code == 0
    assert engine.asked[0]["messages"] == [{"role": "user", "content": "Hello?"}]
    nothing = await cluster.kaito("chat", "phi")
    assert (nothing.code, nothing.err.splitlines()[0]) == (2, "error: there is no question")


async def test_a_refusal_is_passed_on(cluster: Cluster, engine: Engine) -> None:
    done = await cluster.kaito("chat", "phi", "--max-tokens", "5000", "Hello?")
    assert (done.code, done.err) == (1, "error: the model refused (HTTP 400): too many tokens\n")


async def test_an_answer_that_breaks_off_keeps_what_came(cluster: Cluster, engine: Engine) -> None:
    engine.breaks = "out of memory"
    done = await cluster.kaito("chat", "phi", "Hello?")
    assert done.code == 1
    assert done.out == "The capital of France is Paris.\n"
    assert done.err == "error: the model stopped: out of memory\n"


async def test_an_engine_that_is_gone_is_named(cluster: Cluster, engine: Engine) -> None:
    away = {"metadata": {"annotations": {labels.REACHABLE_AT: "http://127.0.0.1:9"}}}
    await cluster.client.patch(SERVICES, PHI, away)
    done = await cluster.kaito("chat", "phi", "Hello?")
    assert done.code == 1
    assert done.err.startswith("error: the model at http://127.0.0.1:9/v1/models does not answer")


async def test_a_workspace_that_is_not_ready_is_explained(cluster: Cluster, engine: Engine) -> None:
    await cluster.report(PHI, inference("StartingEngine", "the engine is loading the model"))
    done = await cluster.kaito("chat", "phi", "Hello?")
    assert done.code == 1
    assert done.err.startswith("error: workspace default/phi is not ready: StartingEngine for ")
    assert engine.asked == []
    unknown = await cluster.kaito("chat", "ph", "Hello?")
    assert unknown.err.endswith("hint: did you mean phi?\n")


async def test_a_model_is_imported_and_listed_as_local(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "phi"
    folder.mkdir()
    refused = await cluster.kaito("models", "import", "phi-4", str(folder))
    assert (refused.code, refused.err) == (
        1,
        f"error: importing phi-4: {folder} has no config.json\n",
    )
    (folder / "config.json").write_text('{"architectures": ["Phi3ForCausalLM"]}')
    (folder / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    (folder / "tokenizer.json").write_text("{}")
    done = await cluster.kaito("models", "import", "microsoft/phi-4", str(folder))
    assert done.code == 0, done.err
    assert (await cluster.kaito("models", "list", "--local", "-o", "name")).out == "phi-4\n"
    unknown = await cluster.kaito("models", "import", "phi-44", str(folder))
    assert unknown.err.startswith("error: there is no model 'phi-44'\nhint: did you mean phi-4")
