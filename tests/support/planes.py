"""A real plane in a process of its own, as a user starts it, and kubectl pointed at it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_tools


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class RunningPlane:
    """Commands against one state folder."""

    state: Path
    environment: dict[str, str]

    def kaito(self, *arguments: str, check: bool = True, **options: Any) -> Finished:
        """Run the command line."""
        return self._run([sys.executable, "-m", "kaito", *arguments], check=check, **options)

    def kubectl(self, *arguments: str, check: bool = True, **options: Any) -> Finished:
        """Run kubectl with the plane's kubeconfig."""
        return self._run(
            [str(kubernetes_tools.tool_path("kubectl")), *arguments], check=check, **options
        )

    def helm(self, *arguments: str, check: bool = True, **options: Any) -> Finished:
        """Run helm with the plane's kubeconfig."""
        return self._run(
            [str(kubernetes_tools.tool_path("helm")), *arguments], check=check, **options
        )

    def get(self, *arguments: str) -> Any:
        """What `kubectl get ... -o json` prints, decoded."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").out)

    def _run(
        self, command: list[str], *, check: bool, stdin: str = "", timeout: float = 120
    ) -> Finished:
        done = subprocess.run(
            command,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return Finished(done.returncode, done.stdout, done.stderr)


def describe_plane(state: Path, **environment: str) -> RunningPlane:
    """The commands for a state folder, whether or not a plane runs there."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KAITO_", "HF_"))}
    return RunningPlane(
        state=state,
        environment={
            **inherited,
            "KAITO_STATE_DIR": str(state),
            "KUBECONFIG": str(state / "kubeconfig"),
            # No hub: whatever the tests need is local, and nothing may leave this machine.
            "HF_ENDPOINT": "http://127.0.0.1:9",
            **environment,
        },
    )


@contextmanager
def running_plane(state: Path, **environment: str) -> Iterator[RunningPlane]:
    """Start a plane, and stop it whatever happens."""
    plane = describe_plane(state, **environment)
    plane.kaito("up", "--detach")
    try:
        yield plane
    finally:
        plane.kaito("down", check=False)
