"""Weights from a folder of a bucket: a mirror's, or one that somebody else filled."""

from collections.abc import Sequence
from pathlib import Path

from kaito.api.weight_source import S3Source
from kaito.base.clock import Clock
from kaito.bucket.answers import StoredObject
from kaito.bucket.client import open_bucket
from kaito.bucket.fetch import fetch_content, find_content
from kaito.registry.errors import RegistryError
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.hub import Entry, select_entries
from kaito.runtimes.weights.manifest import Arrived
from kaito.runtimes.weights.progress import Reporter


async def fetch_bucket(
    source: S3Source,
    folder: Path,
    *,
    clock: Clock,
    reporter: Reporter,
    allow_pickle: bool = False,
) -> Arrived:
    """Bring the model's files into `folder`; their revision is that of what filled the bucket."""

    def choose(found: Sequence[StoredObject]) -> Sequence[StoredObject]:
        return choose_files(found, allow_pickle=allow_pickle)

    try:
        async with open_bucket(source, clock) as bucket:
            content = await find_content(bucket, choose)
            await fetch_content(bucket, content, folder, reporter.downloading)
    except RegistryError as error:
        raise SourceFailed(f"{error}, {error.hint}" if error.hint else str(error)) from error
    return Arrived(revision=content.revision, sums=content.sums)


def choose_files(
    found: Sequence[StoredObject], *, allow_pickle: bool = False
) -> Sequence[StoredObject]:
    """The files that a server loads, by the rules for a hub's repositories."""
    entries = tuple(Entry(type="file", path=one.key, size=one.size) for one in found)
    names = {entry.path for entry in select_entries(entries, allow_pickle=allow_pickle)}
    return [one for one in found if one.key in names]
