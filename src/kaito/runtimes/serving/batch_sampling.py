"""Each request's top_k and top_p in a batch without sorting the whole vocabulary.

transformers' own processors sort every row of scores twice a token, wanted or not: some 15 ms each
on a CPU where a batch of eight chooses among 50,000 tokens. Here a row that wants all tokens is
left alone, and of the others only the best are put in order, unless one wants more than `_NARROW`.

On a GPU transformers' own stay: there a step is a captured graph, which must not ask how many.
"""

from typing import Any, Final

import torch
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingTopKLogitsWarper,
    ContinuousBatchingTopPLogitsWarper,
)

_NARROW: Final = 1024
"""Tokens up to which finding the best is much less work than sorting all."""


def narrow(batch: Any) -> None:
    """Let a continuous batching manager, not started yet, sample so."""
    processors = batch.logit_processor.logits_processor
    for number, one in enumerate(processors):
        if type(one) is ContinuousBatchingTopKLogitsWarper:
            processors[number] = NarrowTopK(one)
        elif type(one) is ContinuousBatchingTopPLogitsWarper:
            processors[number] = NarrowTopP(one)


class NarrowTopK(ContinuousBatchingTopKLogitsWarper):  # type: ignore[misc]
    """Keeps each row's `top_k` best scores, and what equals the last of them."""

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:
        """`scores` of shape (requests, vocabulary); `tensor_arg` begins with each row's top_k."""
        if scores.device.type != "cpu":
            return super().__call__(scores, tensor_arg)
        top_k = tensor_arg[: scores.size(0)].long()
        is_bounded = top_k < scores.size(1)
        most = int(top_k[is_bounded].max()) if is_bounded.any() else 0
        if most > _NARROW:
            return super().__call__(scores, tensor_arg)
        if not most:
            return scores
        best = scores.topk(most, dim=-1).values
        last = best.gather(-1, (top_k - 1).clamp(max=most - 1).unsqueeze(-1))
        dropped = (scores < last) & is_bounded.unsqueeze(-1)
        return scores.masked_fill(dropped, self.filter_value)


class NarrowTopP(ContinuousBatchingTopPLogitsWarper):  # type: ignore[misc]
    """Keeps each row's best scores until their probabilities are `top_p` together; at least one."""

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:
        """`scores` of shape (requests, vocabulary); top_p's bits begin `tensor_arg`."""
        if scores.device.type != "cpu":
            return super().__call__(scores, tensor_arg)
        top_p = tensor_arg[: scores.size(0)].view(torch.float32)
        rows = (top_p < 1).nonzero().squeeze(-1)
        if not len(rows):
            return scores
        asked = scores[rows]
        most = int((asked > self.filter_value).sum(-1).max())
        if most > _NARROW:
            found = super().__call__(asked, tensor_arg[rows])
        else:
            found = self._narrow(asked, top_p[rows].unsqueeze(-1), max(most, 1))
        return scores.index_copy(0, rows, found)

    def _narrow(self, scores: torch.Tensor, top_p: torch.Tensor, most: int) -> torch.Tensor:
        best, places = scores.topk(most, dim=-1)
        probabilities = best.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        is_dropped = before >= top_p
        is_dropped[..., : self.min_tokens_to_keep] = False
        kept = best.masked_fill(is_dropped, self.filter_value)
        return torch.full_like(scores, self.filter_value).scatter(-1, places, kept)
