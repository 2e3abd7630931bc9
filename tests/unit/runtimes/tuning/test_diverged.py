"""Weights that are no numbers end the job instead of being pushed."""

import pytest
import torch

from kaito.runtimes.tuning.diverged import refuse_diverged
from kaito.runtimes.tuning.errors import SettingRefused


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_weight_that_is_no_number_is_enough(value: float) -> None:
    good, bad = (torch.nn.Parameter(torch.zeros(3)) for _ in range(2))
    refuse_diverged([good, bad])
    bad.data[1] = value

    with pytest.raises(SettingRefused) as refusal:
        refuse_diverged([good, bad])

    assert refusal.value.line == (
        "training has diverged: weights are no numbers any more; set a smaller "
        "TrainingArguments.learning_rate, or a max_grad_norm of 1"
    )


def test_what_is_not_trained_is_not_looked_at() -> None:
    frozen = torch.nn.Parameter(torch.full((2,), float("inf")), requires_grad=False)
    refuse_diverged([frozen])
