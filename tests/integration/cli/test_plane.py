"""`up`, `down` and `status` with a real plane in a process of its own."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.cli.cluster import PATIENCE, Finished, finish


class Here:
    """A state folder, and `kaito` with nothing else to go by."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self._folder = folder

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        environment = {k: v for k, v in os.environ.items() if k != "KUBECONFIG"}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kaito", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**environment, "KAITO_STATE_DIR": str(self.state), "HOME": str(self._folder)},
            cwd=self._folder,
        )

    async def kaito(self, *arguments: str) -> Finished:
        return await finish(await self.start(*arguments))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    here = Here(tmp_path)
    yield here
    await here.kaito("down")


async def test_a_detached_plane_is_found_by_every_verb_until_it_is_stopped(here: Here) -> None:
    assert (await here.kaito("status")).code == 1
    up = await here.kaito("up", "--detach")
    assert up.code == 0, up.err
    ready, kubeconfig, export = up.out.splitlines()
    assert ready.startswith("plane up in ")
    assert kubeconfig == f"kubeconfig: {here.state}/kubeconfig"
    assert export == f"export KUBECONFIG={here.state}/kubeconfig"

    # Without $KUBECONFIG the running plane is what is meant.
    assert "default" in (await here.kaito("get", "namespaces")).out
    status = json.loads((await here.kaito("status", "-o", "json")).out)
    assert status["running"] is True
    assert status["url"] in ready
    assert status["nodes"][0]["ready"] is True
    assert status["memoryBytes"] > 2**20
    assert "running for" in (await here.kaito("status")).out

    for again in (("up",), ("up", "--detach")):
        twice = await here.kaito(*again)
        assert twice.code == 1
        assert f"runs already (process {status['pid']})" in twice.err
        assert "kaito down" in twice.err

    down = await here.kaito("down")
    assert (down.code, down.out) == (0, f"plane of '{here.state}' stopped\n")
    assert (await here.kaito("status")).code == 1
    nothing = await here.kaito("down")
    assert (nothing.code, nothing.err) == (0, f"no plane runs in '{here.state}'\n")
    gone = await here.kaito("get", "namespaces")
    assert gone.code == 1
    assert gone.err.startswith("error: no cluster to talk to: no plane runs in")
    assert "hint: start one on this machine with `kaito up`" in gone.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_a_plane_in_the_foreground_stops_cleanly_when_asked(
    here: Here, number: signal.Signals, code: int
) -> None:
    plane = await here.start("up")
    assert plane.stdout is not None
    async with asyncio.timeout(PATIENCE):
        while not (await plane.stdout.readline()).startswith(b"export KUBECONFIG="):
            assert plane.returncode is None
    plane.send_signal(number)
    done = await finish(plane)
    assert (done.code, done.err) == (code, "")


async def test_a_taken_port_is_named(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        for detach in ((), ("--detach",)):
            done = await here.kaito("up", *detach, "--port", port)
            assert done.code == 1
            assert done.err.startswith(f"error: port {port} on 127.0.0.1 is taken\nhint: ")


async def test_a_state_folder_of_a_newer_version_is_left_alone(here: Here) -> None:
    here.state.mkdir()
    (here.state / "VERSION").write_text("99\n")
    done = await here.kaito("up", "--detach")
    assert done.code == 1
    assert "has layout '99'" in done.err
    assert [path.name for path in here.state.iterdir()] == ["VERSION"]


async def test_a_state_folder_that_cannot_be_made_is_named(here: Here) -> None:
    here.state.write_text("a file")
    for detach in ((), ("--detach",)):
        done = await here.kaito("up", *detach)
        assert done.code == 1
        assert done.err.startswith(f"error: state folder '{here.state}' cannot be written")
        assert done.err.count("\n") == 2


async def test_a_corrupted_database_is_refused_with_a_way_out(here: Here) -> None:
    assert (await here.kaito("up", "--detach")).code == 0
    assert (await here.kaito("down")).code == 0
    database = here.state / "data" / "plane.db"
    database.write_bytes(b"not a database" * 1000)
    for detach in ((), ("--detach",)):
        done = await here.kaito("up", *detach)
        assert done.code == 1
        assert "corrupted" in done.err.splitlines()[0]
        assert done.err.splitlines()[1].startswith("hint: ")
    assert database.read_bytes() == b"not a database" * 1000
