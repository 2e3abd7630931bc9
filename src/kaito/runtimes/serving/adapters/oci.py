"""An adapter in a registry: an artifact of its files, or an image that carries them under /data."""

from pathlib import Path

from kaito.api.weight_source import OciSource
from kaito.base.clock import Clock
from kaito.base.errors import UsageError
from kaito.registry.client import open_registry
from kaito.registry.content import pull_content
from kaito.registry.credentials import read_credentials
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Progress
from kaito.registry.reference import parse_reference
from kaito.runtimes.serving.adapters.bound import MOST_BYTES
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, AdapterNotFound
from kaito.runtimes.serving.adapters.peft_config import (
    CONFIG_NAME,
    TENSORS_NAME,
    require_no_pickle,
)

_DATA = "data"
"""An artifact made from a folder may keep the image's layout."""


async def fetch_oci(
    source: OciSource,
    folder: Path,
    pull_secrets: tuple[Path, ...],
    clock: Clock,
    progress: Progress,
) -> str:
    """Fill `folder`; the digest of the manifest. Goes on where an earlier try was cut off.

    Raises:
        AdapterNotFound: the registry does not answer, or does not have it, or not for us.
        AdapterInvalid: it is something else than an adapter.
    """
    try:
        reference = parse_reference(source.reference)
    except UsageError as error:
        raise AdapterInvalid(str(error), hint=error.hint) from error
    try:
        credentials = read_credentials(pull_secrets)
        async with open_registry(credentials, clock=clock) as registry:
            pulled = await pull_content(
                registry, reference, folder, progress=progress, most_bytes=MOST_BYTES
            )
    except RegistryError as error:
        if error.kind == "too large":
            raise AdapterInvalid(str(error), hint=error.hint) from error
        raise AdapterNotFound(str(error), hint=error.hint) from error
    digest: str = pulled.digest
    require_adapter(folder, source.reference)
    return digest


def require_adapter(folder: Path, reference: str) -> None:
    """Bring the files to the top of `folder`; `AdapterInvalid` where they are missing."""
    for name in (CONFIG_NAME, TENSORS_NAME):
        nested = folder / _DATA / name
        if nested.is_file() and not (folder / name).exists():
            nested.rename(folder / name)
        if not (folder / name).is_file():
            require_no_pickle(folder)
            raise AdapterInvalid(f"{reference} has no {name}, neither at its top nor under /data")
