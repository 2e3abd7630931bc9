"""Pods that serve one model together, with a stand-in for Ray's program on the PATH."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kaito.api.runtime import (
    ENV_POD_NAME,
    ENV_RAY_IP,
    HEALTH_PATH,
    READY_PATH,
    Distributed,
    ExitCode,
    ServingArguments,
)
from kaito.base.clock import ManualClock, SystemClock
from kaito.base.errors import UsageError
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.ray_cluster import Member, find_loss, form_cluster, lend_gpus

_PATIENCE = 20.0
_RAY = """#!/bin/sh
echo "$@" >> "{folder}/calls"
case "$*" in
  status*) cat "{folder}/status" ;;
  *--block*) exec sleep 600 ;;
esac
exit $(cat "{folder}/code")
"""
_STATUS = """Node status
Active:
 2 node_ab
Resources
Usage:
 0.0/64.0 CPU
 0.0/{gpus}.0 GPU
 0B/10.00GiB memory
"""


class Ray:
    """What the stand-in was asked, and what it answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program = folder / "ray"
        program.write_text(_RAY.format(folder=folder))
        program.chmod(0o755)
        (folder / "calls").touch()
        (folder / "status").touch()
        self.end_with(0)

    def end_with(self, code: int) -> None:
        (self._folder / "code").write_text(str(code))

    def has_gpus(self, gpus: int) -> None:
        # In one step: somebody may be reading it.
        new = self._folder / "status.new"
        new.write_text(_STATUS.format(gpus=gpus))
        new.rename(self._folder / "status")

    @property
    def calls(self) -> list[str]:
        return (self._folder / "calls").read_text().splitlines()


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ray:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("RAY_ADDRESS", "")
    return Ray(tmp_path)


def _group(
    leader: str = "w-0.w-headless.ml.svc", *, port: int = 6379, wait: int = 60
) -> Distributed:
    return Distributed(nodes=2, gpus=16, leader=leader, port=port, join_seconds=wait)


def _member(name: str, group: Distributed) -> Member:
    return Member(group=group, name=name, address="127.0.0.1")


@asynccontextmanager
async def _leader() -> AsyncIterator[tuple[Distributed, asyncio.Server]]:
    """Something that accepts connections where a leader's Ray would."""

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield _group("127.0.0.1", port=port), server


