"""The plane by itself: start-up, idle cost, and the way from `kubectl apply` to a process.

    .venv/bin/python benchmarks/plane.py [--runs 20] [--idle-seconds 60]

The engine is a do-nothing program, so every figure is the plane's own. `apply to process` runs from
before kubectl is started to the first instruction of the pod's program.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import _report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
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
    before = _writes(plane)
    time.sleep(seconds)
    rate = (_writes(plane) - before) / seconds * 60
    memory = [_report.resident_mib(pid)]
    _report.print_figure("idle: resident memory", memory, unit="MiB", target="under 120")
    _report.print_figure("idle: API writes", [rate], unit="a minute", target="0")


def _writes(plane: planes.RunningPlane) -> int:
    """Revisions ever written, Leases aside; read from the store beside the running plane."""
    uri = f"file:{plane.state}/data/plane.db?mode=ro"
    with sqlite3.connect(uri, uri=True) as database:
        query = "SELECT count(*) FROM revisions WHERE resource NOT LIKE 'leases%'"
        (count,) = database.execute(query).fetchone()
    return int(count)


if __name__ == "__main__":
    main()
