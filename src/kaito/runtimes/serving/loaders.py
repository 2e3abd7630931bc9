"""What vLLM's ways to load weights need beyond vLLM: told before the engine starts.

Asked of package metadata and device files: the engine itself finds out after its imports, in
another process, and in words about a placeholder. Formats are those of vLLM 0.32's `LoadFormats`.
"""

from importlib import metadata
from typing import Final

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.device import Device

_PACKAGES: Final = {
    "runai_streamer": "runai-model-streamer",
    "runai_streamer_sharded": "runai-model-streamer",
    "tensorizer": "tensorizer",
    "fastsafetensors": "fastsafetensors",
    "instanttensor": "instanttensor",
    "modelexpress": "modelexpress",
}
_OF_GPUS: Final = frozenset({"fastsafetensors", "instanttensor", "ipc_cache"})
_HINT: Final = "leave load-format out for safetensors as they are"


def require_loader(load_format: str, device: Device) -> None:
    """Raise `Ending` where that load format cannot work here; others are the engine's to judge."""
    if load_format in _OF_GPUS and device == "cpu":
        raise Ending(f"load-format {load_format} needs a GPU", ExitCode.CONFIG, hint=_HINT)
    package = _PACKAGES.get(load_format)
    if package is None:
        return
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise Ending(
            f"load-format {load_format} needs the Python package {package}, which this image lacks",
            ExitCode.CONFIG,
            hint=f"add it to the image, or {_HINT}",
        ) from error
