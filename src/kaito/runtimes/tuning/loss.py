"""The loss over a frozen output layer, of the learned tokens alone.

The output layer is the largest of a small model. Where it is not trained, only the positions that
are learned need it, and its gradient can be had while the logits of a few of them are at hand: what
would be kept or computed again for the backward pass is neither. TRL does the same with a kernel on
GPUs; on CPUs it scores every position, padding too.
"""

from typing import Any, Final

IGNORED: Final = -100
_AT_ONCE: Final = 256
"""Positions whose logits exist at one time."""
_SCALED: Final = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "output_multiplier",
    "lm_head_multiplier",
)


def has_plain_frozen_head(model: Any) -> bool:
    """Whether logits are the last hidden states times a matrix that is not trained."""
    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    scaled = any(getattr(config, name, None) not in (None, 1, 1.0) for name in _SCALED)
    return (
        not scaled
        and not getattr(config, "output_router_logits", False)
        and getattr(head, "bias", None) is None
        and not head.weight.requires_grad
    )


def frozen_head_loss(hidden: Any, weight: Any, labels: Any) -> tuple[Any, Any]:
    """Sum of the tokens' losses (with its gradient), and how many of them were right.

    Args:
        hidden: (batch, length, width), the last hidden states.
        weight: (vocabulary, width).
        labels: (batch, length); `IGNORED` where nothing is learned.
    """
    import torch

    targets = labels[:, 1:]
    mask = targets != IGNORED
    states, wanted = hidden[:, :-1][mask], targets[mask]
    total = torch.zeros((), dtype=torch.float32, device=hidden.device)
    right = torch.zeros((), dtype=torch.long, device=hidden.device)
    gradient = torch.empty_like(states, dtype=weight.dtype)
    with torch.no_grad():
        for start in range(0, len(wanted), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            goal = wanted[part].unsqueeze(1)
            logits = (states[part].to(weight.dtype) @ weight.T).float()
            right += (logits.argmax(dim=1, keepdim=True) == goal).sum()
            logits -= logits.logsumexp(dim=1, keepdim=True)
            total -= logits.gather(1, goal).sum()
            logits.exp_().scatter_add_(1, goal, torch.full_like(goal, -1, dtype=logits.dtype))
            gradient[part] = logits.to(weight.dtype) @ weight
    # A sum whose value is the loss and whose gradient is the one computed above.
    carrier = (states.float() * gradient.float()).sum()
    return carrier + (total - carrier.detach()), right
