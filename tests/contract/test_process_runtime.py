"""What any runtime of containers must do, shown with real programs.

Every check runs on the runtime that started the container and on one that adopted it, as after a
crash of the plane: the two must be indistinguishable.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kaito.base.clock import SystemClock
from kaito.local.node import procfs
from kaito.local.node.cri_log import LineRenderer, LogCursor
from kaito.local.node.file_watch import FolderWatch
from kaito.local.node.lifecycle.facts import Exit, Run, RunId
from kaito.local.node.process import ContainerRuntime, run_id
from kaito.local.node.run_files import RunFiles, RunSpec
from kaito.local.node.shim_start import start_shim
from kaito.local.node.spawn import wait_exit

POD = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
ENV = {"PATH": os.environ["PATH"]}


class Machine:
    """One state folder, and the runtime that is in charge of it now."""

    def __init__(self, state: Path, *, adopts: bool) -> None:
        self.state = state
        self._adopts = adopts
        self.runtime = ContainerRuntime(state, clock=SystemClock())

    async def __aenter__(self) -> "Machine":
        await self.runtime.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runtime.stop_all(grace=0)
        await self.runtime.__aexit__(None, None, None)

    async def restart(self) -> None:
        """Put another runtime in charge, as after a crash of the first."""
        await self.runtime.__aexit__(None, None, None)
        self.runtime = ContainerRuntime(self.state, clock=SystemClock())
        await self.runtime.__aenter__()
        await self.runtime.adopt()

    async def start(self, *argv: str, **fields: object) -> RunId:
        """Start a container and wait until its program executes, or has failed to."""
        spec = make_spec(argv, **fields)
        self.runtime.start(spec)
        await self.until(lambda run: run.started_at is not None or run.exit is not None, spec)
        if self._adopts:
            await self.restart()
        return spec.id

    async def until(self, holds: Callable[[Run], bool], spec: RunSpec) -> None:
        """Wait until something holds of the newest run of a container."""
        changed = asyncio.Event()
        self.runtime.subscribe(lambda _: changed.set())
        async with asyncio.timeout(20):
            while not holds(self.runtime.runs(POD)[spec.container][-1]):
                changed.clear()
                await changed.wait()

    async def ended(self, run: RunId) -> Exit:
        """How a run ended."""
        async with asyncio.timeout(20):
            return await self.runtime.wait_ended(run)

    def output(self, run: RunId) -> bytes:
        """Everything that a run wrote."""
        with LogCursor(self.runtime.files(run).log) as cursor:
            renderer, pieces = LineRenderer(), []
            while found := cursor.read():
                pieces.append(renderer.render(found))
            return b"".join(pieces)

    async def said(self, run: RunId, wanted: bytes) -> None:
        """Wait until a run has written something."""
        await changes_until(self.runtime.files(run).path, lambda: wanted in self.output(run))


async def changes_until(folder: Path, holds: Callable[[], bool]) -> None:
    """Wait until something holds that only a change in a folder can make true."""
    with FolderWatch(folder) as watch:
        async with asyncio.timeout(20):
            while not holds():
                await watch.wait()


def make_spec(argv: tuple[str, ...], **fields: object) -> RunSpec:
    attempt = fields.get("attempt", 0)
    assert isinstance(attempt, int)
    values = {
        "id": run_id(POD, "main", attempt),
        "pod_uid": POD,
        "container": "main",
        "attempt": attempt,
        "spec_hash": "h",
        "argv": argv,
        "env": ENV,
        **fields,
    }
    return RunSpec(**values)  # type: ignore[arg-type]


@pytest.fixture(params=["started", "adopted"])
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Machine]:
    async with Machine(tmp_path, adopts=request.param == "adopted") as found:
        yield found


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and procfs.state(pid) != "Z"


@pytest.mark.parametrize(("code", "reason"), [(0, "Completed"), (1, "Error"), (42, "Error")])
async def test_the_exit_code_of_a_program_is_known(
    machine: Machine, code: int, reason: str
) -> None:
    run = await machine.start("sh", "-c", f"exit {code}")
    ended = await machine.ended(run)
    assert (ended.code, ended.signal, ended.reason) == (code, 0, reason)


async def test_a_signal_that_ends_a_program_is_known(machine: Machine) -> None:
    run = await machine.start("sh", "-c", "kill -SEGV $$")
    ended = await machine.ended(run)
    assert (ended.code, ended.signal, ended.reason) == (139, 11, "Error")


async def test_a_program_that_obeys_sigterm_ends_with_its_own_code(machine: Machine) -> None:
    run = await machine.start(
        "sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"
    )
    await machine.said(run, b"up")
    machine.runtime.stop(run, grace=20)
    assert (await machine.ended(run)).code == 7


async def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(machine: Machine) -> None:
    run = await machine.start("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    await machine.said(run, b"up")
    machine.runtime.stop(run, grace=0.2)
    ended = await machine.ended(run)
    assert (ended.code, ended.signal) == (137, signal.SIGKILL)


async def test_a_shorter_grace_overtakes_a_longer_one(machine: Machine) -> None:
    run = await machine.start("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    await machine.said(run, b"up")
    machine.runtime.stop(run, grace=1000)
    machine.runtime.stop(run, grace=0)
    assert (await machine.ended(run)).code == 137


@pytest.mark.parametrize("how", ["exit", "stop"])
async def test_children_end_with_the_program_even_if_they_left_its_session(
    machine: Machine, how: str
) -> None:
    script = "setsid sleep 4321 & (sleep 4321 &) ; echo $!; [ $1 = exit ] || sleep 4321"
    run = await machine.start("sh", "-c", script, "sh", how)
    await machine.said(run, b"\n")
    if how == "stop":
        machine.runtime.stop(run, grace=20)
    await machine.ended(run)
    assert (
        procfs.find_marked("KAITO_CONTAINER", machine.runtime.marks(run)["KAITO_CONTAINER"]) == []
    )
    assert not alive(int(machine.output(run)))


async def test_output_is_logged_by_stream_with_its_time(machine: Machine) -> None:
    run = await machine.start("sh", "-c", "echo out; echo err >&2; printf rest")
    await machine.ended(run)
    lines = machine.runtime.files(run).log.read_text().splitlines()
    fields = sorted(line.split(" ", 1)[1] for line in lines)
    assert fields == ["stderr F err", "stdout F out", "stdout P rest"]
    assert all(len(line.split(" ")[0]) == len("2026-01-01T00:00:00.000000000Z") for line in lines)


async def test_huge_output_is_bounded_on_disk_and_its_end_is_kept(machine: Machine) -> None:
    run = await machine.start(
        "sh", "-c", "yes 'a line of text that repeats' | head -c 80000000; echo end"
    )
    await machine.ended(run)
    folder = machine.runtime.files(run).path
    assert sum(file.stat().st_size for file in folder.iterdir()) < 35 * 1024 * 1024
    assert machine.output(run).endswith(b"end\n")


async def test_a_line_longer_than_the_limit_is_read_back_whole(machine: Machine) -> None:
    run = await machine.start("sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo")
    await machine.ended(run)
    assert machine.output(run) == b"x" * 100000 + b"\n"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("no-such-program", 'exec: "no-such-program": executable file not found in $PATH'),
        ("/no/such/program", 'exec: "/no/such/program": no such file or directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ],
)
async def test_a_program_that_cannot_be_executed_is_a_start_error(
    machine: Machine, program: str, words: str
) -> None:
    run = await machine.start(program)
    ended = await machine.ended(run)
    assert (ended.code, ended.reason) == (128, "StartError")
    assert words in ended.message
    assert machine.runtime.runs(POD)["main"][-1].started_at is None


async def test_a_working_folder_that_does_not_exist_is_a_start_error(machine: Machine) -> None:
    ended = await machine.ended(await machine.start("true", cwd="/no/such/folder"))
    assert ended.reason == "StartError"
    assert "/no/such/folder" in ended.message


async def test_the_environment_is_exactly_what_was_asked_for(machine: Machine) -> None:
    run = await machine.start("env", env={**ENV, "GREETING": "bonjour à tous"})
    await machine.ended(run)
    found = dict(line.split("=", 1) for line in machine.output(run).decode().splitlines())
    assert found.pop("KAITO_CONTAINER").endswith(run)
    assert found == {**ENV, "GREETING": "bonjour à tous"}


async def test_the_working_folder_is_what_was_asked_for(machine: Machine, tmp_path: Path) -> None:
    run = await machine.start("pwd", cwd=str(tmp_path))
    await machine.ended(run)
    assert Path(machine.output(run).decode().strip()).name == tmp_path.name


async def test_standard_input_is_empty_unless_asked_for(machine: Machine) -> None:
    assert (await machine.ended(await machine.start("cat"))).code == 0


async def test_a_program_dies_with_its_supervisor(machine: Machine) -> None:
    run = await machine.start("sh", "-c", "setsid sleep 4321 & echo $$; exec sleep 4321")
    await machine.said(run, b"\n")
    identity = machine.runtime.files(run).read_identity()
    assert identity is not None
    os.kill(identity.shim, signal.SIGKILL)
    ended = await machine.ended(run)
    assert (ended.code, ended.reason) == (137, "ContainerStatusUnknown")
    mark = machine.runtime.marks(run)["KAITO_CONTAINER"]
    assert [pid for pid, _, _ in procfs.find_marked("KAITO_CONTAINER", mark) if alive(pid)] == []


async def test_the_termination_file_is_the_message(machine: Machine) -> None:
    file = machine.state / "pods" / POD / "containers" / "main" / "0" / "termination-log"
    run = await machine.start(
        "sh", "-c", 'echo out; printf "out of luck" > $1; exit 3', "sh", str(file)
    )
    assert (await machine.ended(run)).message == "out of luck"


@pytest.mark.parametrize(("code", "message"), [(0, ""), (3, "one\ntwo\n")])
async def test_the_end_of_the_log_is_the_message_of_a_failure_that_left_none(
    machine: Machine, code: int, message: str
) -> None:
    run = await machine.start("sh", "-c", f"echo one; echo two; exit {code}", fallback_to_logs=True)
    assert (await machine.ended(run)).message == message


async def test_the_two_newest_runs_are_kept(machine: Machine) -> None:
    for attempt in range(3):
        identity = run_id(POD, "main", attempt)
        await machine.ended(
            await machine.start("sh", "-c", f"echo {attempt}", attempt=attempt, id=identity)
        )
    runs = machine.runtime.runs(POD)["main"]
    assert [(run.attempt, machine.output(run.id)) for run in runs] == [(1, b"1\n"), (2, b"2\n")]


async def test_forgetting_a_pod_leaves_nothing_on_disk(machine: Machine) -> None:
    await machine.ended(await machine.start("true"))
    machine.runtime.forget(POD)
    assert machine.runtime.pod_uids == ()
    assert not list((machine.state / "pods" / POD).iterdir())


async def test_a_run_that_ended_while_nobody_watched_is_known_afterwards(tmp_path: Path) -> None:
    async with Machine(tmp_path, adopts=False) as machine:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        run = await machine.start("sh", "-c", f"cat {gate}; exit 9")
        files = machine.runtime.files(run)
        await machine.runtime.__aexit__(None, None, None)
        gate.write_text("go\n")
        await changes_until(files.path, files.has_ended)
        machine.runtime = ContainerRuntime(tmp_path, clock=SystemClock())
        await machine.runtime.__aenter__()
        await machine.runtime.adopt()
        assert (await machine.ended(run)).code == 9


async def test_a_run_that_was_recorded_but_never_executed_is_dropped(tmp_path: Path) -> None:
    async with Machine(tmp_path, adopts=False) as machine:
        run = await machine.start("true")
        files = machine.runtime.files(run)
        await machine.ended(run)
        files.create(make_spec(("sleep", "4321")))
        await machine.restart()
        assert machine.runtime.runs(POD) == {}
        assert not files.path.exists()


async def test_a_supervisor_that_comes_late_starts_nothing(tmp_path: Path) -> None:
    async with Machine(tmp_path, adopts=False) as machine:
        spec = make_spec(("sleep", "4321"))
        files = RunFiles(tmp_path / "late")
        files.create(spec)
        assert files.take_over()
        begun = start_shim(spec, files, marks=machine.runtime.marks(spec.id))
        os.close(begun.notify)
        async with asyncio.timeout(20):
            assert await wait_exit(begun.child) == 75
        assert files.read_identity() is None


async def test_leftovers_of_a_lost_run_are_killed_at_the_next_start(tmp_path: Path) -> None:
    async with Machine(tmp_path, adopts=False) as machine:
        run = await machine.start("sleep", "4321")
        identity = machine.runtime.files(run).read_identity()
        assert identity is not None
        machine.runtime.files(run).remove()
        await machine.restart()
        assert not alive(identity.main)
