"""Pulling an artifact of 1 GB from a registry on this machine, beside `curl` of the same bytes.

    .venv/bin/python benchmarks/pull.py [--runs 5] [--mebibytes 1024]

All write a file on the same disk, one after the other, the order changing from round to round. Ours
also computes the sha256 of every byte, which curl does not: `curl` and then `openssl dgst -sha256`
gives the same. The registry is Debian's. None waits for the disk at the end: what a power cut loses
is found by the checksum. Processor time is printed too, for it says the same on a machine that does
other things.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import _report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import docker_registry

from kaito.base.clock import SystemClock
from kaito.base.quantity import MIB
from kaito.registry.client import open_registry
from kaito.registry.content import LocalFile, pull_content, push_content
from kaito.registry.credentials import ANONYMOUS
from kaito.registry.progress import Unwatched
from kaito.registry.reference import parse_reference

_Side: TypeAlias = Callable[[Path, str, str], None]
"""Brings the artifact of a reference, or the blob of a URL, into a folder."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mebibytes", type=int, default=1024)
    options = parser.parse_args()
    _report.print_machine("kaito", "aiohttp")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with docker_registry.running_registry(root) as host:
            _compare(root, f"{host}/bench/model:1", options.runs, options.mebibytes)


def _compare(root: Path, text: str, runs: int, mebibytes: int) -> None:
    reference = parse_reference(text)
    source = root / "weights"
    with Path("/dev/urandom").open("rb") as noise, source.open("wb") as stream:
        for _ in range(mebibytes):
            stream.write(noise.read(MIB))
    asyncio.run(_push(text, source))
    source.unlink()
    digest = _only_layer(root)
    url = f"http://{reference.registry}/v2/{reference.repository}/blobs/{digest}"
    sides: tuple[_Side, ...] = (_pull, _curl, _curl_and_verify)
    found: dict[_Side, list[_Spent]] = {side: [] for side in sides}
    # One of each before it counts: the registry's file comes into memory.
    for number in range(runs + 1):
        for side in sides if number % 2 else reversed(sides):
            spent = _spend(side, root, text, url)
            if number:
                found[side].append(spent)
    size = mebibytes
    names = ("kaito pull, verified", "curl, not verified", "curl, then openssl dgst")
    for name, side in zip(names, sides, strict=True):
        _report.print_figure(name, [size / one.seconds for one in found[side]], unit="MiB/s")
        each = [one.processor_seconds * 1024 / size for one in found[side]]
        _report.print_figure("  processor time", each, unit="s/GiB")
    ours = found[_pull]
    for name, side, target in (
        ("beside curl", _curl, "at least 0.8"),
        ("beside curl and openssl", _curl_and_verify, ""),
    ):
        ratios = [other.seconds / own.seconds for own, other in zip(ours, found[side], strict=True)]
        _report.print_figure(name, ratios, unit="times", target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """What one transfer took; the registry's share is not in it."""

    seconds: float
    processor_seconds: float


def _spend(measure: _Side, root: Path, text: str, url: str) -> _Spent:
    target = root / "fetched"
    target.mkdir()
    began, used = time.perf_counter(), _processor_seconds()
    measure(target, text, url)
    spent = _Spent(
        seconds=time.perf_counter() - began, processor_seconds=_processor_seconds() - used
    )
    shutil.rmtree(target)
    return spent


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _pull(target: Path, text: str, _url: str) -> None:
    asyncio.run(_pull_into(text, target))


def _curl(target: Path, _text: str, url: str) -> None:
    subprocess.run(["curl", "-sf", "-o", str(target / "curled"), url], check=True)


def _curl_and_verify(target: Path, text: str, url: str) -> None:
    _curl(target, text, url)
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", str(target / "curled")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split()[-1] == url.rpartition(":")[2], "curl brought something else"


async def _pull_into(text: str, target: Path) -> None:
    async with open_registry(ANONYMOUS, clock=SystemClock()) as registry:
        await pull_content(registry, parse_reference(text), target, progress=Unwatched())


async def _push(text: str, source: Path) -> None:
    async with open_registry(ANONYMOUS, clock=SystemClock()) as registry:
        await push_content(
            registry,
            parse_reference(text),
            [LocalFile(name="weights", path=source)],
            artifact_type="application/vnd.kaito.benchmark",
            annotations={},
            progress=Unwatched(),
        )


def _only_layer(root: Path) -> str:
    """The largest blob that the registry keeps is the one that was pushed."""
    blobs = root.glob("store/docker/registry/v2/blobs/sha256/*/*/data")
    return f"sha256:{max(blobs, key=lambda path: path.stat().st_size).parent.name}"


if __name__ == "__main__":
    main()