async def _get(path: str, port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def _until_ready(port: int) -> None:
    """Until the worker's probe passes."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                if "200 OK" in await _get(READY_PATH, port):
                    return
            except ConnectionError:
                pass
            await asyncio.sleep(0.02)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_first_pod_leads_and_a_model_of_one_pod_has_no_group() -> None:
    assert _member("w-0", _group()).leads
    assert not _member("w-10", _group()).leads
    assert ServingArguments(model="/m", tensor_parallel_size=8).distributed is None


def test_the_group_counts_the_gpus_of_every_pod() -> None:
    arguments = ServingArguments(
        model="/m", nodes=2, leader="w-0.x", tensor_parallel_size=8, pipeline_parallel_size=2
    )
    assert arguments.distributed is not None
    assert arguments.distributed.gpus == 16
    assert ServingArguments.parse_argv(arguments.to_argv()) == arguments


def test_a_pod_that_does_not_know_its_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_POD_NAME, raising=False)
    monkeypatch.setenv(ENV_RAY_IP, "127.0.0.1")
    with pytest.raises(UsageError, match=ENV_POD_NAME):
        Member.of_environment(_group())


async def test_the_leader_goes_on_once_every_gpu_has_joined(ray: Ray) -> None:
    ray.has_gpus(8)
    clock = ManualClock()
    forming = asyncio.create_task(form_cluster(_member("w-0", _group()), clock))
    async with asyncio.timeout(_PATIENCE):
        while ray.calls.count("status") < 2:
            await clock.advance(2)
            await asyncio.sleep(0.01)
        assert not forming.done()
        ray.has_gpus(16)
        while not forming.done():
            await clock.advance(2)
            await asyncio.sleep(0.01)
        await forming
    assert os.environ["RAY_ADDRESS"] == "127.0.0.1:6379"
    head = ray.calls[0]
    assert head.startswith("start --head --include-dashboard=false --port=6379")


async def test_a_leader_whose_workers_stay_away_says_how_many_gpus_are_missing(ray: Ray) -> None:
    ray.has_gpus(8)
    group = Distributed(nodes=2, gpus=16, leader="w-0", port=6379, join_seconds=0)
    with pytest.raises(Ending, match="8 of 16 GPUs joined within 0 s") as ended:
        await form_cluster(_member("w-0", group), ManualClock())
    assert ended.value.code is ExitCode.PEERS


async def test_a_ray_that_does_not_start_ends_the_pod(ray: Ray) -> None:
    ray.end_with(3)
    with pytest.raises(Ending, match="ray start --head ended with exit code 3"):
        await form_cluster(_member("w-0", _group()), ManualClock())


async def test_an_image_without_ray_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Ending, match="the image has no Ray program"):
        await form_cluster(_member("w-0", _group()), ManualClock())


async def test_a_leader_whose_engine_died_sees_that_a_pod_is_gone_once_ray_does(ray: Ray) -> None:
    ray.has_gpus(16)
    clock = ManualClock()
    finding = asyncio.create_task(find_loss(_group(), clock))
    async with asyncio.timeout(_PATIENCE):
        while ray.calls.count("status") < 2:
            await clock.advance(2)
            await asyncio.sleep(0.01)
        ray.has_gpus(8)
        while not finding.done():
            await clock.advance(2)
            await asyncio.sleep(0.01)
    assert await finding == "a pod of the group is gone, 8 of 16 GPUs are left"


async def test_a_leader_whose_group_is_whole_says_nothing_of_it(ray: Ray) -> None:
    ray.has_gpus(16)
    clock = ManualClock()
    finding = asyncio.create_task(find_loss(_group(), clock))
    async with asyncio.timeout(_PATIENCE):
        while not finding.done():
            await clock.advance(2)
            await asyncio.sleep(0.01)
    assert await finding == ""


async def test_a_worker_answers_the_probes_once_it_has_joined(ray: Ray) -> None:
    port = _free_port()
    async with _leader() as (group, _):
        lending = asyncio.create_task(
            lend_gpus(_member("w-1", group), "127.0.0.1", port, SystemClock())
        )
        await _until_ready(port)
        assert "200 OK" in await _get(HEALTH_PATH, port)
        assert "404" in await _get("/v1/models", port)
        lending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lending
    assert ray.calls[0].startswith(f"start --block --address=127.0.0.1:{group.port}")


async def test_a_worker_whose_leader_never_comes_gives_up(ray: Ray) -> None:
    group = _group("127.0.0.1", port=_free_port(), wait=0)
    with pytest.raises(Ending, match="no Ray at 127") as ended:
        await lend_gpus(_member("w-1", group), "127.0.0.1", _free_port(), ManualClock())
    assert ended.value.code is ExitCode.PEERS
    assert ray.calls == []


async def test_a_worker_ends_when_its_leader_is_gone(ray: Ray) -> None:
    port, clock = _free_port(), ManualClock()
    async with _leader() as (group, server):
        lending = asyncio.create_task(lend_gpus(_member("w-1", group), "127.0.0.1", port, clock))
        await _until_ready(port)
        server.close()
        async with asyncio.timeout(_PATIENCE):
            while not lending.done():
                await clock.advance(2)
                await asyncio.sleep(0.01)
        with pytest.raises(Ending, match=r"Ray of the leader 127\.0\.0\.1 has ended"):
            await lending
    assert ray.calls


async def test_a_worker_ends_with_its_ray(ray: Ray, tmp_path: Path) -> None:
    program = tmp_path / "ray"
    program.write_text("#!/bin/sh\nexit 7\n")
    async with _leader() as (group, _):
        with pytest.raises(Ending, match="Ray ended with exit code 7"):
            await lend_gpus(_member("w-1", group), "127.0.0.1", _free_port(), SystemClock())
    assert ray.calls == []
