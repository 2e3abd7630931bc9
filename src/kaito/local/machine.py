"""What this machine has, read from the operating system."""

import os
import socket
from pathlib import Path

from kaito.planner.machine import Machine

_MEMINFO = Path("/proc/meminfo")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def observe_machine() -> Machine:
    """This machine: its host name, the CPUs we may use, and the memory we may use."""
    name = socket.gethostname().split(".")[0].lower() or "localhost"
    return Machine(name=name, cpus=len(os.sched_getaffinity(0)), memory_bytes=_memory_bytes())


def _memory_bytes() -> int:
    """Physical memory, or the limit of our control group where that is less."""
    total = next(
        int(line.split()[1]) * 1024
        for line in _MEMINFO.read_text().splitlines()
        if line.startswith("MemTotal:")
    )
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.exists() else "max"
    return min(total, int(limit)) if limit.isdigit() else total
