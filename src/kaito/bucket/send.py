"""Local files into a folder of a bucket: what is there is not sent, what was cut goes on.

A small file is one request. A large one goes in parts, several at a time; after a crash an upload
that is known to be of this very content goes on: the service is asked which parts it has, and those
whose content is ours stay. A file counts as there when its size and the checksum that was noted
with it are ours; so no upload that somebody else began is ever completed.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from kaito.base.quantity import MIB
from kaito.bucket.answers import Part, parse_parts, parse_uploads
from kaito.bucket.begun import Begun, read_begun, write_begun
from kaito.bucket.client import Body, Bucket, Call, read_answer
from kaito.bucket.errors import BucketError
from kaito.bucket.stretch import Stretch
from kaito.registry.download import first_error
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Progress
from kaito.registry.web import FRUITLESS_TRIES, Transient, to_unreachable

PART_BYTES: Final = 64 * MIB
MAX_PARTS: Final = 9_000
"""The protocol's limit is 10,000."""
SILENCE_SECONDS: Final = 120.0
ASSEMBLY_SECONDS: Final = 120.0
"""The longest silence of a service that puts parts together."""
_PARALLEL: Final = 4
_NOTED: Final = "x-amz-meta-kaito-sha256"
_MAX_PAGES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A file to send; `sha256` in hexadecimal."""

    name: str
    path: Path
    size: int
    sha256: str


async def send_files(
    bucket: Bucket, files: Sequence[Outgoing], progress: Progress, *, journal: Path | None = None
) -> None:
    """Make the files part of the folder.

    Args:
        bucket: with the folder.
        files: what to send, one after the other.
        progress: told of every byte.
        journal: the file that remembers an upload, of one process at a time; without one a large
            file that was cut is sent anew.

    Raises:
        RegistryError: what the first file that failed failed of. The rest can be gone on with.
    """
    there = await bucket.list_files()
    kept = []
    for file in files:
        found = there.get(file.name)
        if found is not None and found.size == file.size and await _is_ours(bucket, file):
            kept.append(file)
    missing = [file for file in files if file not in kept]
    total = sum(file.size for file in files)
    progress.start(total=total, done=sum(file.size for file in kept))
    for file in missing:
        try:
            await _Sending(bucket, file, progress, journal).send()
        except* RegistryError as failures:
            raise first_error(failures) from failures


async def require_sent(bucket: Bucket, files: Sequence[Outgoing]) -> None:
    """Raise `BucketError` where somebody else has written to one of the files since it was sent."""
    for file in files:
        noted = (await _ask_about(bucket, file)).get(_NOTED, file.sha256)
        if noted != file.sha256:
            what = bucket.describe(bucket.key(file.name))
            raise BucketError(
                f"{what} was replaced while the folder was being filled",
                reason="changed",
                hint="give each mirror a folder of its own, and let nobody else write there",
            )


async def _is_ours(bucket: Bucket, file: Outgoing) -> bool:
    headers = await _ask_about(bucket, file)
    is_as_long = headers.get("content-length") == str(file.size)
    return is_as_long and headers.get(_NOTED) == file.sha256


async def _ask_about(bucket: Bucket, file: Outgoing) -> dict[str, str]:
    """The headers of what is under the file's name; who may not ask learns nothing of it."""
    call = Call(
        action="s3:GetObject", method="HEAD", key=bucket.key(file.name), expected=(403, 404)
    )
    return (await bucket.ask_with_headers(call))[1]


