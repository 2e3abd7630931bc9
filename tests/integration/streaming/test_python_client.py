"""The official Python client's stream and portforward."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.integration.streaming.plane import PATIENCE, Plane
from tests.integration.streaming.targets import echo, listening, serve_http


async def test_exec_returns_the_output(plane: Plane) -> None:
    assert sorted((await _run(plane, "get_output")).split()) == ["err", "out"]


async def test_exec_takes_input_and_reports_the_exit_code(plane: Plane) -> None:
    assert await _run(plane, "talk") == ["you said hello", 9]


async def test_a_terminal_can_be_resized(plane: Plane) -> None:
    assert await _run(plane, "resize") == ["22", "77"]


async def test_a_refused_exec_is_an_exception_with_the_status(plane: Plane) -> None:
    reason = await _run(plane, "get_refusal")
    assert "404" in reason
    assert "container not found" in reason


async def test_dropping_the_session_kills_the_command(plane: Plane) -> None:
    await _run(plane, "abandon")
    async with asyncio.timeout(PATIENCE):
        await plane.pods.wait_sessions(0)


async def test_forwarded_ports_carry_bytes_both_ways(plane: Plane) -> None:
    async with listening(echo) as one, listening(serve_http) as two:
        assert await _run(plane, "forward", str(one.port), str(two.port)) == [True, True]
        async with asyncio.timeout(PATIENCE):
            await one.wait_connections(0)


async def test_a_port_nobody_listens_on_is_an_error_of_that_port(plane: Plane) -> None:
    async with listening(echo) as target:
        unused = target.port
    rest, error = await _run(plane, "get_port_error", str(unused))
    assert rest == ""
    assert f"error forwarding port {unused} to pod web" in error


async def _run(plane: Plane, *words: str) -> Any:
    program = Path(__file__).with_name("client_calls.py")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=plane.environment,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)
