"""The settings of SFTTrainer, LoraConfig and BitsAndBytesConfig: the user's, then good defaults.

What the user gives wins, but for two things: what this machine has no hardware for, and what would
undo resuming. Both leave a note. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.plan import DEFAULT_RANK, Plan
from kaito.runtimes.tuning.settings import Method, Settings

_RATES: Final[dict[Method, float]] = {"lora": 2e-4, "qlora": 2e-4, "full": 2e-5}
_CURVE_POINTS: Final = 200
_WARMUP: Final = 0.03
SEED: Final = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the libraries are given, section by section."""

    training: Mapping[str, object]
    lora: Mapping[str, object]
    quantization: Mapping[str, object]
    dtype: str
    """Of the weights that are not quantized."""
    chosen: tuple[str, ...]
    """`Section.key` of those that are not the user's."""
    notes: tuple[str, ...]

    def to_texts(self) -> dict[str, dict[str, str]]:
        """For the record."""
        sections: dict[str, Mapping[str, object]] = {
            "ModelConfig": {"dtype": self.dtype},
            "TrainingArguments": self.training,
            "LoraConfig": self.lora,
            "QuantizationConfig": self.quantization,
        }
        return {
            name: {k: _shown(value) for k, value in sorted(values.items()) if value is not None}
            for name, values in sections.items()
            if values
        }


def apply_settings(
    settings: Settings,
    plan: Plan,
    machine: Machine,
    *,
    targets: tuple[str, ...],
    evaluates: bool,
) -> Applied:
    """Everything that the libraries are to be told."""
    notes: list[str] = []
    dtype = _dtype(settings, machine, notes)
    training = _training_defaults(settings, plan, machine, evaluates=evaluates)
    given = dict(settings.training)
    for key in ("bf16", "fp16"):
        if given.get(key) is True and training[key] is False:
            notes.append(f"TrainingArguments.{key} is left out: this machine is slower with it")
            del given[key]
    if machine.ranks == 1:
        # The library would use it, and there is nobody to talk to.
        given.pop("ddp_backend", None)
    if not evaluates:
        for key in ("eval_strategy", "eval_steps", "eval_on_start", "eval_delay"):
            given.pop(key, None)
    merged = {**training, **given}
    lora = _lora(settings, targets)
    chosen = [f"TrainingArguments.{key}" for key in training if key not in given]
    chosen += [f"LoraConfig.{key}" for key in lora if lora[key] != settings.lora.get(key)]
    quantization = _quantization(settings, machine, notes)
    return Applied(
        training=merged,
        lora=lora,
        quantization=quantization,
        dtype=dtype,
        chosen=tuple(sorted(chosen)),
        notes=tuple(notes),
    )


def _training_defaults(
    settings: Settings, plan: Plan, machine: Machine, *, evaluates: bool
) -> dict[str, object]:
    on_gpu = machine.kind == "cuda"
    return {
        "num_train_epochs": 3,
        "learning_rate": _RATES[settings.method],
        "lr_scheduler_type": "cosine",
        "warmup_steps": _WARMUP,
        "max_grad_norm": 1.0,
        "per_device_train_batch_size": plan.batch,
        "per_device_eval_batch_size": plan.batch,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_checkpointing": plan.checkpoints_activations,
        "logging_steps": max(plan.steps // _CURVE_POINTS, 1),
        "logging_strategy": "steps",
        "save_strategy": "no",
        "eval_strategy": "epoch" if evaluates else "no",
        "seed": SEED,
        "bf16": machine.has_bf16,
        "fp16": on_gpu and not machine.has_bf16,
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
        "ddp_find_unused_parameters": False if machine.ranks > 1 else None,
        **({"ddp_backend": "gloo"} if machine.ranks > 1 and not on_gpu else {}),
        "report_to": "none",
    }


def _dtype(settings: Settings, machine: Machine, notes: list[str]) -> str:
    if settings.method == "full":
        # Small steps vanish in 16 bits: the weights that are trained are kept whole.
        if settings.model.get("dtype", "auto") not in ("auto", "float32"):
            notes.append("ModelConfig.torch_dtype: float32, for method full trains the weights")
        return "float32"
    given = str(settings.model.get("dtype", "auto"))
    if given in {"auto", machine.dtype}:
        return machine.dtype
    if given == "bfloat16" and not machine.has_bf16:
        notes.append(
            f"ModelConfig.torch_dtype: {machine.dtype} instead of bfloat16, for which this machine "
            "has no hardware"
        )
        return machine.dtype
    return given


def _lora(settings: Settings, targets: tuple[str, ...]) -> dict[str, object]:
    if settings.method == "full":
        return {}
    rank = settings.lora.get("r", DEFAULT_RANK)
    if not isinstance(rank, int):
        raise SettingRefused(f"LoraConfig.r must be a whole number, not {rank!r}")
    return {
        "r": rank,
        "lora_alpha": rank * 2,
        "lora_dropout": 0.0,
        "bias": "none",
        **settings.lora,
        "target_modules": list(targets),
    }


def _quantization(settings: Settings, machine: Machine, notes: list[str]) -> dict[str, object]:
    quantization = dict(settings.quantization)
    if quantization.get("bnb_4bit_compute_dtype") == "bfloat16" and not machine.has_bf16:
        compute = "float32" if machine.kind == "cpu" else "float16"
        quantization["bnb_4bit_compute_dtype"] = compute
        notes.append(
            f"QuantizationConfig.bnb_4bit_compute_dtype: {compute} instead of bfloat16, for which "
            "this machine has no hardware"
        )
    return quantization


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
