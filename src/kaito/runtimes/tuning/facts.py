"""The base model's shape, read from its folder before any weight is: sizes, context, layers.

Everything is computed from an empty model (no memory behind its tensors), which knows the linear
layers of every architecture that transformers knows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.settings import Settings

MOST_TOKENS: Final = 4096
"""At which a sample is cut where the user does not say, and the model takes more."""
_SAFE_CONTEXT: Final = 2048
_CONTEXT_KEY: Final = "max_position_embeddings"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What planning needs to know of a model."""

    parameters: int
    linear_parameters: int
    """Of the layers that quantization packs and adapters sit on."""
    linear_names: tuple[str, ...]
    """The last part of each such layer's name, such as `qkv_proj`; sorted."""
    linear_shapes: dict[str, tuple[tuple[int, int], ...]]
    """By that name: inputs and outputs of every such layer."""
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    context: int


def read_model_facts(folder: Path, *, trusts_code: bool = False) -> ModelFacts:
    """The facts of the model in `folder`.

    Raises:
        DataRefused: it is no model that transformers can train.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trusts_code)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trusts_code)
    except (OSError, ValueError, KeyError, ImportError) as error:
        line = " ".join(str(error).split())[:200]
        raise DataRefused(f"{folder} holds no model that can be trained: {line}") from error
    return _facts(model, config.get_text_config())


def read_context(folder: Path) -> int:
    """The model's context by its config.json alone, without any library of models.

    Raises:
        DataRefused: there is no such file.
    """
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, object])
    except (OSError, msgspec.MsgspecError) as error:
        line = " ".join(str(error).split())[:200]
        raise DataRefused(f"{folder} holds no model that can be trained: {line}") from error
    text = config.get("text_config")
    for part in (text if isinstance(text, dict) else {}, config):
        if isinstance(found := part.get(_CONTEXT_KEY), int) and found:
            return found
    return _SAFE_CONTEXT


def max_tokens(settings: Settings, context: int) -> int:
    """Tokens at which a sample is cut: what the user says, within what the model takes."""
    given = int(settings.number("max_length", 0))
    return min(given or MOST_TOKENS, context)


def _facts(model: Any, config: Any) -> ModelFacts:
    import torch

    head = model.get_output_embeddings()
    shapes: dict[str, list[tuple[int, int]]] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            shape = (module.in_features, module.out_features)
            shapes.setdefault(name.rpartition(".")[2], []).append(shape)
    return ModelFacts(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        linear_parameters=sum(a * b for found in shapes.values() for a, b in found),
        linear_names=tuple(sorted(shapes)),
        linear_shapes={name: tuple(found) for name, found in shapes.items()},
        layers=int(getattr(config, "num_hidden_layers", 1)),
        hidden=int(getattr(config, "hidden_size", 1)),
        intermediate=int(getattr(config, "intermediate_size", 0) or 4 * config.hidden_size),
        vocabulary=int(config.vocab_size),
        context=int(getattr(config, _CONTEXT_KEY, 0) or _SAFE_CONTEXT),
    )
