"""Logs, exec, attach and port-forward of pods that really run, asked for as the API server asks."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.node.plane import PATIENCE, Plane

from kaito.api.meta import Key
from kaito.base.clock import SystemClock
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.port import ExecRequest, LogRequest, Session
from kaito.local.node.agent import NodeAgent
from kaito.local.node.pod import PODS

THREE_LINES = ("sh", "-c", "echo one; echo two >&2; echo three; exec sleep 4321")


async def read_logs(agent: NodeAgent, pod: Key, **wanted: object) -> bytes:
    request = LogRequest(**wanted)  # type: ignore[arg-type]
    async with asyncio.timeout(PATIENCE):
        return b"".join([piece async for piece in agent.streams.logs(pod, request)])


async def read_until(agent: NodeAgent, pod: Key, words: bytes) -> bytes:
    """Follow a log until it says something."""
    said = b""
    logs = agent.streams.logs(pod, LogRequest(follow=True))
    async with asyncio.timeout(PATIENCE):
        async for piece in logs:
            said += piece
            if words in said:
                break
    await logs.aclose()
    return said


async def finish(session: Session) -> tuple[bytes, bytes, int]:
    """Everything a session says, and its exit code."""
    said = {1: b"", 2: b""}
    async with asyncio.timeout(PATIENCE):
        async for stream, data in session.output():
            said[stream] += data
        code = await session.wait()
    await session.kill()
    return said[1], said[2], code


async def command(agent: NodeAgent, pod: Key, *argv: str) -> tuple[bytes, bytes, int]:
    request = ExecRequest(command=argv, stdout=True, stderr=True)
    return await finish(await agent.streams.exec(pod, request))


async def test_a_log_is_read_whole_or_in_part(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("talker", *THREE_LINES)
    await plane.until_ready(pod)
    await read_until(agent, pod, b"three")
    assert sorted((await read_logs(agent, pod)).split()) == [b"one", b"three", b"two"]
    assert len((await read_logs(agent, pod, tail_lines=2)).split()) == 2
    assert await read_logs(agent, pod, tail_lines=0) == b""
    later = SystemClock().now() + timedelta(seconds=1)
    assert await read_logs(agent, pod, since_time=later) == b""
    stamped = (await read_logs(agent, pod, timestamps=True, tail_lines=1)).split(b" ")
    assert stamped[0].endswith(b"Z")
    assert len(stamped[0]) == len("2026-01-01T00:00:00.000000000Z")


async def test_a_followed_log_ends_with_its_container(plane: Plane, agent: NodeAgent) -> None:
    script = "echo one; sleep 0.3; echo two"
    pod = await plane.run_pod("brief", "sh", "-c", script, restartPolicy="Never")
    await plane.until(lambda: plane.container(pod).get("started"), "the start")
    assert await read_logs(agent, pod, follow=True) == b"one\ntwo\n"


async def test_the_log_of_the_run_before_is_kept(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("crash", "sh", "-c", "echo here; exit 1")
    await plane.until_waiting(pod, "CrashLoopBackOff")
    assert await read_logs(agent, pod, previous=True) == b"here\n"
    assert await read_logs(agent, pod) == b"here\n"


async def test_a_log_that_does_not_exist_is_refused_in_kubernetes_words(
    plane: Plane, agent: NodeAgent
) -> None:
    blocked = await plane.run_pod("blocked", container={"command": []})
    await plane.until_waiting(blocked, "ImageNotRunnable")
    with pytest.raises(StreamError, match="is waiting to start: ImageNotRunnable"):
        await read_logs(agent, blocked)
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    with pytest.raises(StreamError, match='previous terminated container "main"'):
        await read_logs(agent, pod, previous=True)
    with pytest.raises(StreamError, match="container other is not valid"):
        await read_logs(agent, pod, container="other")
    with pytest.raises(StreamError, match='pods "none" not found'):
        await read_logs(agent, Key("default", "none"))


async def test_a_command_runs_with_the_containers_environment_folder_and_mounts(
    plane: Plane, agent: NodeAgent
) -> None:
    pod = await plane.run_pod(
        "web",
        "sh",
        "-c",
        "echo made > /box/file; exec sleep 4321",
        container={
            "env": [{"name": "GREETING", "value": "hello"}],
            "workingDir": "/box",
            "volumeMounts": [{"name": "box", "mountPath": "/box"}],
        },
        volumes=[{"name": "box", "emptyDir": {}}],
    )
    await plane.until_ready(pod)
    out, err, code = await command(
        agent, pod, "sh", "-c", "until cat file; do :; done; echo $GREETING >&2; exit 4"
    )
    assert (out, err.split(b"\n")[-2], code) == (b"made\n", b"hello", 4)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="a container's own files need bubblewrap")
async def test_a_command_sees_what_its_container_wrote_beside_its_volumes(
    plane: Plane, agent: NodeAgent, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    pod = await plane.run_pod(
        "web",
        "sh",
        "-c",
        f"echo made > {own}; exec sleep 4321",
        container={"volumeMounts": [{"name": "box", "mountPath": f"{tmp_path}/box"}]},
        volumes=[{"name": "box", "emptyDir": {}}],
    )
    await plane.until_ready(pod)
    out, _, code = await command(agent, pod, "sh", "-c", f"until cat {own}; do :; done")
    assert (out, code) == (b"made\n", 0)
    assert not own.exists()


async def test_a_stream_that_was_not_asked_for_stays_silent(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    argv = ("sh", "-c", "head -c 1000000 /dev/zero; echo err >&2")
    session = await agent.streams.exec(pod, ExecRequest(command=argv, stderr=True))
    assert await finish(session) == (b"", b"err\n", 0)


async def test_a_command_that_does_not_exist_is_refused(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    with pytest.raises(StreamError, match='exec: "nope": executable file not found'):
        await command(agent, pod, "nope")


async def test_a_command_reads_its_input_to_the_end(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    request = ExecRequest(command=("wc", "-c"), stdin=True, stdout=True)
    session = await agent.streams.exec(pod, request)
    await session.write_stdin(b"x" * 300_000)
    await session.close_stdin()
    assert (await finish(session))[0].strip() == b"300000"


async def test_a_command_on_a_terminal_sees_its_size(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    argv = ("sh", "-c", "read go; stty size; tty")
    request = ExecRequest(command=argv, stdin=True, stdout=True, tty=True)
    session = await agent.streams.exec(pod, request)
    session.resize(123, 45)
    await session.write_stdin(b"go\n")
    out, _, code = await finish(session)
    assert b"45 123" in out
    assert b"/dev/" in out
    assert code == 0


async def test_a_command_ends_with_its_container_and_when_it_is_let_go(
    plane: Plane, agent: NodeAgent
) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    request = ExecRequest(command=("sleep", "4321"), stdout=True)
    dropped = await agent.streams.exec(pod, request)
    kept = await agent.streams.exec(pod, request)
    await dropped.kill()
    assert await dropped.wait() == 137
    await plane.client.delete(PODS, pod, grace_seconds=1)
    assert (await finish(kept))[2] == 137


async def test_a_command_of_a_pod_that_does_not_run_is_refused(
    plane: Plane, agent: NodeAgent
) -> None:
    pod = await plane.run_pod("done", "true", restartPolicy="Never")
    await plane.until_phase(pod, "Succeeded")
    with pytest.raises(StreamError, match='container not found \\("main"\\)'):
        await command(agent, pod, "true")


async def test_an_attached_client_talks_to_the_program_itself(
    plane: Plane, agent: NodeAgent
) -> None:
    interactive = {"stdin": True, "stdinOnce": True}
    script = "echo ready; while read line; do echo got $line; done; exit 5"
    pod = await plane.run_pod(
        "chat", "sh", "-c", script, restartPolicy="Never", container=interactive
    )
    await plane.until_ready(pod)
    request = ExecRequest(stdin=True, stdout=True, stderr=True)
    session = await agent.streams.attach(pod, request)
    await session.write_stdin(b"hello\n")
    await session.close_stdin()
    out, err, code = await finish(session)
    # What it said before anybody was there is part of it.
    assert (out, err, code) == (b"ready\ngot hello\n", b"", 5)


async def test_an_attached_terminal_has_a_size(plane: Plane, agent: NodeAgent) -> None:
    interactive = {"stdin": True, "tty": True}
    script = "read go; stty size"
    pod = await plane.run_pod(
        "term", "sh", "-c", script, restartPolicy="Never", container=interactive
    )
    await plane.until_ready(pod)
    request = ExecRequest(stdin=True, stdout=True, tty=True)
    session = await agent.streams.attach(pod, request)
    session.resize(100, 30)
    await session.write_stdin(b"go\n")
    out, _, code = await finish(session)
    assert b"30 100" in out
    assert code == 0


async def test_detaching_leaves_the_program_running(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    session = await agent.streams.attach(pod, ExecRequest(stdout=True))
    await session.kill()
    assert (await command(agent, pod, "echo", "alive"))[0] == b"alive\n"


@pytest.mark.parametrize("binds", ["$(KAITO_POD_IP)", "127.0.0.1"])
async def test_a_port_is_dialled_at_the_pods_address_or_at_localhost(
    plane: Plane, agent: NodeAgent, binds: str, unused_tcp_port: int
) -> None:
    argv = ("python3", "-m", "http.server", str(unused_tcp_port), "--bind", binds)
    host = "127.0.0.1" if binds == "127.0.0.1" else ""
    probe = {"tcpSocket": {"port": unused_tcp_port, "host": host}, "periodSeconds": 1}
    pod = await plane.run_pod("web", *argv, container={"readinessProbe": probe})
    await plane.until_ready(pod)
    reader, writer = await agent.streams.dial(pod, unused_tcp_port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        assert b"200 OK" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_port_that_nobody_listens_on_is_refused(plane: Plane, agent: NodeAgent) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    with pytest.raises(StreamError, match="error forwarding port 9 to pod web"):
        await agent.streams.dial(pod, 9)
