"""Every key of training_config.yaml on the libraries themselves: taken, or refused with words."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from kaito.api.training_keys import SECTIONS
from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.library_check import check_applied
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.plan import Plan
from kaito.runtimes.tuning.settings import read_settings
from kaito.runtimes.tuning.trainer_settings import Applied, apply_settings

PLAN = Plan(
    batch=2,
    accumulation=1,
    checkpoints_activations=False,
    steps=10,
    memory_bytes=0,
    chosen=frozenset(),
)
pytestmark = pytest.mark.extended
MACHINE = Machine(kind="cpu", name="cpu", memory_bytes=1 << 34, has_bf16=False)
VALUES: tuple[object, ...] = (True, 1, 0.5, "text", ["q_proj"], [1], [[0, 1]], {"a": 1}, {})
"""Of every type that YAML has; some of them is right for each key, or none is."""
REFUSED = frozenset(
    {
        "LoraConfig.loftq_config",  # a library is missing, and named
        "TrainingArguments.deepspeed",
        "TrainingArguments.auto_find_batch_size",
    }
)
COMPANIONS: Mapping[str, Mapping[str, object]] = {
    "LoraConfig.layers_pattern": {"layers_to_transform": [0]},
    "LoraConfig.corda_config": {"init_lora_weights": "corda"},
    "LoraConfig.eva_config": {"init_lora_weights": "eva"},
    "LoraConfig.loftq_config": {"init_lora_weights": "loftq"},
    "TrainingArguments.dataloader_prefetch_factor": {"dataloader_num_workers": 1},
}
"""What a key needs beside it."""
OWN: Mapping[str, object] = {
    "LoraConfig.bias": "all",
    "DataCollator.pad_to_multiple_of": 8,
    "LoraConfig.kasa_config": None,
    "LoraConfig.loftq_config": {"loftq_bits": 4},
    "QuantizationConfig.bnb_4bit_compute_dtype": "float32",
    "QuantizationConfig.bnb_4bit_quant_storage": "uint8",
    "QuantizationConfig.bnb_4bit_quant_type": "fp4",
    "ModelConfig.torch_dtype": "float32",
    "ModelConfig.dtype": "torch.float32",
    "TrainingArguments.ddp_backend": "gloo",
    "TrainingArguments.debug": "underflow_overflow",
    "TrainingArguments.eval_strategy": "epoch",
    "TrainingArguments.evaluation_strategy": "no",
    "TrainingArguments.logging_strategy": "epoch",
    "TrainingArguments.lr_scheduler_type": "linear",
    "TrainingArguments.optim": "adamw_torch",
    "TrainingArguments.output_dir": "/mnt/results",
    "TrainingArguments.report_to": "none",
    "TrainingArguments.save_strategy": "epoch",
    "TrainingArguments.tf32": False,
    "TrainingArguments.use_liger": False,
    "TrainingArguments.use_liger_kernel": False,
}
"""Values of keys for which none of the above is right."""


def applied(sections: Mapping[str, object], method: str) -> Applied:
    text = yaml.safe_dump({"training_config": dict(sections)})
    settings = read_settings(text, method)
    return apply_settings(settings, PLAN, MACHINE, targets=("q_proj",), evaluates=True)


def judge(section: str, key: str, value: object, folder: Path) -> str:
    """Why the setting is refused; empty where it is taken."""
    given = {**COMPANIONS.get(f"{section}.{key}", {}), key: value}
    method = "lora"
    if section == "QuantizationConfig":
        method = "qlora"
        given = given if "load_in_8bit" in given else {"load_in_4bit": True, **given}
    try:
        check_applied(applied({section: given}, method), folder)
    except SettingRefused as refusal:
        return refusal.line
    return ""


@pytest.mark.parametrize(
    ("section", "key"),
    [(section, key) for section in SECTIONS for key in sorted(SECTIONS[section])],
)
def test_every_key_is_taken_with_some_value_or_says_why_not(
    section: str, key: str, tmp_path: Path
) -> None:
    name = f"{section}.{key}"
    values = (OWN[name],) if name in OWN else VALUES
    said = [judge(section, key, value, tmp_path) for value in values]

    if name in REFUSED:
        assert all("cannot be used" in line for line in said)
    else:
        assert "" in said, said
    # A wrong value is one line that names the section at least.
    assert all(section in line and "\n" not in line for line in said if line)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("optim: sgdd", "TrainingArguments cannot be used: sgdd is not a valid OptimizerNames"),
        ("report_to: carrier_pigeon", "TrainingArguments.report_to cannot be used: carrier_pigeon"),
        ("use_liger_kernel: true", "use_liger_kernel cannot be used: Liger is not installed"),
        ("accelerator_config: true", "TrainingArguments.accelerator_config must be a map or text"),
        ("warmup_steps: many", "TrainingArguments.warmup_steps must be a number"),
    ],
)
def test_what_would_fail_after_the_weights_are_loaded_is_refused_before(
    setting: str, said: str, tmp_path: Path
) -> None:
    key, _, value = setting.partition(": ")
    line = judge("TrainingArguments", key, yaml.safe_load(value), tmp_path)

    assert said in line


@pytest.mark.parametrize(
    ("value", "is_taken"), [("pissa", True), ("pissa_niter_16", True), ("pisa", False)]
)
def test_a_word_with_a_part_to_fill_in_is_taken(value: str, is_taken: bool, tmp_path: Path) -> None:
    line = judge("LoraConfig", "init_lora_weights", value, tmp_path)

    assert (line == "") is is_taken, line


def test_no_free_text_of_the_library_is_read_as_a_number(tmp_path: Path) -> None:
    """A text that none of the library's own words is, and that nothing of ours is decided by."""
    for key in ("run_name", "project", "optim_args", "trackio_space_id"):
        assert judge("TrainingArguments", key, "2024", tmp_path) == ""
