"""What the server does by itself, now and then: forget old history and old events.

Both go by the clock and write nothing on a quiet plane. A revision becomes the compaction floor one
interval after it was the newest, so every client has that long to read on from it.
"""

import logging
from datetime import timedelta

from kaito.base.clock import parse_rfc3339
from kaito.base.logs import facts
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.objects import decode, to_encoder
from kaito.local.store.errors import StoreError
from kaito.local.store.port import Entry, Scope

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 300.0
EVENT_LIFE = timedelta(hours=1)
"""Events are gone this long after they last happened, as in Kubernetes."""


async def keep_house(core: Core) -> None:
    """Run until cancelled."""
    floor = core.store.revision
    while True:
        await core.clock.sleep(INTERVAL_SECONDS)
        try:
            await expire_events(core)
            await core.store.compact(floor)
        except StoreError as error:
            # A full disk must not end the plane; the next round tries again.
            logger.warning("housekeeping failed", extra=facts(problem=error))
        floor = core.store.revision


async def expire_events(core: Core) -> int:
    """Remove the events that are too old; how many there were."""
    page = await core.store.list(Scope("events"))
    expired = [entry for entry in page.entries if _is_expired(core, entry)]
    for entry in expired:
        last = to_encoder(decode(entry.value))
        await core.store.delete(entry.key, last, expected=entry.revision)
    return len(expired)


def _is_expired(core: Core, entry: Entry) -> bool:
    event = decode(entry.value)
    times = (
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"]["creationTimestamp"],
    )
    seen = max(parse_rfc3339(time) for time in times if time)
    return core.clock.now() - seen > EVENT_LIFE
