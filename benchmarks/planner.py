"""How long planning takes: every model of the catalogue on every instance type, and one plan.

    python benchmarks/planner.py [ROUNDS]

What is cached inside the process is part of it: the first round is printed on its own, the rounds
after it as a median with their spread.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

from _report import print_figure, print_machine
from kaito.catalog.instances import INSTANCE_TYPES, find_instance_type
from kaito.catalog.lookup import PRESETS, find_preset
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.plan import PlanRequest
from kaito.planner.search import rank_instances


def plan_all() -> int:
    """The number of models and types that fit together."""
    found = 0
    for preset in PRESETS:
        assert preset.facts is not None
        found += len(rank_instances(PlanRequest(preset=preset, facts=preset.facts)))
    return found


def plan_one(model: str, instance: str) -> None:
    """One model on one type; a refusal searches all types for those that would do."""
    preset = find_preset(model)
    assert preset is not None
    assert preset.facts is not None
    machine = find_instance_type(instance)
    plan_on_gpus(PlanRequest(preset=preset, facts=preset.facts, instance=machine))


def seconds(work: Callable[[], object]) -> float:
    """How long it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Print the figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print_machine("kaito")
    first = seconds(plan_all)
    print(f"{len(PRESETS)} models on {len(INSTANCE_TYPES)} types: {plan_all()} fit")
    print_figure("all models on all types, first", [first], unit="s", target="1")
    again = [seconds(plan_all) for _ in range(rounds)]
    print_figure("all models on all types", again, unit="s", target="1")
    for name, model, instance in (
        ("one plan", "phi-4-mini-instruct", "Standard_NC24ads_A100_v4"),
        ("one refusal, with what would do", "deepseek-r1-0528", "Standard_NV36ads_A10_v5"),
    ):
        times = [1000 * seconds(partial(plan_one, model, instance)) for _ in range(50)]
        print_figure(name, times, unit="ms")


if __name__ == "__main__":
    main()
