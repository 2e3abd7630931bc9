"""What `training_config.yaml` says: the settings of a tuning job, section by section.

    training_config:
      QuantizationConfig: {load_in_4bit: true}
      LoraConfig: {r: 8, target_modules: [q_proj, v_proj]}
      TrainingArguments: {output_dir: /mnt/results}

The file lies in the ConfigMap that `tuning.config` names. Sections are those of KAITO 0.12 (spec
section 4.4); their keys are those of the classes behind them, old and new releases together
(`training_keys`). Values are judged where a wrong one would only show after the weights were
loaded.
"""

import math
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from kaito.api.config_text import number_of, parse_config_text, whole_number_of
from kaito.api.training_keys import SECTIONS
from kaito.api.tuning_job import (
    DATA_MOUNT,
    PULL_SECRETS_MOUNT,
    PUSH_SECRET_MOUNT,
    RESULTS_MOUNT,
    TUNING_CONFIG_FILE,
)
from kaito.base.suggest import did_you_mean, nearest

TRAINING_CONFIG_KEY: Final = "training_config.yaml"
TOP_KEY: Final = "training_config"
DATA_ROOT: Final = "/mnt"
"""Where the volume for results is mounted somewhere below."""
_TAKEN: Final = (DATA_MOUNT, posixpath.dirname(TUNING_CONFIG_FILE), PUSH_SECRET_MOUNT,
                 PULL_SECRETS_MOUNT)  # fmt: skip
"""Folders that something else is mounted at."""

TuningMethod = Literal["lora", "qlora", "full"]

