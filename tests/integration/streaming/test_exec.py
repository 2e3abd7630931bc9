"""kubectl exec and attach, over WebSocket and over SPDY."""

import asyncio
import hashlib
import os
import pty
import struct
import termios
from fcntl import ioctl

import pytest
from tests.integration.streaming.plane import PATIENCE, Plane, find_kubectl, kill

WEBSOCKET: dict[str, str] = {}
SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}

both = pytest.mark.parametrize("wire", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])


@both
async def test_exec_returns_both_outputs(plane: Plane, wire: dict[str, str]) -> None:
    outcome = await plane.kubectl(
        "exec", "web", "--", "sh", "-c", "echo hello; echo oops >&2", env=wire
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, b"hello\n", "oops\n")


@both
async def test_exec_passes_the_exit_code_through(plane: Plane, wire: dict[str, str]) -> None:
    outcome = await plane.kubectl("exec", "web", "--", "sh", "-c", "exit 42", env=wire)
    assert outcome.code == 42
    assert "command terminated with exit code 42" in outcome.err


@both
async def test_exec_with_input_ends_when_the_input_does(plane: Plane, wire: dict[str, str]) -> None:
    data = os.urandom(3_000_000)
    outcome = await plane.kubectl("exec", "-i", "web", "--", "sha256sum", stdin=data, env=wire)
    assert outcome.out.decode().split()[0] == hashlib.sha256(data).hexdigest()


@both
async def test_large_output_arrives_whole(plane: Plane, wire: dict[str, str]) -> None:
    outcome = await plane.kubectl("exec", "web", "--", "seq", "2000000", env=wire)
    assert outcome.out == "".join(f"{n}\n" for n in range(1, 2_000_001)).encode()


@both
async def test_input_that_the_command_does_not_read_is_dropped(
    plane: Plane, wire: dict[str, str]
) -> None:
    outcome = await plane.kubectl(
        "exec", "-i", "web", "--", "echo", "done", stdin=bytes(2_000_000), env=wire
    )
    assert (outcome.code, outcome.out) == (0, b"done\n")


@both
async def test_a_container_that_does_not_run_is_named(plane: Plane, wire: dict[str, str]) -> None:
    outcome = await plane.kubectl("exec", "web", "-c", "main", "--", "/no/such", env=wire)
    assert outcome.code == 1
    assert "error executing command in container" in outcome.err
    assert "/no/such" in outcome.err


@both
async def test_killing_kubectl_kills_the_command(plane: Plane, wire: dict[str, str]) -> None:
    process = await plane.start_kubectl(
        "exec", "web", "--", "sh", "-c", "echo up; sleep 1000", env=wire
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    await kill(process)
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_sessions(0)


@both
async def test_a_terminal_has_its_size_and_takes_keys(plane: Plane, wire: dict[str, str]) -> None:
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    command = (
        "until stty size | grep '33 101'; do sleep 0.01; done; "
        "read line; echo you said $line; exit 3"
    )
    process = await asyncio.create_subprocess_exec(
        *(find_kubectl(), "exec", "-it", "web", "--", "sh", "-c", command),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=plane.environment | wire,
    )
    os.close(slave)
    seen = asyncio.create_task(asyncio.to_thread(_read_to_end, master))
    await plane.pods.wait_sessions(1)
    os.write(master, b"abc\n")
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 3
        output = await seen
    os.close(master)
    assert b"you said abc" in output
    assert b"33 101" in output


@both
async def test_attach_shares_the_containers_process(plane: Plane, wire: dict[str, str]) -> None:
    process = await plane.start_kubectl("attach", "-i", "web", env=wire)
    assert process.stdin is not None
    assert process.stdout is not None
    await plane.pods.wait_sessions(1)
    process.stdin.write(b"ping\n")
    assert await process.stdout.readline() == b"got ping\n"
    process.stdin.close()
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0, "an attach succeeds whatever the container returns"
    assert await plane.pods.wait_container() == 7
    await process.communicate()


def _read_to_end(terminal: int) -> bytes:
    output = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            return output
        if not piece:
            return output
        output += piece
