"""The load: so many requests under way at once, round by round.

Closed loop: each of `concurrency` clients asks again as soon as it is answered, as
`vllm bench serve --max-concurrency` and guidellm's `concurrent` profile do. Before a level is
measured each client asks once unmeasured, which opens connections and fills batches.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.cli.bench.plan import Level
from kaito.cli.bench.prompts import Prompts
from kaito.cli.bench.samples import LevelRun, Round, Sample
from kaito.cli.bench.sending import Request, send
from kaito.cli.endpoints import Asker
from kaito.cli.reporting import first_known

_WARM_UP_TOKENS = 16
_PAUSE_WHEN_BUSY = 1.0
_LONGEST_PAUSE = 10.0
"""Seconds for which a client stays away that was told the server is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to ask, and for what."""

    asker: Asker
    request: Request
    """Without its prompt."""
    prompts: Prompts
    clock: Clock


Tell = Callable[[LevelRun], None]


async def measure_levels(
    target: Target, levels: tuple[Level, ...], runs: list[LevelRun], tell: Tell
) -> None:
    """Measure each level into `runs`, which holds what came so far also when cancelled."""
    for level in levels:
        run = LevelRun(concurrency=level.concurrency)
        runs.append(run)
        await _warm_up(target, level)
        for number in range(level.rounds):
            # Added before it begins: an interruption must not lose it.
            run.rounds.append(Round(started=target.clock.monotonic()))
            label = f"{level.concurrency}/{number}"
            await measure_round(target, level, run.rounds[-1], label)
        tell(run)


async def measure_round(target: Target, level: Level, taken: Round, label: str) -> None:
    """Fill one round; its time begins now."""
    indices: Iterator[int] = iter(range(level.requests)) if level.requests else itertools.count()
    clock = target.clock
    taken.started = clock.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            clients = [
                group.create_task(_ask_on(target, indices, taken, label))
                for _ in range(level.concurrency)
            ]
            if level.seconds:
                await clock.sleep(level.seconds)
                # Before the clients take note of their end, which is then part of the round.
                taken.ended = clock.monotonic()
                for client in clients:
                    client.cancel()
    except ExceptionGroup as failures:
        raise first_known(failures) from failures
    finally:
        taken.ended = taken.ended or clock.monotonic()


async def _ask_on(target: Target, indices: Iterator[int], taken: Round, label: str) -> None:
    for index in indices:
        prompt = target.prompts.make(f"{label}/{index}")
        request = replace(target.request, prompt=prompt)
        sample = await send(target.asker, request, target.clock, taken.samples)
        if sample.outcome == "busy":
            pause = sample.retry_after or _PAUSE_WHEN_BUSY
            await target.clock.sleep(min(pause, _LONGEST_PAUSE))
        if sample.outcome == "failed":
            _require_hope(taken)


def _require_hope(taken: Round) -> None:
    """Raise `KaitoError` where nothing but failures came, and several of them."""
    failed = [sample for sample in taken.samples if sample.outcome == "failed"]
    if len(failed) >= 3 and len(failed) == len(taken.samples):
        raise KaitoError(f"every request failed: {failed[-1].message}")


async def _warm_up(target: Target, level: Level) -> None:
    tokens = min(target.request.max_tokens, _WARM_UP_TOKENS)
    short = replace(target.request, max_tokens=tokens)
    unmeasured: list[Sample] = []
    async with asyncio.TaskGroup() as group:
        for index in range(level.concurrency):
            prompt = target.prompts.make(f"{level.concurrency}/warm/{index}")
            request = replace(short, prompt=prompt)
            group.create_task(send(target.asker, request, target.clock, unmeasured))
