"""Weights from a registry: an artifact's files, or those that an image has in a usual place."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kaito.api.weight_source import OciSource
from kaito.base.clock import Clock
from kaito.base.errors import UsageError
from kaito.registry.client import open_registry
from kaito.registry.content import pull_content
from kaito.registry.credentials import read_credentials
from kaito.registry.errors import RegistryError
from kaito.registry.reference import parse_reference
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.manifest import Arrived
from kaito.runtimes.weights.progress import Reporter


async def fetch_oci(
    source: OciSource,
    folder: Path,
    *,
    pull_secrets: Sequence[str],
    clock: Clock,
    reporter: Reporter,
) -> Arrived:
    """Bring the model's files into `folder`; their revision is the manifest's digest."""
    try:
        reference = parse_reference(source.reference)
        credentials = await asyncio.to_thread(read_credentials, [Path(p) for p in pull_secrets])
        async with open_registry(credentials, clock=clock) as registry:
            pulled = await pull_content(registry, reference, folder, progress=reporter.downloading)
    except UsageError as error:
        raise SourceFailed(_line(error)) from error
    except RegistryError as error:
        # The caller names the source before the reason.
        line = _line(error).removeprefix(f"{reference}: ")
        raise SourceFailed(line) from error
    return Arrived(revision=pulled.digest, sums=pulled.sums)


def _line(error: RegistryError | UsageError) -> str:
    return f"{error}, {error.hint}" if error.hint else str(error)
