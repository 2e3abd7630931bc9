"""The protections that the arguments ask for, the same for both engines."""

from collections.abc import Callable
from pathlib import Path

from kaito.api.runtime import ServingArguments
from kaito.runtimes.serving.door import Door
from kaito.runtimes.serving.draining import Draining
from kaito.runtimes.serving.gate import Protection
from kaito.runtimes.serving.key_ring import KeyRing
from kaito.runtimes.serving.overload import Capacity, Overload
from kaito.runtimes.serving.request_body import MAX_BYTES


def protect(
    arguments: ServingArguments,
    door: Door,
    running: int,
    engine_waiting: Callable[[], int] = lambda: 0,
) -> Protection:
    """What stands before an engine that runs `running` requests at once."""
    # As many may wait as run: whoever comes last waits for about two requests' time.
    capacity = Capacity(running=running, waiting=arguments.max_waiting or running)
    overload = Overload(capacity, door.clock, engine_waiting)
    door.metrics.show(lambda: door.board.report, lambda: overload.in_flight)
    folder = arguments.keys_folder
    return Protection(
        overload=overload,
        draining=Draining(door.clock),
        metrics=door.metrics,
        keys=KeyRing(Path(folder), door.clock) if folder else None,
        max_body_bytes=arguments.max_body_bytes or MAX_BYTES,
    )
