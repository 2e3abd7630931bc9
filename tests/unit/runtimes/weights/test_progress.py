"""Progress lines: few, and with an ETA from what really came."""

import io

from kaito.api.runtime import Progress
from kaito.base.clock import ManualClock
from kaito.runtimes.weights.progress import Reporter


def read(stream: io.StringIO) -> list[Progress]:
    lines = [Progress.parse_line(line) for line in stream.getvalue().splitlines()]
    assert None not in lines
    return [line for line in lines if line]


async def test_the_eta_counts_only_what_came_since_the_start() -> None:
    clock, stream = ManualClock(), io.StringIO()
    reporter = Reporter(clock, stream)
    reporter.start("download", total=1000, done=500)
    await clock.advance(10.0)
    reporter.advance(100, item="a.safetensors")
    last = read(stream)[-1]
    assert (last.done, last.total, last.eta, last.item) == (600, 1000, 40, "a.safetensors")


async def test_many_small_steps_are_few_lines() -> None:
    clock, stream = ManualClock(), io.StringIO()
    reporter = Reporter(clock, stream)
    reporter.start("download", total=1000)
    for _ in range(100):
        await clock.advance(0.05)
        reporter.advance(10)
    assert len(read(stream)) == 3
