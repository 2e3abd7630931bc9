"""The plane by itself: start-up, idle cost, and the way from `kubectl apply` to a process.

    .venv/bin/python benchmarks/plane.py [--runs 20] [--idle-seconds 60]

The engine is a do-nothing program, so every figure is the plane's own. `apply to process` runs from
before kubectl is started to the first instruction of the pod's program.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import kubernetes_tools
import planes

_TEMPLATE = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: bench-{number}}}
resource:
  instanceType: Standard_NC6s_v3
  labelSelector: {{matchLabels: {{apps: bench-{number}}}}}
inference:
  template:
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: nothing
          image: example.com/nothing:1
          command: [sh, -c, "date +%s.%N > {stamp}; exec sleep 3600"]
"""
_SETTLE_SECONDS = 15


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--idle-seconds", type=float, default=60)
    options = parser.parse_args()
    _report.print_machine("kaito", "aiohttp", "msgspec")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        starts = [_start_once(root / f"start-{number}") for number in range(5)]
        _report.print_figure("kaito up to API ready", starts, unit="s", target="under 2")
        with planes.running_plane(root / "state") as plane:
            # kubectl fills its discovery cache first, as it has on any machine where it is used.
            plane.kubectl("get", "workspaces")
            delays = [_apply_once(plane, root, number) for number in range(options.runs)]
            target = "median under 0.5"
            _report.print_figure("kubectl apply to process", delays, unit="s", target=target)
            _idle(plane, options.idle_seconds)


def _start_once(state: Path) -> float:
    """Seconds from the command to its return, which is when the API answers."""
    plane = planes.describe_plane(state)
    started = time.perf_counter()
    plane.kaito("up", "--detach")
    taken = time.perf_counter() - started
    plane.kaito("down")
    return taken


def _apply_once(plane: planes.RunningPlane, root: Path, number: int) -> float:
    stamp = root / f"stamp-{number}"
    manifest = _TEMPLATE.format(number=number, stamp=stamp)
    name = f"workspace/bench-{number}"
    applied = time.time()
    plane.kubectl("apply", "-f", "-", stdin=manifest)
    plane.kubectl("wait", name, "--for=condition=WorkspaceReady", "--timeout=60s")
    if number:
        # The first one stays: the idle figures are about a plane with one workspace.
        plane.kubectl("delete", name)
    return float(stamp.read_text()) - applied


def _idle(plane: planes.RunningPlane, seconds: float) -> None:
    """Memory of the plane, and what is written while nothing happens."""
    pid = json.loads(plane.state.joinpath("plane.lock").read_text())["pid"]
    time.sleep(_SETTLE_SECONDS)
    before = _revision(plane)
    leases = _lease_writes(plane, seconds)
    rate = (_revision(plane) - before - leases) / seconds * 60
    memory = [_report.resident_mib(pid)]
    _report.print_figure("idle: resident memory", memory, unit="MiB", target="under 120")
    _report.print_figure("idle: API writes", [rate], unit="a minute", target="0")


def _revision(plane: planes.RunningPlane) -> int:
    """The newest revision: every write is one."""
    listing = json.loads(plane.kubectl("get", "--raw", "/api/v1/nodes?limit=1").out)
    return int(listing["metadata"]["resourceVersion"])


def _lease_writes(plane: planes.RunningPlane, seconds: float) -> int:
    """Wait, and count the Leases renewed meanwhile: each shows as one line."""
    command = ["timeout", str(seconds), str(kubernetes_tools.tool_path("kubectl"))]
    command += ["get", "leases", "-A", "--watch-only", "--no-headers"]
    done = subprocess.run(command, env=plane.environment, stdout=subprocess.PIPE, check=False)
    return done.stdout.count(b"\n")


if __name__ == "__main__":
    main()
