"""The line of a transfer on a terminal."""

import io

from kaito.base.clock import ManualClock
from kaito.base.quantity import MIB
from kaito.cli.transfers import Bar


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        return True


async def test_a_transfer_says_bytes_speed_and_the_time_that_is_left() -> None:
    clock, out = ManualClock(), Terminal()
    bar = Bar("pulling", clock, out)
    bar.start(total=1000 * MIB, done=200 * MIB)
    await clock.advance(4.0)
    bar.advance(200 * MIB, item="model.safetensors")
    said = out.getvalue()
    assert "200 MiB are there already" in said
    assert " 40% 400 MiB of 1000 MiB, 50 MiB/s, 12s left" in said
