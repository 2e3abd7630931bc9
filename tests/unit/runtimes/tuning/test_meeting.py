"""Nodes of one job over real connections of this machine: begin together, hear who goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from kaito.api.runtime import ENV_POD_HOSTS, ENV_POD_IP, ExitCode
from kaito.base.clock import SystemClock
from kaito.runtimes.ending import Ending
from kaito.runtimes.tuning.meeting import Guest, Host, free_port

LOOPBACK = "127.0.0.1"


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_POD_IP, LOOPBACK)


def guest(port: int, node: int, host: str = LOOPBACK, key: str = "") -> Guest:
    return Guest(host, port, node, clock=SystemClock(), key=key)


@asynccontextmanager
async def met(nodes: int = 3) -> AsyncIterator[tuple[Host, list[Guest]]]:
    """A host and its guests, after all were there."""
    port = free_port()
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(Host(port, nodes))
        guests = [await stack.enter_async_context(guest(port, n)) for n in range(1, nodes)]
        await asyncio.gather(host.gather(20), *(one.gather(20) for one in guests))
        yield host, guests


async def test_all_are_called_once_the_last_one_is_there_and_told_where_ranks_meet() -> None:
    port = free_port()
    async with (
        Host(port, 3) as host,
        guest(port, 1) as one,
        guest(port, 2) as two,
    ):
        gathering = asyncio.create_task(host.gather(20))
        early = asyncio.create_task(one.gather(20))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(early), 0.2)
        late = await two.gather(20)
        call = await gathering

        assert await early == late
        assert (late.port, late.address, late.is_trained) == (call.port, LOOPBACK, False)


async def test_of_what_is_trained_the_host_waits_for_nobody_and_tells_whoever_comes() -> None:
    port = free_port()
    async with Host(port, 3, is_trained=lambda: True) as host:
        assert (await host.gather(20)).is_trained
        async with guest(port, 1) as late:
            assert (await late.gather(20)).is_trained
            await host.part("done")
            assert await late.departure() == (0, "done")


async def test_who_does_not_know_the_key_is_not_let_in() -> None:
    port = free_port()
    async with (
        Host(port, 2, key="ours") as host,
        guest(port, 1, key="theirs") as stranger,
        guest(port, 1, key="ours") as one,
    ):
        intruding = asyncio.create_task(stranger.gather(20))
        gathering = asyncio.create_task(host.gather(20))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(gathering), 0.2)
        await asyncio.gather(gathering, one.gather(20))
        assert not intruding.done()
        intruding.cancel()


async def test_all_train_once_the_slowest_has_its_data_and_the_host_says_who_that_is() -> None:
    waits: asyncio.Queue[str] = asyncio.Queue()
    async with met() as (host, guests):
        leaving = [asyncio.create_task(one.departure()) for one in guests]
        await guests[0].tell("downloads a.parquet, 10 of 90")
        ready = [asyncio.create_task(one.ready(waits.put_nowait)) for one in (host, guests[1])]
        await told(waits, "node 2 of 3, which downloads a.parquet, 10 of 90")
        await guests[0].tell("downloads a.parquet, 80 of 90")
        await told(waits, "node 2 of 3, which downloads a.parquet, 80 of 90")
        assert not any(task.done() for task in ready)
        await asyncio.gather(guests[0].ready(waits.put_nowait), *ready)
        await host.part("done")
        assert [await task for task in leaving] == [(0, "done")] * 2


async def test_a_node_without_news_of_its_data_is_waited_for_so_long_and_no_longer() -> None:
    port = free_port()
    async with Host(port, 2, stall_seconds=0.5) as host, guest(port, 1) as one:
        await asyncio.gather(host.gather(20), one.gather(20))
        await one.tell("downloads a.parquet")
        with pytest.raises(
            Ending, match=r"the data of node 2 of 2, which downloads a\.parq"
        ) as end:
            await host.ready(lambda _: None)
        assert end.value.code == ExitCode.PEERS


async def told(waits: asyncio.Queue[str], line: str) -> None:
    async with asyncio.timeout(20):
        while await waits.get() != line:
            continue


async def test_a_guest_waits_for_a_first_node_that_comes_later() -> None:
    port = free_port()
    async with guest(port, 1) as one:
        joining = asyncio.create_task(one.gather(20))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(joining), 0.2)
        async with Host(port, 2) as host:
            await host.gather(20)
            assert (await joining).address == LOOPBACK


async def test_whoever_does_not_come_is_named() -> None:
    port = free_port()
    async with Host(port, 3) as host, guest(port, 1) as one:
        joining = asyncio.create_task(one.gather(20))
        with pytest.raises(Ending, match=r"node 3 of 3 has not come within 0 s") as refused:
            await host.gather(0.3)
        assert refused.value.code == ExitCode.PEERS
        joining.cancel()


async def test_a_first_node_that_does_not_come_is_named() -> None:
    async with guest(free_port(), 1) as one:
        with pytest.raises(Ending, match=r"the first node, 127\.0\.0\.1, has not come"):
            await one.gather(0.3)


async def test_a_guest_that_is_lost_is_told_from_one_that_says_why_it_goes() -> None:
    async with met() as (host, guests):
        await guests[1].part("stopped")
        assert await host.departure() == (2, "stopped")
        await guests[0].__aexit__()
        assert await host.departure() == (1, "lost")


async def test_guests_hear_the_host_and_that_it_is_lost() -> None:
    async with met() as (host, guests):
        await host.part("done")
        assert [await one.departure() for one in guests] == [(0, "done")] * 2
    async with met() as (host, guests):
        await host.__aexit__()
        assert [await one.departure() for one in guests] == [(0, "lost")] * 2


async def test_a_node_that_comes_again_was_lost() -> None:
    port = free_port()
    async with Host(port, 2) as host, guest(port, 1) as one, guest(port, 1) as again:
        await asyncio.gather(host.gather(20), one.gather(20))
        joining = asyncio.create_task(again.gather(20))
        assert await host.departure() == (1, "lost")
        joining.cancel()


async def test_one_that_left_before_all_were_there_may_come_again() -> None:
    port = free_port()
    async with Host(port, 3) as host, guest(port, 2) as two:
        async with guest(port, 1) as gone:
            joining = asyncio.create_task(gone.gather(20))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(joining), 0.2)
            joining.cancel()
        async with guest(port, 1) as one:
            calls = await asyncio.gather(host.gather(20), one.gather(20), two.gather(20))
        assert len({call.port for call in calls}) == 1


async def test_what_speaks_another_language_is_no_guest() -> None:
    port = free_port()
    async with Host(port, 2) as host, guest(port, 1) as one:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        await asyncio.gather(host.gather(20), one.gather(20))


async def test_a_name_is_looked_up_in_the_file_that_stands_for_dns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "hosts"
    file.write_text(f"127.0.0.9 other-0.g\n{LOOPBACK} job-0.job job-0.job.ns.svc\n")
    monkeypatch.setenv(ENV_POD_HOSTS, str(file))
    port = free_port()
    async with Host(port, 2) as host, guest(port, 1, host="job-0.job.ns.svc") as one:
        _, call = await asyncio.gather(host.gather(20), one.gather(20))
        assert call.address == LOOPBACK
