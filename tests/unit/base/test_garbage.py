"""How often everything that a process keeps is looked over."""

import gc
from collections.abc import Iterator

import pytest

from kaito.base.garbage import collect_seldom

PYTHONS_OWN = (700, 10, 10)
KEPT = 200_000


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    gc.freeze()  # what other tests left is not to count: Python goes by shares of what there is
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def _looks_at_everything() -> int:
    """While many objects are made that all stay."""
    seen = 0

    def count(phase: str, info: dict[str, int]) -> None:
        nonlocal seen
        seen += phase == "start" and info["generation"] == 2

    gc.collect()
    gc.callbacks.append(count)
    kept = [[number] for number in range(KEPT)]
    gc.callbacks.remove(count)
    return seen if len(kept) == KEPT else -1


def test_what_is_kept_is_not_looked_over_while_it_grows() -> None:
    gc.set_threshold(*PYTHONS_OWN)
    assert _looks_at_everything() > 0
    collect_seldom()
    assert _looks_at_everything() == 0


def test_cycles_are_still_freed() -> None:
    collect_seldom()
    before = len(gc.get_objects(generation=0))
    for _ in range(50_000):
        cycle: list[object] = []
        cycle.append(cycle)
    assert len(gc.get_objects(generation=0)) - before < 20_000
