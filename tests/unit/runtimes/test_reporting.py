"""What a program in a pod writes on its board, and what those who ask over HTTP read."""

import asyncio
import contextlib
import socket

import aiohttp
import msgspec

from kaito.api.report import AdapterReport, PodReport, TuningReport
from kaito.base.clock import ManualClock
from kaito.runtimes.reporting import MAX_STAGES, MAX_WARNINGS, Board, answering


async def test_the_running_stage_has_its_seconds_up_to_now() -> None:
    clock = ManualClock()
    board = Board("weights", clock)
    board.start_stage("download", total=100, item="model.safetensors")
    await clock.advance(7)
    stage = board.report.stages[0]
    assert (stage.seconds, stage.is_over, stage.item) == (7.0, False, "model.safetensors")


async def test_a_new_stage_ends_the_one_before_well_and_its_seconds_stay() -> None:
    clock = ManualClock()
    board = Board("serving", clock)
    board.start_stage("import")
    await clock.advance(10)
    board.start_stage("load")
    await clock.advance(5)
    board.end_stage()
    await clock.advance(60)
    stages = board.report.stages
    assert [(s.name, s.seconds, s.is_over) for s in stages] == [
        ("import", 10.0, True),
        ("load", 5.0, True),
    ]


async def test_the_time_left_follows_the_speed_of_what_was_not_there_before() -> None:
    clock = ManualClock()
    board = Board("weights", clock)
    board.start_stage("download", total=1000, done=500)
    assert board.report.stages[0].eta_seconds == -1
    await clock.advance(10)
    board.advance(100)
    assert board.report.stages[0].eta_seconds == 40


async def test_the_time_left_forgets_a_slow_beginning() -> None:
    clock = ManualClock()
    board = Board("weights", clock)
    board.start_stage("download", total=100_000)
    for _ in range(60):
        await clock.advance(2)
        board.advance(1)
    for _ in range(40):
        await clock.advance(1)
        board.advance(1000)
    assert board.report.stages[0].eta_seconds < 65


async def test_the_time_left_grows_while_nothing_comes() -> None:
    clock = ManualClock()
    board = Board("weights", clock)
    board.start_stage("download", total=200)
    await clock.advance(10)
    board.advance(100)
    before = board.report.stages[0].eta_seconds
    await clock.advance(10)
    assert board.report.stages[0].eta_seconds > before


def test_what_is_counted_without_a_running_stage_changes_nothing() -> None:
    board = Board("weights", ManualClock())
    board.advance(5)
    board.start_stage("look")
    board.end_stage()
    board.advance(5)
    assert board.report.stages[0].done == 0


def test_bytes_that_must_come_again_are_taken_back() -> None:
    board = Board("weights", ManualClock())
    board.start_stage("download", total=100)
    board.advance(60)
    board.advance(-20)
    assert board.report.stages[0].done == 40


def test_a_report_stays_a_page() -> None:
    board = Board("tuning", ManualClock())
    for number in range(100):
        board.start_stage(f"stage-{number}")
        board.warn(f"warning\n{number}")
    report = board.report
    assert len(report.stages) == MAX_STAGES
    assert report.stages[-1].name == "stage-99"
    assert len(report.warnings) == MAX_WARNINGS
    assert report.warnings[-1] == "warning 99"


def test_a_warning_is_said_once() -> None:
    board = Board("serving", ManualClock())
    board.warn("adapters are off")
    board.warn("adapters are off")
    assert board.report.warnings == ("adapters are off",)


async def test_the_report_over_http_is_the_board() -> None:
    board = Board("tuning", ManualClock())
    board.set_tuning(TuningReport(step=3, steps=10, loss=1.5))
    board.set_adapters((AdapterReport(name="poet", state="Ready"),))
    board.set_engine(engine="vllm 0.32.0", context_tokens=2048, cache_tokens=8192)
    async with answering(board, host="127.0.0.1", port=(port := _free_port())):
        status, body = await _get(port, "/kaito/report")
        assert status == 200
        assert msgspec.json.decode(body, type=PodReport) == board.report
        assert await _get(port, "/health") == (200, b"")


async def test_metrics_are_there_only_where_they_were_given() -> None:
    board = Board("weights", ManualClock())
    async with answering(board, host="127.0.0.1", port=(port := _free_port())):
        assert (await _get(port, "/metrics"))[0] == 404
    async with answering(board, host="127.0.0.1", port=port, metrics=lambda: b"up 1\n"):
        assert await _get(port, "/metrics") == (200, b"up 1\n")


async def test_a_port_that_is_taken_is_a_warning_and_the_work_goes_on() -> None:
    board = Board("weights", ManualClock())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with answering(board, host="127.0.0.1", port=port):
            board.start_stage("download")
    assert f"port {port} cannot be opened" in board.report.warnings[0]


async def test_the_port_is_free_as_soon_as_the_context_ends_though_a_client_stays() -> None:
    board = Board("serving", ManualClock())
    port = _free_port()
    async with answering(board, host="127.0.0.1", port=port):
        _, idle = await asyncio.open_connection("127.0.0.1", port)
    async with answering(board, host="127.0.0.1", port=port):
        assert (await _get(port, "/health"))[0] == 200
    idle.close()
    assert board.report.warnings == ()


async def test_a_head_without_an_end_is_cut_off() -> None:
    board = Board("serving", ManualClock())
    async with answering(board, host="127.0.0.1", port=(port := _free_port())):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /" + b"a" * 40_000)
        # The other end closes with our bytes unread: a reset is as good an end.
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert (await _get(port, "/health"))[0] == 200


async def _get(port: int, path: str) -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_the_end_waits_until_who_asked_before_has_read_it() -> None:
    clock = ManualClock()
    board = Board("tuning", clock)
    assert not await board.wait_read(10), "nobody has ever asked, so nobody is waited for"
    board.read()
    board.set_tuning(TuningReport(result="r@sha256:1"))
    waiting = asyncio.create_task(board.wait_read(10))
    await clock.advance(1)
    assert not waiting.done()
    assert board.read().tuning == TuningReport(result="r@sha256:1")
    await clock.advance(1)
    assert await waiting


async def test_the_end_is_not_held_up_by_who_never_comes_back() -> None:
    clock = ManualClock()
    board = Board("tuning", clock)
    board.read()
    board.set_tuning(TuningReport(result="r@sha256:1"))
    waiting = asyncio.create_task(board.wait_read(3))
    for _ in range(40):
        await clock.advance(0.1)
    assert not await waiting
