"""kubectl logs, and what its flags become."""

import asyncio

from tests.integration.streaming.plane import PATIENCE, Plane, kill
from tests.integration.streaming.pods import POD

from kaito.local.apiserver.streaming.logs import OPENING


async def test_follow_shows_each_line_when_it_is_written(plane: Plane) -> None:
    process = await plane.start_kubectl("logs", "-f", "web", env={})
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        for word in (b"one", b"two"):
            await plane.pods.write(word)
            assert await process.stdout.readline() == b"got " + word + b"\n"
        await plane.pods.close_container_stdin()
        await process.communicate()
    assert process.returncode == 0, "a follow ends with the container"


async def test_killing_kubectl_ends_the_follow_though_nothing_is_written(plane: Plane) -> None:
    process = await plane.start_kubectl("logs", "-f", "web", env={})
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_logs(1)
        await kill(process)
        await plane.clock.advance(OPENING)
        await plane.pods.wait_logs(0)


async def test_a_follow_is_answered_before_the_first_line(plane: Plane) -> None:
    process = await plane.start_kubectl("logs", "-f", "web", "-v=6", env={})
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_logs(1)
        await plane.clock.advance(OPENING)
        line = b""
        while b"/log?" not in line or b"200 OK" not in line:
            line = await process.stderr.readline()
            assert line, "kubectl ended"
    await kill(process)
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_logs(0)


async def test_shutdown_ends_a_follow(plane: Plane) -> None:
    process = await plane.start_kubectl("logs", "-f", "web", env={})
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_logs(1)
        await plane.clock.advance(OPENING)
        await plane.routes.stop()
        await process.communicate()
    assert plane.pods.open_logs == 0
    late = await plane.kubectl("logs", "web")
    assert "the server is shutting down" in late.err


async def test_flags_become_the_request(plane: Plane) -> None:
    await plane.kubectl("logs", "web", "--tail=5", "--since=90s", "--timestamps", "-c", "main")
    request = plane.pods.requests[-1]
    assert (request.container, request.tail_lines, request.since_seconds) == ("main", 5, 90)
    assert request.timestamps
    assert not request.follow


async def test_limit_bytes_cuts_the_answer(plane: Plane) -> None:
    for word in (b"one", b"two"):
        await plane.pods.write(word)
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_lines(2)
    outcome = await plane.kubectl("logs", "web", "--limit-bytes=10")
    assert outcome.out == b"got one\ngo"


async def test_a_refusal_is_shown_in_the_servers_words(plane: Plane) -> None:
    outcome = await plane.kubectl("logs", "web", "--previous")
    assert outcome.code == 1
    assert outcome.err == (
        "Error from server (BadRequest): "
        'previous terminated container "main" in pod "web" not found\n'
    )


async def test_a_wrong_number_is_refused_as_invalid(plane: Plane) -> None:
    path = f"/api/v1/namespaces/{POD.namespace}/pods/{POD.name}/log?limitBytes=0"
    outcome = await plane.kubectl("get", "--raw", path)
    assert "limitBytes: Invalid value: 0: must be greater than 0" in outcome.err


async def test_a_stream_needs_an_upgrade(plane: Plane) -> None:
    path = f"/api/v1/namespaces/{POD.namespace}/pods/{POD.name}"
    for sub in ("exec?command=x&stdout=true", "attach?stdout=true", "portforward?ports=1"):
        outcome = await plane.kubectl("get", "--raw", f"{path}/{sub}")
        assert "(BadRequest): Upgrade request required" in outcome.err
