"""Fills the bucket of a ModelMirror, or looks whether one that somebody filled holds a model.

The weights are fetched, checked, sent, and then listed in the bucket: that list is what makes the
mirror complete. Whatever an earlier try has done, on the disk or in the bucket, is not done again.
One writer at a time has the folder's turn, and lists only what is there as it sent it.
"""

import asyncio
from pathlib import Path

from kaito.api.runtime import ExitCode, MirrorArguments, WeightsArguments
from kaito.api.weight_source import S3Source, parse_source
from kaito.base.clock import Clock
from kaito.base.errors import UsageError
from kaito.bucket.client import Bucket, open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.fetch import find_content
from kaito.bucket.inventory import (
    INVENTORY,
    Inventory,
    InventoryFile,
    read_inventory,
    remove_inventory,
    require_sizes,
    write_inventory,
)
from kaito.bucket.look import require_whole
from kaito.bucket.send import Outgoing, require_sent, send_files
from kaito.bucket.turn import require_turn, writing
from kaito.registry.errors import RegistryError
from kaito.runtimes.ending import Ending
from kaito.runtimes.weights.bucket import choose_files
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.fetch import fetch_weights
from kaito.runtimes.weights.manifest import WeightsRecord, read_record
from kaito.runtimes.weights.progress import Reporter


async def fill_mirror(arguments: MirrorArguments, *, clock: Clock, reporter: Reporter) -> str:
    """Do what the arguments ask for; the folder's URL. `Ending` says why it cannot be done."""
    source = parse_source(arguments.bucket)
    if not isinstance(source, S3Source):
        raise UsageError(f"{arguments.bucket!r} is no bucket", hint="write s3://BUCKET/FOLDER")
    try:
        async with open_bucket(source, clock) as bucket:
            reporter.report("look", item=source.url)
            if not arguments.source:
                await _require_model(bucket)
            elif not await _is_filled(bucket, arguments):
                async with writing(bucket, arguments.owner, clock):
                    await _fill_in_turn(bucket, arguments, clock, reporter)
    except SourceFailed as error:
        raise Ending(f"{source.url}: {error}", ExitCode.INVALID_DATA) from error
    except RegistryError as error:
        code = ExitCode.INVALID_DATA if error.kind == "damaged" else ExitCode.UNAVAILABLE
        raise Ending(str(error), code, hint=error.hint) from error
    return source.url


async def _require_model(bucket: Bucket) -> None:
    """The look at a folder that somebody else filled: names, sizes, and where tensors end."""
    listing = await bucket.list_files()
    content = await find_content(bucket, choose_files)
    if "config.json" not in listing:
        raise SourceFailed("there is no config.json; look at the folder in url")
    if not any(name.startswith(("tokenizer", "vocab", "tekken")) for name in listing):
        raise SourceFailed("there is no tokenizer")
    await require_whole(bucket, content)


async def _is_filled(bucket: Bucket, arguments: MirrorArguments) -> bool:
    """Whether an earlier try came to the end, and nothing has been taken away since."""
    listing = await bucket.list_files()
    if INVENTORY not in listing:
        return False
    try:
        inventory = await read_inventory(bucket)
        require_sizes(bucket, inventory, listing)
    except BucketError as error:
        if error.reason == "damaged":
            return False
        raise
    return inventory.source in arguments.source


async def _fill_in_turn(
    bucket: Bucket, arguments: MirrorArguments, clock: Clock, reporter: Reporter
) -> None:
    # Asked again in turn: another writer may just have come to the end.
    if not await _is_filled(bucket, arguments):
        await _require_own(bucket, arguments)
        await _fill(bucket, arguments, clock, reporter)


async def _require_own(bucket: Bucket, arguments: MirrorArguments) -> None:
    """Never write over another model: pods that read it would serve this one in its name."""
    if INVENTORY not in await bucket.list_files():
        return
    try:
        there = (await read_inventory(bucket)).source
    except BucketError as error:
        if error.reason == "damaged":
            return
        raise
    if _model_of(there) not in map(_model_of, arguments.source):
        raise SourceFailed(
            f"the folder holds {there or 'the weights of another mirror'}; give this mirror a "
            "folder of its own, or empty the folder"
        )


def _model_of(source: str) -> str:
    """A source without its revision: another one of the same model takes the place of the first."""
    return source.partition("@")[0]


async def _fill(
    bucket: Bucket, arguments: MirrorArguments, clock: Clock, reporter: Reporter
) -> None:
    wanted = WeightsArguments(key=arguments.key, root=arguments.root, source=arguments.source)
    folder = await fetch_weights(wanted, clock=clock, reporter=reporter)
    record = await asyncio.to_thread(read_record, folder)
    assert record is not None, "a complete folder has its record"
    # The fetch may have taken hours, and the turn may be lost.
    await require_turn(bucket, arguments.owner)
    await remove_inventory(bucket)
    journal, files = folder.with_name(f".{folder.name}.upload"), _outgoing(folder, record)
    await send_files(bucket, files, reporter.pushing, journal=journal)
    await require_sent(bucket, files)
    await require_turn(bucket, arguments.owner)
    inventory = Inventory(
        source=record.source,
        revision=record.revision,
        files=tuple(
            InventoryFile(name=file.name, size=file.size, sha256=file.sha256)
            for file in record.files
        ),
    )
    await write_inventory(bucket, inventory)


def _outgoing(folder: Path, record: WeightsRecord) -> tuple[Outgoing, ...]:
    return tuple(
        Outgoing(name=file.name, path=folder / file.name, size=file.size, sha256=file.sha256)
        for file in record.files
    )
