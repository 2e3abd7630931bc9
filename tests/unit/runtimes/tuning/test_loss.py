"""The loss over a frozen output layer is torch's own, and so is its gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.runtimes.tuning.loss import IGNORED, frozen_head_loss


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    batch=st.integers(1, 3),
    length=st.integers(2, 200),
    share=st.floats(0, 1),
)
def test_value_gradient_and_hits_are_those_of_cross_entropy(
    seed: int, batch: int, length: int, share: float
) -> None:
    torch.manual_seed(seed)
    hidden = torch.randn(batch, length, 16, requires_grad=True)
    weight = torch.randn(40, 16)
    labels = torch.randint(0, 40, (batch, length))
    labels[torch.rand(batch, length) < share] = IGNORED

    loss, right = frozen_head_loss(hidden, weight, labels)
    (ours,) = torch.autograd.grad(loss / 7, hidden)
    logits = hidden[:, :-1] @ weight.T
    flat, targets = logits.reshape(-1, 40), labels[:, 1:].reshape(-1)
    cross_entropy = torch.nn.CrossEntropyLoss(ignore_index=IGNORED, reduction="sum")
    measure = cross_entropy(flat, targets)
    (theirs,) = torch.autograd.grad(measure / 7, hidden)

    assert loss.item() == pytest.approx(measure.item(), rel=1e-4, abs=1e-4)
    assert torch.allclose(ours, theirs, atol=1e-5)
    kept = targets != IGNORED
    assert int(right) == int((flat.argmax(1) == targets)[kept].sum())
