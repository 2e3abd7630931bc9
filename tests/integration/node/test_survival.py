"""What happens to containers when the agent dies, and when it comes back."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.integration.node.plane import PATIENCE, Plane, node_agent, settings

from kaito.api.meta import Key
from kaito.local.node.pod import PODS

AGENT = """
import asyncio, sys
from pathlib import Path
from kaito.base.clock import SystemClock
from kaito.base.quantity import GIB
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.local.node.agent import AgentSettings, NodeAgent
from kaito.planner.machine import Machine

async def main(socket, state):
    machine = Machine(name="box", cpus=2, memory_bytes=8 * GIB)
    settings = AgentSettings(state=Path(state), machine=machine, gpus=0)
    async with Client(on_socket(Path(socket))) as client:
        async with NodeAgent(client, settings, clock=SystemClock()) as agent:
            await agent.run()

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def agent_process(plane: Plane) -> AsyncIterator[int]:
    """An agent in a process of its own, which the block may kill."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AGENT, str(plane.state.parent / "api.sock"), str(plane.state)
    )
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        async with asyncio.timeout(PATIENCE):
            await process.wait()


def container_id(plane: Plane, pod: Key) -> str:
    found: str = plane.container(pod)["containerID"]
    return found.removeprefix("kaito://")


async def test_a_container_survives_the_death_of_the_agent_and_is_adopted(plane: Plane) -> None:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    async with agent_process(plane) as agent:
        pod = await plane.run_pod("web", "sleep", "4321", container={"readinessProbe": probe})
        before = await plane.until_ready(pod)
        os.kill(agent, signal.SIGKILL)
    running = plane.processes(container_id(plane, pod))
    assert running
    async with node_agent(plane, settings(plane.state)) as adopter:
        assert plane.processes(container_id(plane, pod)) == running
        # Adopted means: it can be told to stop, and its end is noticed.
        await plane.client.delete(PODS, pod, grace_seconds=5)
        await plane.until_gone(pod)
        assert plane.processes(before["containerID"].removeprefix("kaito://")) == []
        assert adopter.ready.is_set()


async def test_adopting_writes_nothing_where_nothing_has_changed(plane: Plane) -> None:
    async with agent_process(plane) as agent:
        pod = await plane.run_pod("web", "sleep", "4321")
        await plane.until_ready(pod)
        os.kill(agent, signal.SIGKILL)
    known = plane.pods.get(pod)
    assert known is not None
    async with node_agent(plane, settings(plane.state)):
        other = await plane.run_pod("other", "sleep", "4321")
        await plane.until_ready(other)
        now = plane.pods.get(pod)
        assert now is not None
        assert now.metadata.resource_version == known.metadata.resource_version


async def test_an_exit_that_nobody_watched_is_reported_afterwards(
    plane: Plane, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with agent_process(plane) as agent:
        pod = await plane.run_pod("job", "sh", "-c", f"cat {gate}; exit 6", restartPolicy="Never")
        await plane.until_ready(pod)
        os.kill(agent, signal.SIGKILL)
    with gate.open("w") as file:
        file.write("go\n")
    async with node_agent(plane, settings(plane.state)):
        container = await plane.until_phase(pod, "Failed")
        assert container["state"]["terminated"]["exitCode"] == 6


async def test_a_pod_deleted_while_the_agent_was_away_leaves_no_process(plane: Plane) -> None:
    async with agent_process(plane) as agent:
        pod = await plane.run_pod("web", "sh", "-c", "trap '' TERM; sleep 4321 & wait; sleep 4321")
        await plane.until_ready(pod)
        run = container_id(plane, pod)
        os.kill(agent, signal.SIGKILL)
    await plane.client.delete(PODS, pod, grace_seconds=0)
    await plane.until_gone(pod)
    assert plane.processes(run)
    async with node_agent(plane, settings(plane.state)):
        await plane.until_no_process(run)


async def test_an_agent_that_dies_again_and_again_never_runs_a_container_twice(
    plane: Plane, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    for round_ in range(3):
        async with agent_process(plane) as agent:
            if round_ == 0:
                script = f"echo start >> {starts}; exec sleep 4321"
                pod = await plane.run_pod("once", "sh", "-c", script)
                # Killed at any moment: the first time before anything is known of the pod.
            else:
                await plane.until_ready(pod)
            os.kill(agent, signal.SIGKILL)
    async with node_agent(plane, settings(plane.state)):
        await plane.until_ready(pod)
        assert starts.read_text() == "start\n"
