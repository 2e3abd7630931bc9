"""In which order samples are trained on: shuffled by seed and epoch, with like lengths together.

Batches of like lengths waste no work on padding. The order is a function of (seed, epoch) alone, so
that a resumed job sees what an undisturbed one would have seen. Pure.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final

_POOL_BATCHES: Final = 50
"""Batches that are sorted by length together: enough to save padding, too few to order an epoch."""


class EpochOrder:
    """The indices of every epoch; what torch calls a sampler."""

    def __init__(
        self, lengths: Sequence[int], *, batch: int, seed: int, shuffles: bool = True
    ) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._shuffles = shuffles
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is next; called by the data loader."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        if not self._shuffles:
            return iter(range(len(self._lengths)))
        return iter(
            order_epoch(self._lengths, batch=self._batch, seed=f"{self._seed}:{self._epoch}")
        )


def order_epoch(lengths: Sequence[int], *, batch: int, seed: str) -> list[int]:
    """Every index once; the longest batch first, so that memory proves too small at once."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    indices = list(range(len(lengths)))
    chance.shuffle(indices)
    pool = batch * _POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(indices), pool):
        near = sorted(indices[start : start + pool], key=lambda index: -lengths[index])
        batches.extend(near[at : at + batch] for at in range(0, len(near), batch))
    # The one batch that is not full ends the epoch: data loaders cut batches by counting.
    rest = [one for one in batches if len(one) < batch]
    full = [one for one in batches if len(one) == batch]
    chance.shuffle(full)
    if full:
        heaviest = max(range(len(full)), key=lambda at: lengths[full[at][0]])
        full.insert(0, full.pop(heaviest))
    return [index for one in (*full, *rest) for index in one]
