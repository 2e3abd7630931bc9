"""Narrow sampling keeps what transformers' own keeps, whatever each request of a batch asks for."""

import pytest
import torch
from transformers import TopKLogitsWarper, TopPLogitsWarper
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingTopKLogitsWarper,
    ContinuousBatchingTopPLogitsWarper,
)

from kaito.runtimes.serving.batch_sampling import NarrowTopK, NarrowTopP

VOCABULARY = 5_000
TOP_K = ContinuousBatchingTopKLogitsWarper(TopKLogitsWarper(top_k=50))
TOP_P = ContinuousBatchingTopPLogitsWarper(TopPLogitsWarper(top_p=0.9))


def scores(rows: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3


def as_bits(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).view(torch.int32)


@pytest.mark.parametrize(
    "top_k",
    [[1], [1, 50, VOCABULARY], [VOCABULARY, VOCABULARY], [1024, 3], [1025, 3], [4_999, VOCABULARY]],
)
def test_top_k_keeps_the_same_tokens(top_k: list[int]) -> None:
    given, asked = scores(len(top_k)), torch.tensor([*top_k, 0, 0], dtype=torch.int32)
    assert torch.equal(NarrowTopK(TOP_K)(given, asked), TOP_K(given, asked))


def test_top_k_keeps_tokens_that_are_equally_likely() -> None:
    given = torch.zeros(1, VOCABULARY)
    given[0, [7, 9]] = 5.0
    kept = NarrowTopK(TOP_K)(given, torch.tensor([1], dtype=torch.int32))
    assert kept.isfinite().nonzero()[:, 1].tolist() == [7, 9]


@pytest.mark.parametrize("top_k", [1, 50, 1024, VOCABULARY])
@pytest.mark.parametrize("top_p", [[0.5], [0.9, 1.0, 0.01], [1.0, 1.0], [0.0, 0.999]])
def test_top_p_keeps_the_same_tokens(top_p: list[float], top_k: int) -> None:
    rows = len(top_p)
    narrowed = TOP_K(scores(rows, seed=1), torch.full((rows,), top_k, dtype=torch.int32))
    asked = as_bits([*top_p, 7.0])
    ours, theirs = NarrowTopP(TOP_P)(narrowed, asked), TOP_P(narrowed, asked)
    # Sums of thousands of small numbers differ in their last bits, and so may the last token kept.
    assert (ours.isfinite() != theirs.isfinite()).sum() <= 1
    both = ours.isfinite() & theirs.isfinite()
    assert torch.equal(ours[both], theirs[both])


def test_of_equally_likely_tokens_top_p_of_nothing_keeps_one() -> None:
    given = torch.full((1, VOCABULARY), -torch.inf)
    given[0, [7, 9]] = 5.0
    assert NarrowTopP(TOP_P)(given, as_bits([0.0])).isfinite().sum() == 1
