"""A plane killed at random moments loses nothing that was acknowledged and leaves no process."""

import json
import os
import random
import signal
import threading
from pathlib import Path

import pytest
from planes import RunningPlane, running_plane

from kaito.local.node.process import MARK, mark_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_KILLS = 6
_MANIFEST = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: {name}}}
resource: {{instanceType: Standard_NC6s_v3, labelSelector: {{matchLabels: {{apps: {name}}}}}}}
inference:
  template:
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: idle, image: example.com/idle:1, command: [sleep, "3600"]}}]
"""


def _programs(plane: RunningPlane) -> int:
    """How many of the pods' own programs run."""
    mark = f"{MARK}={mark_of(plane.state)}".encode()
    found = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found += (entry / "cmdline").read_bytes().startswith(b"sleep\0")
        except OSError:
            continue
    return found


def _kill_after(plane: RunningPlane, seconds: float) -> threading.Timer:
    pid = json.loads((plane.state / "plane.lock").read_text())["pid"]
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    timer.start()
    return timer


def test_what_was_acknowledged_survives_and_nothing_is_left_over(tmp_path: Path) -> None:
    moments = random.Random(20261122)
    with running_plane(tmp_path / "state") as plane:
        kept: set[str] = set()
        for number in range(_KILLS):
            killer = _kill_after(plane, moments.uniform(0.0, 1.0))
            name = f"killed-{number}"
            manifest = _MANIFEST.format(name=name)
            if plane.kubectl("apply", "-f", "-", stdin=manifest, check=False).code == 0:
                kept.add(name)
            killer.join()
            plane.kaito("up", "--detach")
            there = {item["metadata"]["name"] for item in plane.get("workspaces")["items"]}
            assert kept <= there
        for name in there:
            ready = f"workspace/{name}"
            plane.kubectl("wait", ready, "--for=condition=WorkspaceReady", "--timeout=90s")
        assert _programs(plane) == len(plane.get("pods")["items"]) == len(there)
        plane.kubectl("delete", "workspaces", "--all")
        plane.kubectl("wait", "nodeclaims", "--all", "--for=delete", "--timeout=60s")
        assert _programs(plane) == 0