_QUANTIZED: Final = ("load_in_4bit", "load_in_8bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """The settings of each section that the user gave; values keep their YAML types."""

    sections: Mapping[str, Mapping[str, object]]
    """By section name, such as `LoraConfig`."""

    def value(self, section: str, key: str) -> object:
        """One setting, or None where the user leaves it to us."""
        return self.sections.get(section, {}).get(key)

    @property
    def output_dir(self) -> str:
        """Where results go: an absolute path below /mnt."""
        value = self.value("TrainingArguments", "output_dir")
        return _below_mnt(value) if isinstance(value, str) and value else RESULTS_MOUNT

    @property
    def is_quantized(self) -> bool:
        """Whether the base model is loaded with 4 or 8 bits an element."""
        return any(self.is_set("QuantizationConfig", key) for key in _QUANTIZED)

    def is_set(self, section: str, key: str) -> bool:
        """Whether a switch is on; KAITO's own texts may spell it as a text."""
        return str(self.value(section, key)).lower() == "true"


def parse_training_config(text: str, method: TuningMethod | None = None) -> TrainingConfig:
    """The file's content, checked against `method` where that is known.

    Raises:
        ValueError: one line that says what is wrong and what to do.
    """
    document = parse_config_text(text)
    for key in document:
        if key != TOP_KEY:
            guess = did_you_mean(key, (TOP_KEY,)) or f"all sections stand under {TOP_KEY!r}"
            raise ValueError(f"has an unknown key {key!r}; {guess}")
    given = document.get(TOP_KEY)
    if isinstance(given, dict):
        sections = {str(name): _section(str(name), value) for name, value in given.items()}
        config = TrainingConfig(sections=MappingProxyType(sections))
        _check_quantization(config, method)
        _check_output(config)
        return config
    raise ValueError(f"Expected {TOP_KEY!r} key to contain a map of sections: {_names(SECTIONS)}")


def _section(name: str, value: object) -> Mapping[str, object]:
    if name not in SECTIONS:
        raise ValueError(f"Unrecognized section: {name}; {_near_section(name)}")
    if value is None:
        return MappingProxyType({})
    if isinstance(value, dict):
        settings = {str(key): setting for key, setting in value.items()}
        for key, setting in settings.items():
            _check_setting(name, key, setting)
        return MappingProxyType(settings)
    raise ValueError(f"{name} must be a map of settings")


def _check_setting(section: str, key: str, value: object) -> None:
    if key not in SECTIONS[section]:
        guess = did_you_mean(key, SECTIONS[section])
        raise ValueError(f"{section} has no setting {key!r}; {guess or 'remove it'}")
    form = _FORMS.get(key)
    if form is not None and value is not None and not _CHECKS[form](value):
        raise ValueError(f"{section}.{key} must be {form}, not {value!r}")


def _check_quantization(config: TrainingConfig, method: TuningMethod | None) -> None:
    chosen = [key for key in _QUANTIZED if config.is_set("QuantizationConfig", key)]
    if len(chosen) == 2:
        raise ValueError("Cannot set both 'load_in_4bit' and 'load_in_8bit' to true; remove one")
    if method in ("lora", "full") and chosen:
        raise ValueError(
            f"For method {method!r}, 'load_in_4bit' or 'load_in_8bit' must not be true; remove "
            f"{chosen[0]!r} or use method qlora"
        )
    if method == "qlora" and not chosen:
        raise ValueError(
            "For method 'qlora', either 'load_in_4bit' or 'load_in_8bit' must be true under "
            "QuantizationConfig"
        )


def _check_output(config: TrainingConfig) -> None:
    value = config.value("TrainingArguments", "output_dir")
    if value is None or value == "":
        return
    if not isinstance(value, str) or not config.output_dir.startswith(f"{DATA_ROOT}/"):
        raise ValueError(
            f"Invalid output_dir specified: {value!r}, must be a directory below {DATA_ROOT}, "
            "such as /mnt/results"
        )
    for taken in _TAKEN:
        if config.output_dir == taken or config.output_dir.startswith(f"{taken}/"):
            raise ValueError(
                f"Invalid output_dir specified: {value!r}, {taken} holds something else; take "
                f"another directory below {DATA_ROOT}, such as {RESULTS_MOUNT}"
            )


def method_of(text: str) -> TuningMethod | None:
    """The method that `tuning.method` names, in any case; None where it names none."""
    methods: dict[str, TuningMethod] = {"lora": "lora", "qlora": "qlora", "full": "full"}
    return methods.get(text.lower())


def _below_mnt(path: str) -> str:
    """The path as the pod sees it; a relative one stands below /mnt."""
    return posixpath.normpath(posixpath.join(DATA_ROOT, path))


def _near_section(name: str) -> str:
    by_lower = {known.lower(): known for known in SECTIONS}
    near = [by_lower[found] for found in nearest(name, by_lower, most=1)]
    return f"did you mean {near[0]}?" if near else f"known are {_names(SECTIONS)}"


def _names(names: Mapping[str, object]) -> str:
    return ", ".join(names)


def _is_within(value: object, least: float, most: float = math.inf) -> bool:
    number = number_of(value)
    return number is not None and math.isfinite(number) and least <= number <= most


def _is_whole(value: object, least: int) -> bool:
    number = whole_number_of(value)
    return number is not None and number >= least


_CHECKS: Final[Mapping[str, Callable[[object], bool]]] = {
    "true or false": lambda value: str(value).lower() in {"true", "false"},
    "a text (in quotes, where YAML reads it as something else)": lambda value: (
        isinstance(value, str | int | float) and not isinstance(value, bool)
    ),
    "a whole number of at least 1": lambda value: _is_whole(value, 1),
    "a whole number": lambda value: whole_number_of(value) is not None,
    "a number of at least 0": lambda value: _is_within(value, 0),
    "a number above 0": lambda value: _is_within(value, 0) and number_of(value) != 0,
    "a number above 0, and at most 1": lambda value: (
        _is_within(value, 0, 1) and number_of(value) != 0
    ),
    "a number from 0 to 1": lambda value: _is_within(value, 0, 1),
}
_FORMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *_QUANTIZED,
            "bnb_4bit_use_double_quant",
            "llm_int8_enable_fp32_cpu_offload",
            "llm_int8_has_fp16_weight",
            "local_files_only",
            "trust_remote_code",
            "force_download",
            "output_loading_info",
            "shuffle_dataset",
            "show_samples",
            "mlm",
            "ddp_find_unused_parameters",
            "bf16",
            "fp16",
            "gradient_checkpointing",
            "packing",
            "use_rslora",
            "use_dora",
            "fan_in_fan_out",
        ),
        "true or false",
    ),
    **dict.fromkeys(
        (
            "r",
            "lora_alpha",
            "per_device_train_batch_size",
            "per_device_eval_batch_size",
            "gradient_accumulation_steps",
        ),
        "a whole number of at least 1",
    ),
    **dict.fromkeys(
        (
            "messages_column",
            "context_column",
            "response_column",
            "dataset_extension",
            "dataset_path",
            "dataset_text_field",
            "run_name",
            "project",
        ),
        "a text (in quotes, where YAML reads it as something else)",
    ),
    **dict.fromkeys(("shuffle_seed", "seed", "max_steps"), "a whole number"),
    **dict.fromkeys(("weight_decay", "max_grad_norm"), "a number of at least 0"),
    # Of nothing, nothing would be learned, and an adapter that does nothing be pushed.
    **dict.fromkeys(("num_train_epochs", "learning_rate"), "a number above 0"),
    "train_test_split": "a number above 0, and at most 1",
    **dict.fromkeys(("lora_dropout", "mlm_probability"), "a number from 0 to 1"),
}