class _Sending:
    """One file on its way."""

    def __init__(
        self, bucket: Bucket, file: Outgoing, progress: Progress, journal: Path | None
    ) -> None:
        self._bucket = bucket
        self._file = file
        self._progress = progress
        self._journal = journal
        self._key = bucket.key(file.name)
        self._slots = asyncio.Semaphore(_PARALLEL)
        size = -(-file.size // MAX_PARTS)
        self._part_bytes = max(PART_BYTES, -(-size // MIB) * MIB)

    async def send(self) -> None:
        """Send it, or what is missing of it."""
        if self._file.size <= self._part_bytes:
            whole = Stretch(path=self._file.path, offset=0, size=self._file.size)
            await self._put(whole, self._file.sha256, (), headers={_NOTED: self._file.sha256})
            return
        upload, there = await self._resume()
        count = -(-self._file.size // self._part_bytes)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._send_part(upload, number, there.get(number)))
                for number in range(1, count + 1)
            ]
        await self._complete(upload, [task.result() for task in tasks])

    async def _resume(self) -> tuple[str, dict[int, Part]]:
        """The upload of this content that is under way and what it has, or a new one.

        Any other of this key is ended: the checksum that was noted with it may be another's.
        """
        found = read_begun(self._journal)
        own = found.upload if found is not None and found == self._begun(found.upload) else ""
        for upload in await self._list_uploads():
            if upload != own:
                await self._abort(upload)
        if not own:
            return await self._begin(), {}
        try:
            return own, await self._list_parts(own)
        except BucketError:
            await self._abort(own)
            return await self._begin(), {}

    async def _list_uploads(self) -> tuple[str, ...]:
        found: list[str] = []
        key, upload = "", ""
        try:
            for _ in range(_MAX_PAGES):
                after = (("key-marker", key), ("upload-id-marker", upload)) if key else ()
                query = (("uploads", ""), ("prefix", self._key), *after)
                answer = await self._bucket.ask(
                    Call(action="s3:ListBucketMultipartUploads", query=query)
                )
                own, (key, upload) = self._bucket.understand(self._parse_uploads, answer)
                found += own
                if not key:
                    break
        except BucketError:
            pass  # who may not look, or cannot, may still send
        return tuple(found)

    def _parse_uploads(self, text: bytes) -> tuple[tuple[str, ...], tuple[str, str]]:
        return parse_uploads(text, self._key)

    async def _begin(self) -> str:
        call = Call(
            action="s3:PutObject", method="POST", key=self._key, query=(("uploads", ""),),
            headers={_NOTED: self._file.sha256},
        )  # fmt: skip
        answer = await self._bucket.ask(call)
        upload = self._bucket.require(answer, "InitiateMultipartUpload", call).find("UploadId")
        # Before any part is sent: what is not known here is ended by the next try.
        write_begun(self._journal, self._begun(upload))
        return upload

    def _begun(self, upload: str) -> Begun:
        return Begun(
            upload=upload,
            target=self._bucket.describe(self._key),
            sha256=self._file.sha256,
            part_bytes=self._part_bytes,
        )

    async def _abort(self, upload: str) -> None:
        call = Call(
            action="s3:AbortMultipartUpload", method="DELETE", key=self._key,
            query=(("uploadId", upload),), expected=(403, 404),
        )  # fmt: skip
        await self._bucket.ask(call)

    async def _list_parts(self, upload: str) -> dict[int, Part]:
        found: dict[int, Part] = {}
        after = ""
        for _ in range(_MAX_PAGES):
            more = (("part-number-marker", after),) if after else ()
            query = (("uploadId", upload), *more)
            call = Call(action="s3:ListMultipartUploadParts", key=self._key, query=query)
            parts, after = self._bucket.understand(parse_parts, await self._bucket.ask(call))
            found |= {part.number: part for part in parts}
            if not after:
                break
        return found

    async def _send_part(self, upload: str, number: int, there: Part | None) -> str:
        """Send one part, unless it is there; its ETag."""
        offset = (number - 1) * self._part_bytes
        size = min(self._part_bytes, self._file.size - offset)
        stretch = Stretch(path=self._file.path, offset=offset, size=size)
        async with self._slots:
            if there is not None and await _is_same(there, stretch):
                self._progress.advance(size, item=self._file.name)
                return there.etag
            query = (("partNumber", str(number)), ("uploadId", upload))
            return await self._put(stretch, await stretch.sum("sha256"), query)

    async def _put(
        self,
        stretch: Stretch,
        sha256: str,
        query: tuple[tuple[str, str], ...],
        *,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Send a stretch until it is there; its ETag."""
        failures = 0
        while True:
            told = _Told(self._progress, self._file.name)
            call = Call(
                action="s3:PutObject", method="PUT", key=self._key, query=query,
                headers=headers or {}, body=stretch.body(sha256, told.count), is_bulk=True,
            )  # fmt: skip
            try:
                return await self._put_once(call, told)
            except Transient as error:
                told.count(0)
                failures += 1
                if failures >= FRUITLESS_TRIES:
                    raise to_unreachable(error, self._bucket.describe(self._key)) from error
                await self._bucket.web.wait(error, failures)

    async def _put_once(self, call: Call, told: "_Told") -> str:
        try:
            async with (
                asyncio.timeout(SILENCE_SECONDS) as told.guard,
                self._bucket.open(call) as response,
            ):
                return response.headers.get("ETag", "")
        except TimeoutError as error:
            raise Transient(f"the service took nothing for {SILENCE_SECONDS:.0f} s") from error

    async def _complete(self, upload: str, etags: Sequence[str]) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, start=1)
        )
        text = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        call = Call(
            action="s3:PutObject",
            method="POST",
            key=self._key,
            query=(("uploadId", upload),),
            body=Body.of(text.encode()),
            is_bulk=True,
        )

        async def attempt() -> None:
            # The service says 200 before it has put the parts together.
            self._bucket.require(await self._ask_patiently(call), "CompleteMultipartUpload", call)

        try:
            await self._bucket.insist(attempt, self._bucket.describe(self._key))
        except BucketError as error:
            # The answer to the try that put them together may have been lost.
            if error.reason != "not found" or not await _is_ours(self._bucket, self._file):
                raise

    async def _ask_patiently(self, call: Call) -> bytes:
        """The answer to one try; a slow service sends white space now and then."""
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(ASSEMBLY_SECONDS) as guard, self._bucket.open(call) as said:
                return await read_answer(
                    said, heard=lambda: guard.reschedule(now() + ASSEMBLY_SECONDS)
                )
        except TimeoutError as error:
            raise Transient(f"the service said nothing for {ASSEMBLY_SECONDS:.0f} s") from error


async def _is_same(there: Part, stretch: Stretch) -> bool:
    """Whether a part is ours: its ETag is its MD5, but where keys of Amazon's encrypt."""
    return there.size == stretch.size and there.etag.strip('"') == await stretch.sum("md5")


class _Told:
    """How much of one request's body has been told of; each step gives it more time."""

    def __init__(self, progress: Progress, item: str) -> None:
        self._progress = progress
        self._item = item
        self._at = 0
        self.guard: asyncio.Timeout | None = None

    def count(self, at: int) -> None:
        """So much of the body is handed on; 0: none of it counts."""
        self._progress.advance(at - self._at, item=self._item)
        self._at = at
        if self.guard is not None and at:
            self.guard.reschedule(asyncio.get_running_loop().time() + SILENCE_SECONDS)
