"""Ending without dropping anybody: what a server does between SIGTERM and its end.

Told to stop, it says so at /ready at once and still serves new requests for a while, for those who
route requests learn with a delay that the pod goes. After that lag it refuses them with 503 and a
time to come back, and what runs goes on, until nothing does or the time that is granted has passed.
"""

import asyncio
import logging
from collections.abc import Callable

from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.runtimes.serving.refusal import Refusal

logger = logging.getLogger(__name__)

LAG_SECONDS = 3.0
"""For which requests may still arrive: Services and gateways follow a pod's end about that late."""

TOO_LATE = Refusal(
    status=503,
    reason="draining",
    message="this server is being stopped; send the request again",
    type="server_error",
    code="server_stopping",
    retry_after=1,
    closes=True,
)
"""For a request that comes after that."""


class Draining:
    """How far the end of this server is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._idle = asyncio.Event()
        self.is_told = False
        self.refuses = False

    def note_left(self, in_flight: int) -> None:
        """A request has ended; so many are left."""
        if self.refuses and not in_flight:
            self._idle.set()

    async def drain(self, in_flight: Callable[[], int], *, seconds: float) -> bool:
        """Go through the stages; whether nothing runs any more within `seconds` of all of them."""
        self.is_told = True
        logger.info("stopping", extra=facts(in_flight=in_flight()))
        lag = min(LAG_SECONDS, seconds)
        await self._clock.sleep(lag)
        self.refuses = True
        if not in_flight():
            return True
        idle = asyncio.ensure_future(self._idle.wait())
        nap = asyncio.ensure_future(self._clock.sleep(seconds - lag))
        try:
            await asyncio.wait({idle, nap}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
            nap.cancel()
        left = in_flight()
        if left:
            logger.warning("requests are cut off", extra=facts(in_flight=left))
        return not left
