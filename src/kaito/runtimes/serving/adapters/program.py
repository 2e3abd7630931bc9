"""Starts the keeping of adapters inside a server that runs, whichever engine it has."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path

from kaito.api.report import AdapterReport
from kaito.api.runtime import ServingArguments
from kaito.base.clock import SystemClock
from kaito.runtimes.serving.adapters.base_model import observe_base
from kaito.runtimes.serving.adapters.engine import AdapterEngine
from kaito.runtimes.serving.adapters.fetch import Fetcher
from kaito.runtimes.serving.adapters.keeper import Keeper, Surroundings
from kaito.runtimes.serving.adapters.metrics import AdapterMetrics, both
from kaito.runtimes.serving.adapters.store import Store
from kaito.runtimes.serving.adapters.wishes import WishFile


def start_adapters(
    arguments: ServingArguments,
    engine: AdapterEngine,
    *,
    report: Callable[[tuple[AdapterReport, ...]], None],
) -> asyncio.Task[None]:
    """Keep `engine` serving what `arguments.adapters_file` says, until the task is cancelled.

    `report` is told about every adapter whenever one changes (`Board.set_adapters`). The task never
    fails: what goes wrong is an adapter's state.
    """
    clock, metrics = SystemClock(), _metrics()
    keeper = Keeper(
        Surroundings(
            file=WishFile(Path(arguments.adapters_file)),
            store=Store(Path(arguments.adapters_folder)),
            fetcher=Fetcher(clock=clock, pull_secrets=tuple(map(Path, arguments.pull_secret))),
            engine=engine,
            base=observe_base(
                Path(arguments.model), (*arguments.served_model_name, arguments.model)
            ),
            clock=clock,
            report=both(report, metrics.note_states),
            note_load=metrics.note_load,
        )
    )
    return asyncio.get_running_loop().create_task(keeper.run(), name="adapters")


@cache
def _metrics() -> AdapterMetrics:
    # A process has one registry of metrics, and a name can be registered once.
    return AdapterMetrics()
