"""`kaito-mirror-writer.json`: who fills a folder of a bucket, so that nobody else begins meanwhile.

Put there before anything is written, renewed while it is, removed at the end. Of two who ask at the
same moment a service that knows If-None-Match takes one; elsewhere the last one has the turn, and
the other finds out before it says that the folder is complete. Whoever was killed has its turn
still; of anybody else's a turn that has not been renewed for ten minutes is over. Times are the
service's own.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

import msgspec

from kaito.base.clock import Clock
from kaito.bucket.client import Body, Bucket, Call, read_answer
from kaito.bucket.errors import BucketError
from kaito.registry.errors import RegistryError

WRITER: Final = "kaito-mirror-writer.json"
STALE_SECONDS: Final = 600.0
_RENEWAL_SECONDS: Final = 60.0
_TAKEN: Final = frozenset({409, 412})
_UNKNOWN: Final = frozenset({400, 501})
"""What services say that do not know conditions."""


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """The document."""

    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who has the turn."""

    owner: str
    """The same over all tries of one writer."""
    seconds: float = 0.0
    """Since it was renewed."""

    @property
    def is_at_work(self) -> bool:
        """Whether it has been heard of lately."""
        return self.seconds < STALE_SECONDS


async def find_writer(bucket: Bucket) -> Writer | None:
    """Who fills the folder, or did until it died; None: nobody."""
    call = Call(action="s3:GetObject", key=bucket.key(WRITER), expected=(404,))

    async def attempt() -> Writer | None:
        async with bucket.open(call) as response:
            if response.status == 404:
                return None
            text = await read_answer(response)
            told = response.headers
        seconds = _seconds_between(told.get("Last-Modified", ""), told.get("Date", ""))
        return Writer(owner=_parse_owner(text), seconds=seconds)

    return await bucket.insist(attempt, bucket.describe(call.key))


@asynccontextmanager
async def writing(bucket: Bucket, owner: str, clock: Clock) -> AsyncIterator[None]:
    """The turn to write to the folder, for the length of the block.

    Raises:
        BucketError: somebody else has it.
    """
    await _take(bucket, owner)
    renewing = asyncio.create_task(_renew(bucket, owner, clock))
    try:
        yield
    finally:
        renewing.cancel()
        with suppress(RegistryError):
            # Whoever cannot may leave it: it is over in ten minutes.
            await _give_back(bucket, owner)


async def require_turn(bucket: Bucket, owner: str) -> None:
    """Raise `BucketError` where the turn is lost: somebody else has it, or has had it since."""
    found = await find_writer(bucket)
    if found is None:
        raise BucketError(
            f"{bucket.source.url} may have been filled by somebody else: {WRITER} is gone",
            reason="busy",
            hint="it is tried again",
        )
    if found.owner != owner:
        _refuse(bucket, found)


async def _take(bucket: Bucket, owner: str) -> None:
    found = await find_writer(bucket)
    if found is not None and found.owner != owner and found.is_at_work:
        _refuse(bucket, found)
    if found is not None or await _put(bucket, owner, {"If-None-Match": "*"}) in _UNKNOWN:
        await _put(bucket, owner, {})
    await require_turn(bucket, owner)


async def _put(bucket: Bucket, owner: str, condition: dict[str, str]) -> int:
    """The answer's status; with a condition also where it does not hold or is not known."""
    expected = (*_TAKEN, *_UNKNOWN) if condition else ()
    body = Body.of(msgspec.json.encode(_Note(owner=owner)))
    call = Call(
        action="s3:PutObject", method="PUT", key=bucket.key(WRITER), headers=condition, body=body,
        expected=expected,
    )  # fmt: skip

    async def attempt() -> int:
        async with bucket.open(call) as response:
            return response.status

    return await bucket.insist(attempt, bucket.describe(call.key))


async def _renew(bucket: Bucket, owner: str, clock: Clock) -> None:
    """Say now and then that this writer lives, until somebody else has the turn."""
    is_ours = True
    while is_ours:
        await clock.sleep(_RENEWAL_SECONDS)
        with suppress(RegistryError):
            found = await find_writer(bucket)
            # One that is gone was somebody else's, who has come to the end.
            if is_ours := found is not None and found.owner == owner:
                await _put(bucket, owner, {})


async def _give_back(bucket: Bucket, owner: str) -> None:
    found = await find_writer(bucket)
    if found is not None and found.owner == owner:
        call = Call(action="s3:DeleteObject", method="DELETE", key=bucket.key(WRITER))
        await bucket.ask(call)


def _refuse(bucket: Bucket, found: Writer) -> NoReturn:
    raise BucketError(
        f"{bucket.source.url} is being filled by {found.owner or 'somebody else'}, last heard of "
        f"{found.seconds:.0f} s ago",
        reason="busy",
        hint="wait for it, or give this mirror a folder of its own; a turn that nobody renews is "
        "over after ten minutes",
    )


def _parse_owner(text: bytes) -> str:
    try:
        return msgspec.json.decode(text, type=_Note).owner
    except msgspec.MsgspecError:
        return ""


def _seconds_between(before: str, after: str) -> float:
    """0 where the service does not say: then it counts as heard of just now."""
    try:
        passed = parsedate_to_datetime(after) - parsedate_to_datetime(before)
    except ValueError:
        return 0.0
    return max(passed.total_seconds(), 0.0)
