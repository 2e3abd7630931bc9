"""The settings that a job used, as a training_config.yaml that asks for the same again. Pure.

What belongs to the machine is left out: on another one, another choice is right.
"""

import yaml

from kaito.api.config_text import number_of
from kaito.api.tuning_record import TuningRecord

_OF_MACHINE = frozenset(
    {
        "bf16",
        "dataloader_pin_memory",
        "ddp_backend",
        "ddp_find_unused_parameters",
        "fp16",
        "fsdp",
        "logging_steps",
        "use_cpu",
    }
)
_LISTS = frozenset(
    {
        "exclude_modules",
        "layers_to_transform",
        "llm_int8_skip_modules",
        "modules_to_save",
        "target_modules",
        "target_parameters",
    }
)
"""Settings whose text is a list's."""


def to_training_config(record: TuningRecord) -> str:
    """YAML; empty where no settings are known yet."""
    sections = {
        name: kept
        for name, values in record.settings.items()
        if (kept := {k: _value(k, v) for k, v in values.items() if _is_kept(record, name, k)})
    }
    if not sections:
        return ""
    text: str = yaml.safe_dump({"training_config": sections}, sort_keys=True)
    return text


def _is_kept(record: TuningRecord, section: str, key: str) -> bool:
    is_ours = f"{section}.{key}" in record.chosen
    of_machine = key in _OF_MACHINE or section == "ModelConfig"
    return not (of_machine and (is_ours or section == "ModelConfig"))


def _value(key: str, text: str) -> object:
    if key in _LISTS:
        return [_plain(part) for part in text.split(", ")]
    if not text.startswith("{"):
        return _plain(text)
    try:
        found: object = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return found


def _plain(text: str) -> object:
    if text in {"true", "false"}:
        return text == "true"
    number = number_of(text)
    if number is None:
        return text
    return int(text) if text.lstrip("+-").isdigit() else number
