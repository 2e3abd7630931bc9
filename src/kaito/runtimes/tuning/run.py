"""One job from its arguments to its end: data, preflight, training, push.

The event loop answers for the job while it works; what computes runs in a thread. SIGTERM stops
downloads at once, and training after the step it is in, with a checkpoint.
"""

import asyncio
import logging
import signal
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from safetensors import SafetensorError

from kaito.api.tuning_job import ADAPTER
from kaito.api.tuning_record import TuningRecord
from kaito.base.logs import facts
from kaito.runtimes.ending import Ending
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.errors import to_ending
from kaito.runtimes.tuning.job import Job, Stopped
from kaito.runtimes.tuning.memory import explain_failure, what_would_fit
from kaito.runtimes.tuning.pace import telling_stage, wait_for_nodes
from kaito.runtimes.tuning.push import deliver_result
from kaito.runtimes.tuning.ranks import is_first_rank
from kaito.runtimes.tuning.result import Completed, read_completed, write_completed
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.sources.collect import Telling, collect_data

if TYPE_CHECKING:
    from kaito.runtimes.tuning.preflight import Prepared
    from kaito.runtimes.tuning.train import Course

logger = logging.getLogger(__name__)

_COMPUTING = frozenset({"preflight", "load", "train", "evaluate", "save"})


async def run_job(job: Job) -> TuningRecord:
    """All of it; the final record.

    Raises:
        Ending: why there is no result, or where it stays.
        Stopped: it was told to.
    """
    try:
        await _run(job)
    except Ending as ending:
        job.ledger.update(state="Failed", failure=ending.line)
        raise
    except Stopped:
        job.ledger.update(state="Paused")
        raise
    return job.ledger.record


def stop_on_signal(job: Job) -> None:
    """Let SIGTERM and SIGINT stop the job; to be called in its own task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        first = not job.stop.is_set()
        job.stop.set()
        # A thread cannot be cancelled: it looks at the event itself, and ends soon.
        if first and task is not None and not _is_computing(job.board):
            task.cancel()

    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)


def _is_computing(board: Board) -> bool:
    stages = board.report.stages
    return bool(stages) and stages[-1].name in _COMPUTING and not stages[-1].is_over


async def _run(job: Job) -> None:
    completed = await asyncio.to_thread(read_completed, job.results, job.fingerprint)
    if completed is None:
        job.ledger.update(state="Preparing", failure="")
        if not await _train(job):
            raise Stopped
        digest = job.ledger.record.adapter_digest
        completed = Completed(job=job.fingerprint, digest=digest)
        if is_first_rank():
            await asyncio.to_thread(write_completed, job.results, completed)
    else:
        logger.info("training is over already", extra=facts(results=str(job.results)))
        # The record may have been lost since, and a push is known by it.
        job.ledger.update(adapter_digest=completed.digest)
    await asyncio.to_thread(job.remove_downloads)
    if is_first_rank():
        await _deliver(job, completed)


async def _deliver(job: Job, completed: Completed) -> None:
    """Push the result where it should go; once."""
    result = str(job.results / ADAPTER)
    if job.arguments.image:
        result = completed.pushed if completed.pushed.startswith(f"{job.arguments.image}@") else ""
        if not result:
            job.ledger.update(state="Pushing", failure="")
            job.board.start_stage("push", item=job.arguments.image)
            result = await deliver_result(
                job.arguments,
                job.ledger.record,
                clock=job.clock,
                progress=_Pushing(job.board, job.arguments.image),
                warn=partial(_warn, job),
            )
            write_completed(job.results, msgspec.structs.replace(completed, pushed=result))
    job.board.end_stage()
    job.ledger.progress(result=result, eta_seconds=0)
    job.ledger.update(state="Done", result=result if job.arguments.image else "", failure="")


def _warn(job: Job, line: str) -> None:
    """The push fails and goes on: for those who look at the pod, and at the report."""
    job.board.warn(line)
    job.ledger.update(failure=line)


class _Pushing(Telling):
    """Uploads, told to the board."""

    def start(self, *, total: int, done: int) -> None:
        """All sizes are known."""
        self._board.start_stage("push", total=total, done=done, item=self._item)


async def _train(job: Job) -> bool:
    try:
        async with telling_stage(job.board, job.clock):
            course = await _prepare_data(job)
        _open_record(job, course)
        await wait_for_nodes(job.board, job.clock)
        return await asyncio.to_thread(_train_course, job, course)
    except OSError as error:
        raise to_ending(error) from error
    except (MemoryError, RuntimeError, SafetensorError) as error:
        raise explain_failure(error, job.settings, job.plan) from error


async def _prepare_data(job: Job) -> "Course":
    from kaito.runtimes.tuning.handover import is_handed_data, take_over

    prepared = await take_over(job) if is_handed_data() else None
    arrived: tuple[Arrived, ...] = ()
    if prepared is None:
        arrived = await collect_data(
            job.arguments,
            job.downloads,
            board=job.board,
            clock=job.clock,
            wanted=job.settings.data.path,
        )
    return await _prepare(job, arrived, prepared)


async def _prepare(job: Job, arrived: tuple[Arrived, ...], prepared: "Prepared | None") -> "Course":
    from kaito.runtimes.tuning.survey import survey_job

    job.board.start_stage("preflight")
    surveyed = None
    if prepared is None:
        surveyed = await asyncio.to_thread(survey_job, job, arrived)
    from kaito.runtimes.tuning.prepare import prepare_course

    return await asyncio.to_thread(prepare_course, job, arrived, surveyed, prepared=prepared)


def _train_course(job: Job, course: "Course") -> bool:
    from kaito.runtimes.tuning.train import train
    from kaito.runtimes.tuning.watch import Stage

    stage = Stage(board=job.board, ledger=job.ledger, clock=job.clock, stop=job.stop)
    return train(course, stage)


def _open_record(job: Job, course: "Course") -> None:
    """Start this attempt's record; say so where the one before ended without a word."""
    before, arguments = job.ledger.record, job.arguments
    dataset = course.prepared.record
    notes = (*job.settings.notes, *course.applied.notes, *job.board.report.warnings)
    warnings = tuple(dict.fromkeys(notes))
    job.ledger.begin(
        TuningRecord(
            state="Preparing",
            model=arguments.base or course.model.name,
            revision=arguments.base_revision,
            preset=arguments.preset,
            method=job.settings.method,
            device=course.machine.name,
            dataset=dataset,
            settings=course.applied.to_texts(),
            chosen=course.applied.chosen,
            parameters=course.facts.parameters,
            versions=_versions(),
            warnings=warnings,
        )
    )
    if before.state == "Training" and job.ledger.record.attempts > 1:
        hint = what_would_fit(job.settings, job.plan)
        job.board.warn(
            "the attempt before this one ended without a word; if memory ran out "
            f"(about {dataset.memory_bytes >> 20} MiB are needed), {hint}"
        )
    job.ledger.progress(
        samples=dataset.samples,
        dropped=dataset.dropped,
        tokens=dataset.tokens,
        steps=dataset.steps,
    )
    job.ledger.write_dataset(dataset)
    for warning in (*warnings, *dataset.warnings):
        job.board.warn(warning)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "accelerate")
    return {name: version(name) for name in names}
