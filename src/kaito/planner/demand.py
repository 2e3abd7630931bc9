"""From the options of an inference configuration to a demand on the planner.

Keys and spellings are vLLM's (engine/arg_utils.py, utils/argparse_utils.py): `32k` is 32000 and
`32K` 32768, and a maximum length of `auto` or -1 leaves it to what fits.
"""

import re
from collections.abc import Mapping

from kaito.api.adapter_room import USUAL_RANK
from kaito.planner.plan import Demand

_LENGTH = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([kKmMgGtT]?)")
_COUNT = re.compile(r"[0-9]{1,9}")
_BATCH = "max-num-batched-tokens"
_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_MOST = 2**53
_ENGINES_OWN = (1, 16)
"""max_loras and max_lora_rank (vllm/config/lora.py)."""


def demand_of(runtime: str, vllm_options: Mapping[str, object], *, adapters: int = 0) -> Demand:
    """What these options ask of the planner; options it has nothing to do with are passed over.

    `adapters`: for how many the engine is to make room, unless the options say otherwise.

    Raises:
        ValueError: One line that names the option and what it should be.
    """
    options = {key.replace("_", "-"): value for key, value in vllm_options.items()}
    slots, rank = _adapters(options, adapters)
    return Demand(
        runtime=runtime,
        context_tokens=_context(options.get("max-model-len")),
        tensor_parallel=_count(options, "tensor-parallel-size"),
        pipeline_parallel=_count(options, "pipeline-parallel-size"),
        data_parallel=_count(options, "data-parallel-size"),
        gpu_memory_utilization=_share(options, "gpu-memory-utilization"),
        kv_cache_dtype=_text(options, "kv-cache-dtype"),
        max_sequences=_count(options, "max-num-seqs"),
        max_batched_tokens=_length(options.get(_BATCH), _BATCH),
        enforce_eager=_flag(options, "enforce-eager"),
        adapter_slots=slots,
        adapter_rank=rank,
    )


def _adapters(options: Mapping[str, object], adapters: int) -> tuple[int, int]:
    """Adapters in a batch and their largest rank; the engine's own where it is told so itself."""
    if not adapters and not _flag(options, "enable-lora"):
        return 0, 0
    slots, rank = (adapters, USUAL_RANK) if adapters else _ENGINES_OWN
    return _count(options, "max-loras") or slots, _count(options, "max-lora-rank") or rank


def _context(value: object) -> int:
    if isinstance(value, int | str) and str(value).strip().lower() in ("auto", "-1"):
        return 0
    return _length(value, "max-model-len", ", auto or -1")


def _length(value: object, key: str, extra: str = "") -> int:
    """A number of tokens, which may have a suffix."""
    if value is None:
        return 0
    match = _LENGTH.fullmatch(str(value).strip()) if _is_writable(value) else None
    number = 0
    if match and match[2] in _DECIMAL:
        number = int(float(match[1]) * _DECIMAL[match[2]])
    elif match and "." not in match[1]:
        number = int(match[1]) * _BINARY.get(match[2], 1)
    return _checked(key, value, number, extra)


def _count(options: Mapping[str, object], key: str) -> int:
    value = options.get(key)
    if value is None:
        return 0
    match = _COUNT.fullmatch(str(value).strip()) if _is_writable(value) else None
    return _checked(key, value, int(match[0]) if match else 0, "")


def _is_writable(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _checked(key: str, value: object, number: int, extra: str) -> int:
    if 0 < number <= _MOST:
        return number
    raise ValueError(f"{key} is {_shown(value)}, not a whole number above zero such as 8192{extra}")


def _share(options: Mapping[str, object], key: str) -> float:
    value = options.get(key)
    if value is None:
        return 0.0
    try:
        number = -1.0 if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = -1.0
    if not 0 < number <= 1:
        raise ValueError(f"{key} is {_shown(value)}, not a number above 0 and at most 1")
    return number


def _text(options: Mapping[str, object], key: str) -> str:
    value = options.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {_shown(value)}, not a text such as auto or fp8")
    return value.lower()


def _flag(options: Mapping[str, object], key: str) -> bool:
    value = options.get(key)
    if value in (None, "", True, False):
        # A key without a value is how a flag is set in YAML.
        return key in options and value is not False
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError(f"{key} is {_shown(value)}, not true or false")
    return text == "true"


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > _MOST:
        return "a number of many digits"
    text = repr(value) if isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= 40 else text[:37] + "..."
