"""What `inference_config.yaml` says: engine options by engine, and KAITO's own keys.

    vllm: {max-model-len: 4096, enable-prefix-caching: false}

The file lies in the ConfigMap that `inference.config` names. Admission, the planner, the controller
and `kaito validate` read it through `parse_inference_config`, which judges the options by the list
of the engine that we ship; the serving runtime hands them to the engine, which has the last word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from kaito.api import labels
from kaito.api.config_text import number_of, parse_config_text, whole_number_of
from kaito.api.engine_options import check_ours, check_transformers_options, check_vllm_options
from kaito.api.workspace import Workspace
from kaito.base.suggest import did_you_mean

ENGINES: Final = ("vllm", "transformers")
LEGACY_KEYS: Final = ("max_probe_steps", "kv_cache_cpu_memory_utilization")
"""Keys of KAITO's own server that ours accepts and has no use for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceConfig:
    """The options of each engine, by name with `-` for `_`; values keep their YAML types."""

    vllm: Mapping[str, object] = field(default_factory=dict)
    transformers: Mapping[str, object] = field(default_factory=dict)

    @property
    def max_model_len(self) -> int:
        """Longest sequence to accept, in tokens; 0: not set, or left to the engine."""
        return _whole(self.vllm, "max-model-len")

    @property
    def tensor_parallel(self) -> int:
        """GPUs that share each layer; 0: not set."""
        return _whole(self.vllm, "tensor-parallel-size")

    @property
    def pipeline_parallel(self) -> int:
        """Groups of GPUs that share the layers among them; 0: not set."""
        return _whole(self.vllm, "pipeline-parallel-size")

    @property
    def data_parallel(self) -> int:
        """Copies of the model; 0: not set."""
        return _whole(self.vllm, "data-parallel-size")

    @property
    def max_sequences(self) -> int:
        """Sequences in one batch; 0: not set."""
        return _whole(self.vllm, "max-num-seqs")

    @property
    def max_batched_tokens(self) -> int:
        """Tokens in one batch; 0: not set."""
        return _whole(self.vllm, "max-num-batched-tokens")

    @property
    def gpu_memory_utilization(self) -> float:
        """Share of a GPU's memory that the engine may take, 0 to 1; 0: not set."""
        return number_of(self.vllm.get("gpu-memory-utilization")) or 0.0

    @property
    def kv_cache_dtype(self) -> str:
        """Element type of the cache, as the engine spells it; empty: not set."""
        value = self.vllm.get("kv-cache-dtype", "")
        return value if isinstance(value, str) else ""

    @property
    def enforce_eager(self) -> bool:
        """Whether CUDA graphs are switched off."""
        return self.vllm.get("enforce-eager") is True


def parse_inference_config(text: str, *, knows_engine: bool = True) -> InferenceConfig:
    """The file's content as options; an empty file sets nothing.

    `knows_engine` is false where the pods may run another engine than the one we ship: only what
    our own planning reads is judged then, and what the Workspace decides still refused.

    Raises:
        ValueError: one line that says what is wrong and what to do.
    """
    document = parse_config_text(text)
    known = (*ENGINES, *LEGACY_KEYS)
    for key in document:
        if key not in known:
            guess = did_you_mean(key, known) or f"known are {', '.join(known)}"
            raise ValueError(f"has an unknown key {key!r}; {guess}")
    config = InferenceConfig(
        vllm=_options(document, "vllm"), transformers=_options(document, "transformers")
    )
    _check_numbers(config.vllm)
    if knows_engine:
        check_vllm_options(config.vllm)
        check_transformers_options(config.transformers)
    else:
        check_ours(config.vllm)
    return config


def knows_engine(workspace: Workspace) -> bool:
    """Whether the list of options that we ship holds for this one's pods.

    The annotation that bypasses our checks says that its author knows better, such as about
    another version of the engine in an image of the cluster's own.
    """
    return labels.BYPASS_RESOURCE_CHECKS not in workspace.metadata.annotations


def _options(document: Mapping[str, object], engine: str) -> Mapping[str, object]:
    """The map under `engine`, its keys as the command line writes them."""
    value = document.get(engine)
    if value is None:
        return MappingProxyType({})
    if isinstance(value, dict):
        return MappingProxyType(_respelled(engine, value))
    raise ValueError(f"{engine!r} must be a map of engine options such as {{max-model-len: 4096}}")


def _respelled(engine: str, given: Mapping[object, object]) -> dict[str, object]:
    options: dict[str, object] = {}
    for key, setting in given.items():
        name = _spelling(str(key))
        if name in options:
            raise ValueError(f"{engine} sets {name!r} twice, once with '_'; remove one")
        options[name] = setting
    return options


def _spelling(key: str) -> str:
    """`--max_model_len` as `max-model-len`; what follows a dot is a key of the engine's own map."""
    head, dot, rest = key.lstrip("-").partition(".")
    return head.replace("_", "-") + dot + rest


_COUNTS: Final = ("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size")
_SIZES: Final = ("max-num-seqs", "max-num-batched-tokens")
_SUFFIXED: Final = re.compile(r"([0-9]+(?:[.][0-9]+)?)([kKmMgG])")
_FACTORS: Final = {
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "K": 2**10,
    "M": 2**20,
    "G": 2**30,
}
"""vLLM's own reading of `4k` and `4K`."""


def _check_numbers(options: Mapping[str, object]) -> None:
    length = options.get("max-model-len")
    # -1 and auto ask vLLM for the longest that fits, which is what leaving it out means here.
    if length is not None and length not in ("auto", -1, "-1", "") and not _whole_value(length):
        raise ValueError(f"max-model-len must be an integer of at least 1, not {length!r}")
    for name in (*_COUNTS, *_SIZES):
        value = options.get(name)
        if value is not None and not _whole_value(value):
            raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
    share = options.get("gpu-memory-utilization")
    if share is not None and not 0 < (number_of(share) or 0) <= 1:
        raise ValueError(f"gpu-memory-utilization must be above 0 and at most 1, not {share!r}")


def _whole(options: Mapping[str, object], name: str) -> int:
    return _whole_value(options.get(name))


def _whole_value(value: object) -> int:
    """The positive whole number that a value is or spells; 0 when it is none."""
    if isinstance(value, str) and (found := _SUFFIXED.fullmatch(value)):
        return int(float(found[1]) * _FACTORS[found[2]])
    return max(whole_number_of(value) or 0, 0)
