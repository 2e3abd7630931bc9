"""How long training will take, before its first step: arithmetic over arithmetic speed. Pure.

A trained token costs about six multiplications and additions a parameter, less the two for the
gradients of weights that are frozen (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361).
"""

from typing import Final

from kaito.runtimes.tuning.facts import ModelFacts
from kaito.runtimes.tuning.machine import Machine

_OPERATIONS: Final = 8
"""Of a token and parameter: four passes' worth for frozen weights, rounded up for adapters."""
_SPEED: Final = {"cpu": 30e9, "cuda": 100e12}
"""Operations a second: of one CPU core with AVX2, and of a GPU of the last generations at the share
that training gets. An order of magnitude, until the first steps give the true figure."""


def estimate_seconds(facts: ModelFacts, *, tokens: int, machine: Machine) -> int:
    """Seconds for `tokens` over all epochs."""
    threads = int(machine.name.split()[1]) if machine.kind == "cpu" else 1
    speed = _SPEED[machine.kind] * threads * machine.ranks
    return max(round(tokens * facts.parameters * _OPERATIONS / speed), 1)
