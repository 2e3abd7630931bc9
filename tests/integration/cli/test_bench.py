"""`kaito bench` as it is typed, with a server that speaks as an engine does behind a real API."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pretend_engine import PretendEngine, running_pretend_engine
from tests.integration.cli.cluster import Cluster, finish
from tests.integration.cli.manifests import PHI, inference, ready, workspace_yaml

from kaito.api import labels
from kaito.api.core import SERVICES
from kaito.api.workspace import WORKSPACES

SMALL = ("--concurrency", "1,3", "--requests", "3", "--input-tokens", "20", "--output-tokens", "4")


@asynccontextmanager
async def serving(cluster: Cluster, engine: PretendEngine) -> AsyncIterator[str]:
    """A ready Workspace `phi` whose Service leads to the engine."""
    async with running_pretend_engine(engine) as url:
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
        yield url


@pytest.fixture
async def engine(cluster: Cluster) -> AsyncIterator[PretendEngine]:
    engine = PretendEngine()
    async with serving(cluster, engine):
        yield engine


async def test_a_workspace_is_measured_and_the_document_has_every_level(
    cluster: Cluster, engine: PretendEngine
) -> None:
    done = await cluster.kaito("bench", "phi", *SMALL, "--seed", "5", "-o", "json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["isWhole"] is True
    assert report["setting"] | {"endpoint": ""} == {
        "workspace": "default/phi",
        "endpoint": "",
        "model": "phi-4",
        "engine": "vllm",
        "engineVersion": "0.32.0",
        "inputTokens": 20,
        "outputTokens": 4,
        "sharedPrefix": 0,
        "isExact": True,
        "seed": 5,
    }
    assert [(one["concurrency"], one["completed"]) for one in report["levels"]] == [(1, 3), (3, 3)]
    assert [line.partition(":")[0] for line in done.err.splitlines()] == [
        "concurrency 1",
        "concurrency 3",
    ]


async def test_the_peak_is_kept_in_the_status_and_conditions_stay(
    cluster: Cluster, engine: PretendEngine
) -> None:
    before = await cluster.client.get(WORKSPACES, PHI)
    done = await cluster.kaito("bench", "phi", *SMALL, "--save")
    assert done.code == 0, done.err
    assert done.out.startswith("default/phi at http://127.0.0.1:")
    workspace = await cluster.client.get(WORKSPACES, PHI)
    assert workspace.status.performance is not None
    metric = workspace.status.performance.metrics["peakTokensPerMinute"]
    assert int(metric.value) > 0
    assert (metric.unit, metric.config["inputTokens"]) == ("tokens/min", "20")
    assert workspace.status.conditions == before.status.conditions


async def test_a_workspace_that_is_not_ready_is_explained_and_an_unknown_one_too(
    cluster: Cluster, engine: PretendEngine
) -> None:
    await cluster.report(PHI, inference("StartingEngine", "the engine is loading the model"))
    done = await cluster.kaito("bench", "phi")
    assert done.code == 1
    assert done.err.startswith("error: workspace default/phi is not ready: StartingEngine for ")
    assert engine.asked == []
    unknown = await cluster.kaito("bench", "ph")
    assert unknown.err.endswith("hint: did you mean phi?\n")


async def test_an_interruption_prints_what_was_measured(cluster: Cluster) -> None:
    # The size, one to warm up, three measured; three to warm up, then answers that never end.
    engine = PretendEngine(hold_after=1 + 1 + 3 + 3)
    async with serving(cluster, engine):
        process = await cluster.start("bench", "phi", *SMALL, "-o", "json", "--save")
        for _ in range(3):
            await engine.held.acquire()
        process.send_signal(signal.SIGINT)
        done = await finish(process)
    assert done.code == 130, done.err
    assert "Traceback" not in done.err
    report = json.loads(done.out)
    assert report["isWhole"] is False
    assert [(one["concurrency"], one["completed"]) for one in report["levels"]] == [(1, 3), (3, 0)]
    workspace = await cluster.client.get(WORKSPACES, PHI)
    assert workspace.status.performance is None


async def test_a_server_that_goes_away_midway_leaves_what_was_measured(cluster: Cluster) -> None:
    engine = PretendEngine(dies_after=1 + 1 + 3)
    async with serving(cluster, engine):
        picture = ("--plot", "half.png")
        done = await cluster.kaito("bench", "phi", *SMALL, "-o", "json", "--save", *picture)
        workspace = await cluster.client.get(WORKSPACES, PHI)
    assert done.code == 1
    assert "error: every request failed: the answer broke off" in done.err
    assert "Traceback" not in done.err
    report = json.loads(done.out)
    assert report["isWhole"] is False
    assert [(one["concurrency"], one["completed"]) for one in report["levels"]] == [(1, 3), (3, 0)]
    assert (cluster.folder / "half.png").read_bytes().startswith(b"\x89PNG")
    assert workspace.status.performance is None


async def test_a_server_is_measured_by_its_address_without_any_cluster(cluster: Cluster) -> None:
    async with running_pretend_engine(PretendEngine(api_key="opens")) as url:
        refused = await cluster.kaito("bench", "--url", f"{url}/v1", *SMALL)
        assert refused.code == 1
        assert "no API key came" in refused.err
        done = await cluster.kaito("bench", "--url", f"{url}/v1", *SMALL, "--api-key", "opens")
        assert done.code == 0, done.err
        picture = ("--plot", "run.svg")
        drawn = await cluster.kaito(
            "bench", "--url", url, *SMALL, "--api-key", "opens", "-o", "yaml", *picture
        )
    assert drawn.err.endswith("wrote run.svg\n")
    assert (cluster.folder / "run.svg").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "one of a workspace's NAME and --url"),
        (("phi", "--url", "http://127.0.0.1:1"), "one of a workspace's NAME and --url"),
        (("--url", "127.0.0.1:1"), "is no address"),
        (("--url", "http://[::1"), "is no address"),
        (("--url", "http://host:99999"), "is no address"),
        (("--url", "http://127.0.0.1:1", "--save"), "--save needs a workspace"),
        (("phi", "--concurrency", "0"), "no list of concurrencies"),
        (("phi", "--requests", "0"), "--requests must be at least 1"),
        (("phi", "--requests", "9", "--duration", "9s"), "not allowed with argument"),
        (("phi", "--shared-prefix", "300"), "--shared-prefix must be between"),
        (("phi", "--plot", "run.pdf"), "neither PNG nor SVG"),
    ],
)
async def test_a_wrong_call_is_refused_in_one_line(
    cluster: Cluster, words: tuple[str, ...], complaint: str
) -> None:
    done = await cluster.kaito("bench", *words)
    assert done.code == 2
    assert complaint in done.err.splitlines()[0]
