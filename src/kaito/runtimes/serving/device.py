"""What the engine will compute on, from device files and metadata: torch is slow to import."""

from importlib import metadata
from pathlib import Path
from typing import Literal

Device = Literal["cpu", "gpu"]

_GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def observe_device() -> Device:
    """`cpu` where torch is a CPU build or no accelerator is visible."""
    try:
        is_cpu_build = metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        is_cpu_build = True
    is_visible = any(Path(file).exists() for file in _GPU_FILES)
    return "gpu" if is_visible and not is_cpu_build else "cpu"
