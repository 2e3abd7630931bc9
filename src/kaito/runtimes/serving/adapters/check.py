"""Refuses an adapter that the engine could not serve, or that would bring it down, before it loads.

vLLM copies an adapter's tensors into buffers of its own by their shapes: too small ones are taken
silently, too large ones fail halfway. So every tensor is compared with the base model's weights
here, and read once for numbers that are none.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from kaito.runtimes.serving.adapters.base_model import BaseModel
from kaito.runtimes.serving.adapters.errors import AdapterInvalid
from kaito.runtimes.serving.adapters.header import Tensor, read_header
from kaito.runtimes.serving.adapters.peft_config import (
    TENSORS_NAME,
    PeftConfig,
    read_config,
    require_no_pickle,
    require_servable,
)

Side: TypeAlias = Literal["A", "B"]
_PREFIX: Final = "base_model.model."
_ENDINGS: Final[tuple[tuple[str, Side, bool], ...]] = (
    (".lora_A.weight", "A", False),
    (".lora_B.weight", "B", False),
    (".lora_embedding_A", "A", True),
    (".lora_embedding_B", "B", True),
)
_EXPONENTS: Final = {"F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80), "F32": ("<u4", 0x7F800000)}
"""An exponent of ones alone is an infinity or not a number, in each of these formats."""
_BLOCK: Final = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a servable adapter is like."""

    rank: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The two factors of one module's change, by their shapes."""

    module: str
    a: tuple[int, ...]
    """rank x inputs."""
    b: tuple[int, ...]
    """outputs x rank."""
    is_embedding: bool = False


def check_adapter(folder: Path, base: BaseModel, max_rank: int) -> Facts:
    """What is in `folder`; `AdapterInvalid` says why it must not be loaded. Reads every byte."""
    config = read_config(folder)
    require_servable(config)
    require_rank(config.rank, max_rank)
    path = folder / TENSORS_NAME
    if not path.is_file():
        require_no_pickle(folder)
        raise AdapterInvalid(f"it has no {TENSORS_NAME}")
    tensors = read_header(path)
    for pair in pair_tensors(tensors):
        require_fitting(pair, config, base)
    require_finite(path, tensors)
    return Facts(rank=config.rank, warnings=_warn(config, base))


def require_rank(rank: int, max_rank: int) -> None:
    """Raise `AdapterInvalid` where the engine has no room for this rank."""
    if rank > max_rank:
        raise AdapterInvalid(
            f"its rank is {rank} and the engine takes at most {max_rank}",
            hint=f"set max-lora-rank: {to_allowed_rank(rank)} under vllm in inference_config.yaml",
        )


def to_allowed_rank(rank: int) -> int:
    """The smallest limit that vLLM accepts and that `rank` fits (vllm/config/lora.py, 0.32)."""
    allowed = (1, 8, 16, 32, 64, 128, 256, 320, 512)
    return next((limit for limit in allowed if rank <= limit), allowed[-1])


def pair_tensors(tensors: Mapping[str, Tensor]) -> tuple[Pair, ...]:
    """The modules that the tensors change, sorted; `AdapterInvalid` for a tensor that is no LoRA's.

    Base weights of resized embeddings, which PEFT sometimes saves along, are ignored as the engine
    ignores them.
    """
    sides: dict[tuple[str, bool], dict[Side, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        if name.endswith((".embed_tokens.base_layer.weight", ".lm_head.base_layer.weight")):
            continue
        module, side, is_embedding = _parse_name(name)
        if tensor.dtype not in _EXPONENTS:
            raise AdapterInvalid(f"{name} is of type {tensor.dtype}, not F16, BF16 or F32")
        sides[module, is_embedding][side] = tensor
    if not sides:
        raise AdapterInvalid(f"{TENSORS_NAME} has no LoRA tensors")
    return tuple(_pair(module, flag, sides[module, flag]) for module, flag in sorted(sides))


def require_fitting(pair: Pair, config: PeftConfig, base: BaseModel) -> None:
    """Raise `AdapterInvalid` where a pair does not fit its rank or the base model's module."""
    rank = pair.a[0]
    is_expected = rank == config.r or rank in (config.rank_pattern or {}).values()
    if pair.b[1] != rank or not is_expected:
        raise AdapterInvalid(
            f"{pair.module} has factors {_times(pair.a)} and {_times(pair.b)}, "
            f"not of rank {config.r} as its configuration says"
        )
    # Mixtures of experts are stored in more ways than can be told apart by name.
    if not base.shapes or ".experts" in pair.module:
        return
    shapes = base.find_shapes(pair.module)
    hint = f"it was trained on {config.base_model_name_or_path or 'another model'}"
    if not shapes:
        raise AdapterInvalid(
            f"it changes {pair.module}, which the base model does not have", hint=hint
        )
    changed = (pair.b[0], pair.a[1])
    # An embedding's weight lies the other way round: vocabulary first.
    known = [shape[::-1] if shape and pair.is_embedding else shape for shape in shapes]
    if None not in known and changed not in known:
        sizes = " or ".join(_times(shape) for shape in known if shape)
        raise AdapterInvalid(
            f"it changes {pair.module} as {_times(changed)}, where the base model has {sizes}",
            hint=hint,
        )


def require_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise `AdapterInvalid` for the first tensor with an infinity or a NaN in it."""
    import numpy as np

    with path.open("rb") as file:
        for name, tensor in sorted(tensors.items(), key=lambda item: item[1].start):
            if tensor.dtype not in _EXPONENTS:
                continue
            kind, exponent = _EXPONENTS[tensor.dtype]
            file.seek(tensor.start)
            left = tensor.size
            while left:
                block = file.read(min(left, _BLOCK))
                if not block:
                    raise AdapterInvalid(f"{path.name} became shorter while it was read")
                left -= len(block)
                bits = np.frombuffer(block, dtype=kind)
                if bool(((bits & exponent) == exponent).any()):
                    raise AdapterInvalid(f"{name} has numbers that are infinite or not a number")


def _parse_name(name: str) -> tuple[str, Side, bool]:
    for ending, side, is_embedding in _ENDINGS:
        if name.endswith(ending):
            return name.removesuffix(ending).removeprefix(_PREFIX), side, is_embedding
    raise AdapterInvalid(f"{TENSORS_NAME} has {name}, which is no part of a LoRA")


def _pair(module: str, is_embedding: bool, sides: Mapping[Side, Tensor]) -> Pair:
    if len(sides) != 2:
        raise AdapterInvalid(f"{module} has only one of its two factors")
    a, b = sides["A"].shape, sides["B"].shape
    if len(a) != 2 or len(b) != 2:
        raise AdapterInvalid(f"{module} has a factor that is not a matrix")
    return Pair(module=module, a=a, b=b, is_embedding=is_embedding)


def _warn(config: PeftConfig, base: BaseModel) -> tuple[str, ...]:
    trained = config.base_model_name_or_path or ""
    if not trained or not base.names or _to_short(trained) in map(_to_short, base.names):
        return ()
    return (f"it was trained on {trained}, served is {base.names[0]}",)


def _to_short(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
