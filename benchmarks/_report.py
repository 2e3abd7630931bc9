"""What every benchmark prints: the machine, the versions, and each figure's median and spread."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def print_machine(*packages: str) -> None:
    """Two lines: what this ran on, and which versions of `packages` ran."""
    print(
        f"machine: {_cpu()}, {os.cpu_count()} CPUs, {_memory()}, {platform.system()} "
        f"{platform.release()}"
    )
    found = ", ".join(f"{name} {_version(name)}" for name in packages)
    print(f"versions: Python {platform.python_version()}, {found}")


def print_figure(name: str, values: Sequence[float], *, unit: str, target: str = "") -> None:
    """One line: the median of several runs, their spread, and what was aimed at."""
    middle, low, high = statistics.median(values), min(values), max(values)
    aim = f"  target {target}" if target else ""
    print(f"{name:<44} {middle:>10.4g} {unit:<10} [{low:.4g} .. {high:.4g}, n={len(values)}]{aim}")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def resident_mib(pid: int) -> float:
    """A process's resident memory in MiB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / 2**30:.0f} GiB"
