"""A model over two pods with the real Ray and the real engine; each pod is a PID namespace.

The kubelet restarts a container that has ended; here the test does, and nothing else is helped.
"""

import asyncio
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from ray_on_cpus import install_platform
from serving_engines import KEY, put_real_model
from tiny_models import make_tiny_phi3

from kaito.api.runtime import (
    ENV_POD_IP,
    ENV_POD_NAME,
    ENV_RAY_IP,
    ENV_TERMINATION_LOG,
    ExitCode,
    ServingArguments,
    model_folder,
)

pytestmark = [
    pytest.mark.extended,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="a pod's processes need bubblewrap"),
]

ADDRESSES = ("127.77.0.1", "127.77.0.2")
BEGIN_SECONDS = 240
END_SECONDS = 150


@dataclass
class Pod:
    """One of two pods of the same model."""

    index: int
    folder: Path
    model: Path
    process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def message(self) -> str:
        path = self.folder / "message"
        return path.read_text() if path.exists() else ""

    async def start(self) -> None:
        """Its container, again and again: everything in it dies with the first process."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        arguments = ServingArguments(
            model=str(self.model),
            served_model_name=("phi",),
            kv_cache_bytes=64 << 20,
            tensor_parallel_size=2,
            distributed_executor_backend="ray",
            nodes=2,
            leader=ADDRESSES[0],
            join_seconds=120,
        )
        # A PID namespace ends as a whole when its first process does, as a container's.
        command = ("bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid")
        serving = (sys.executable, "-m", "kaito.runtimes.serving", *arguments.to_argv())
        with (self.folder / "log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(*command, "--die-with-parent", *serving),
                env=self._environment(),
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        assert self.process is not None
        async with asyncio.timeout(END_SECONDS):
            return await self.process.wait()

    def _environment(self) -> dict[str, str]:
        address = ADDRESSES[self.index]
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {
            **os.environ,
            "PATH": programs,
            "PYTHONPATH": str(self.folder.parent / "platform"),
            "RAY_OVERRIDE_RESOURCES": '{"GPU": 1}',
            "RAY_TMPDIR": str(self.folder),
            ENV_POD_NAME: f"w-{self.index}",
            ENV_POD_IP: address,
            ENV_RAY_IP: address,
            ENV_TERMINATION_LOG: str(self.folder / "message"),
        }


@asynccontextmanager
async def two_pods(tmp_path: Path) -> AsyncIterator[tuple[Pod, Pod]]:
    install_platform(tmp_path / "platform")
    await asyncio.to_thread(put_real_model, tmp_path)
    tokenizer = Path(model_folder(str(tmp_path), KEY))
    model = make_tiny_phi3(tmp_path / "phi", tokenizer=tokenizer)
    # Ray's sockets lie below its folder, and the kernel bounds their names to 107 bytes.
    short = Path("/tmp") / f"kray{os.getpid()}"
    short.mkdir()
    (short / "platform").symlink_to(tmp_path / "platform")
    leader, worker = (Pod(index, short / str(index), model) for index in (0, 1))
    try:
        yield leader, worker
    finally:
        await leader.kill()
        await worker.kill()
        shutil.rmtree(short, ignore_errors=True)


async def test_a_model_over_two_pods_answers_and_heals_when_either_pod_is_lost(
    tmp_path: Path,
) -> None:
    async with two_pods(tmp_path) as (leader, worker):
        await leader.start()
        await worker.start()
        await answers(leader, worker)
        await worker.kill()
        assert await leader.ended() == ExitCode.SOFTWARE
        gone = "the engine died: a pod of the group is gone, 1 of 2 GPUs are left ("
        assert leader.message.startswith(gone)
        await worker.start()
        await leader.start()
        await answers(leader, worker)
        await leader.kill()
        assert await worker.ended() == ExitCode.PEERS
        assert worker.message == f"Ray of the leader {ADDRESSES[0]} has ended"


async def answers(leader: Pod, worker: Pod) -> None:
    """Returns when a completion has come over both pods."""
    body = msgspec.json.encode({"model": "phi", "prompt": "Hello", "max_tokens": 4})
    async with asyncio.timeout(BEGIN_SECONDS):
        while True:
            try:
                said = await asyncio.to_thread(ask, body)
            except OSError:
                for pod in (leader, worker):
                    assert pod.process is not None
                    assert pod.process.returncode is None, pod.message
                await asyncio.sleep(0.5)
                continue
            assert msgspec.json.decode(said)["usage"]["completion_tokens"] == 4
            return


def ask(body: bytes) -> bytes:
    url = f"http://{ADDRESSES[0]}:5000/v1/completions"
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        found: bytes = response.read()
        return found
