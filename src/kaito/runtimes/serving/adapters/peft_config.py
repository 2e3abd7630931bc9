"""`adapter_config.json` as PEFT writes it, and what of it an engine can serve.

Only what decides whether and how an adapter is served is read
(https://huggingface.co/docs/peft/package_reference/lora). Pure but for reading the file.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from kaito.runtimes.serving.adapters.errors import AdapterInvalid

CONFIG_NAME: Final = "adapter_config.json"
TENSORS_NAME: Final = "adapter_model.safetensors"
PICKLED_NAMES: Final = ("adapter_model.bin", "adapter_model.pt")
_PLAIN_STARTS: Final = ("gaussian", "eva", "orthogonal", "mica", "lora_ga", "true")
"""Ways to start training that leave the base model's weights as they were."""


class PeftConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the adapter says about itself."""

    peft_type: str = "LORA"
    r: int
    lora_alpha: float
    target_modules: list[str] | str | None = None
    base_model_name_or_path: str | None = None
    bias: str = "none"
    modules_to_save: list[str] | None = None
    use_rslora: bool = False
    use_dora: bool = False
    lora_bias: bool = False
    use_qalora: bool = False
    init_lora_weights: bool | str | None = True
    layer_replication: list[list[int]] | None = None
    alora_invocation_tokens: list[int] | None = None
    rank_pattern: dict[str, int] | None = None
    alpha_pattern: dict[str, float] | None = None

    @property
    def rank(self) -> int:
        """The largest rank of any module."""
        return max((self.r, *(self.rank_pattern or {}).values()))


def read_config(folder: Path) -> PeftConfig:
    """The configuration in `folder`; `AdapterInvalid` names what is wrong with it."""
    path = folder / CONFIG_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=PeftConfig)
    except OSError as error:
        raise AdapterInvalid(f"{CONFIG_NAME} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AdapterInvalid(f"{CONFIG_NAME} is not a LoRA adapter's: {error}") from error


def require_servable(config: PeftConfig) -> None:
    """Raise `AdapterInvalid` for what no engine of ours computes."""
    if config.peft_type != "LORA":
        raise AdapterInvalid(f"it is of PEFT type {config.peft_type}, only LORA is served")
    ranks = (config.r, *(config.rank_pattern or {}).values())
    if min(ranks) <= 0:
        raise AdapterInvalid(f"its rank is {min(ranks)}, which is not positive")
    start = config.init_lora_weights
    unknown = {
        "DoRA (use_dora)": config.use_dora,
        f"bias={config.bias!r}": config.bias != "none" or config.lora_bias,
        f"modules_to_save={config.modules_to_save}": bool(config.modules_to_save),
        "QALoRA (use_qalora)": config.use_qalora,
        "layer_replication": bool(config.layer_replication),
        "activated LoRA": bool(config.alora_invocation_tokens),
        f"init_lora_weights={start!r}, which changes the base model's own weights": (
            isinstance(start, str) and start.lower() not in _PLAIN_STARTS
        ),
    }
    for what, is_used in unknown.items():
        if is_used:
            raise AdapterInvalid(f"it uses {what}, which is not served")


def require_no_pickle(folder: Path) -> None:
    """Raise `AdapterInvalid` where there is only a form of weights that runs code."""
    for name in PICKLED_NAMES:
        if (folder / name).exists():
            raise AdapterInvalid(
                f"its weights are pickled ({name}), and loading those runs their code",
                hint="save it again with safe_serialization=True",
            )


def scale_config(text: bytes, strength: float) -> bytes:
    """The configuration whose adapter has `strength` times the effect.

    LoRA adds B·A·alpha/r, or alpha/sqrt(r) with rsLoRA: linear in alpha either way, so that scaling
    alpha is exact where scaling the tensors would round them a second time.
    """
    config: dict[str, Any] = json.loads(text)
    config["lora_alpha"] = config["lora_alpha"] * strength
    patterns = config.get("alpha_pattern") or {}
    config["alpha_pattern"] = {name: alpha * strength for name, alpha in patterns.items()}
    return json.dumps(config, indent=2, sort_keys=True).encode()
