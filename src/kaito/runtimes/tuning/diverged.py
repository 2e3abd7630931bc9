"""Training that has gone astray for good: weights that are no numbers any more.

The losses do not tell: transformers leaves out those that are no numbers when it takes the mean
(`logging_nan_inf_filter`), and the adapter would be pushed. So weights are looked at before each
checkpoint counts, and before the result is kept.
"""

from collections.abc import Iterable
from typing import Any

from kaito.runtimes.tuning.errors import SettingRefused


def refuse_diverged(parameters: Iterable[Any]) -> None:
    """Look at all that is trained; of weights that ranks share, at this one's part.

    Raises:
        SettingRefused: some of it is infinite, or no number.
    """
    import torch

    for parameter in parameters:
        if not parameter.requires_grad:
            continue
        own = parameter.to_local() if hasattr(parameter, "to_local") else parameter
        if not bool(torch.isfinite(own.detach()).all()):
            raise SettingRefused(
                "training has diverged: weights are no numbers any more",
                hint="set a smaller TrainingArguments.learning_rate, or a max_grad_norm of 1",
            )
