"""`kaito plan` from a cold start, beside an interpreter that does nothing; then planning alone.

    .venv/bin/python benchmarks/plan_cold.py [--runs 20]

Each command is a process of its own, in turn, so that a machine whose speed drifts does so for all.
The last figure is one process that plans every model of the catalogue on every instance type.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import _report
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.lookup import PRESETS
from kaito.planner.plan import PlanRequest
from kaito.planner.search import rank_instances

_ROOT = Path(__file__).resolve().parents[1]
_KAITO = (sys.executable, "-m", "kaito")
_COMMANDS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "kaito plan MODEL --instance-type T": (
        *_KAITO, "plan", "phi-4", "--instance-type", "Standard_NC24ads_A100_v4",
    ),
    "kaito plan MODEL, all types searched": (*_KAITO, "plan", "llama-3.3-70b-instruct"),
    "kaito plan -f workspace.yaml": (
        *_KAITO, "plan", "-f", str(_ROOT / "examples" / "02-phi-3" / "workspace.yaml"),
    ),
}  # fmt: skip
_TARGETS = {"kaito plan MODEL --instance-type T": "under 0.4"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    _report.print_machine("kaito", "msgspec", "PyYAML")
    # Once unmeasured: compiles the modules and fills the file cache, as on any machine in use.
    taken: dict[str, list[float]] = {name: [] for name in _COMMANDS if _seconds(name)}
    for _ in range(options.runs):
        for name, values in taken.items():
            values.append(_seconds(name))
    for name, values in taken.items():
        _report.print_figure(name, values, unit="s", target=_TARGETS.get(name, ""))
    whole = [_plan_everything() for _ in range(5)]
    pairs = f"{len(PRESETS)} models on {len(INSTANCE_TYPES)} types"
    _report.print_figure(pairs, whole, unit="s", target="under 1")


def _seconds(name: str) -> float:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    started = time.perf_counter()
    subprocess.run(_COMMANDS[name], env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _plan_everything() -> float:
    started = time.perf_counter()
    for preset in PRESETS:
        assert preset.facts is not None
        rank_instances(PlanRequest(preset=preset, facts=preset.facts))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
