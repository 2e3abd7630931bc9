"""What /proc tells about processes. Imports nothing that loads slowly: the shim uses it too."""

import os

_CHUNK = 65536


def descendants(root: int) -> list[int]:
    """Every process below `root`, as /proc shows it now."""
    children: dict[int, list[int]] = {}
    with os.scandir("/proc") as entries:
        for name in (entry.name for entry in entries if entry.name.isdigit()):
            if fields := _stat(name):
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def birth(pid: int) -> str:
    """When a process started, in ticks since boot: tells it from a later one of its number."""
    fields = _stat(str(pid))
    return fields[19].decode() if fields else "0"


def state(pid: int) -> str:
    """One letter (`R`, `S`, `Z` for ended but not waited for, ...); empty when it is gone."""
    fields = _stat(str(pid))
    return fields[0].decode() if fields else ""


def boot_id() -> str:
    """Changes with every start of the machine."""
    return read("/proc/sys/kernel/random/boot_id").decode().strip()


def oom_kills() -> int:
    """How many processes the kernel has killed for memory since the machine started."""
    lines = read("/proc/vmstat").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(b"oom_kill ")), 0)


def read(path: str) -> bytes:
    """A whole file of /proc; `OSError` when the process is gone."""
    fd = os.open(path, os.O_RDONLY)
    try:
        pieces = []
        while piece := os.read(fd, _CHUNK):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def _stat(pid: str) -> list[bytes]:
    """Fields 3 and on of /proc/PID/stat: state, ppid, ...; empty when the process is gone."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return []


def find_marked(name: str, prefix: str) -> list[tuple[int, str, set[str]]]:
    """Processes that were started with `name` in their environment, its value beginning `prefix`.

    Gives each one's number, the rest of the value, and the names of all its variables. Processes
    of other users cannot be read, and are none of ours.
    """
    wanted = f"{name}={prefix}".encode()
    found: list[tuple[int, str, set[str]]] = []
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for pid in pids:
        try:
            environment = read(f"/proc/{pid}/environ").split(b"\0")
        except OSError:
            continue
        for entry in environment:
            if entry.startswith(wanted):
                names = {other.partition(b"=")[0].decode() for other in environment}
                found.append((pid, entry[len(wanted) :].decode(), names))
    return found
