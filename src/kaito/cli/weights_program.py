"""Asks the weights program, which runs in a process of its own, to take a folder as a model's."""

import subprocess
import sys

from kaito.api.runtime import ImportArguments
from kaito.base.errors import KaitoError


def import_weights(wanted: ImportArguments) -> str:
    """Import a folder; where the weights are then. `KaitoError` carries the program's words."""
    command = [sys.executable, "-P", "-m", "kaito.runtimes.weights", "import", *wanted.to_argv()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode == 0:
        return done.stdout.strip()
    said = [line for line in done.stderr.splitlines() if line.strip()]
    message, _, hint = (said[-1] if said else "the import ended without a word").partition("; ")
    raise KaitoError(f"importing {wanted.key}: {message}", hint=hint)
