"""What is read from `training_config.yaml`, and what is said of a wrong one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api.training_config import TuningMethod, parse_training_config

KAITO = """
training_config:
  ModelConfig: {torch_dtype: bfloat16, local_files_only: true, device_map: auto}
  QuantizationConfig:
    load_in_4bit: true
    bnb_4bit_quant_type: nf4
    bnb_4bit_compute_dtype: bfloat16
    bnb_4bit_use_double_quant: true
  LoraConfig: {r: 8, lora_alpha: 8, lora_dropout: 0.0, target_modules: [q_proj, k_proj]}
  TrainingArguments:
    output_dir: /mnt/results
    save_strategy: epoch
    learning_rate: 2e-4
    per_device_train_batch_size: 2
    ddp_find_unused_parameters: false
  DataCollator: {mlm: true}
  DatasetConfig: {shuffle_dataset: true, train_test_split: 1}
"""


def training(section: str, settings: str) -> str:
    return f"training_config: {{{section}: {{{settings}}}}}"


def test_the_file_of_the_specification_is_read() -> None:
    config = parse_training_config(KAITO, "qlora")
    assert config.output_dir == "/mnt/results"
    assert config.is_quantized
    assert config.value("LoraConfig", "target_modules") == ["q_proj", "k_proj"]
    assert config.value("LoraConfig", "bias") is None


@pytest.mark.parametrize(
    ("given_path", "folder"),
    [
        ("/mnt/results", "/mnt/results"),
        ("results", "/mnt/results"),
        ("./a/../b/", "/mnt/b"),
        ("''", "/mnt/results"),
        ("null", "/mnt/results"),
    ],
)
def test_results_go_below_mnt(given_path: str, folder: str) -> None:
    text = training("TrainingArguments", f"output_dir: {given_path}")
    assert parse_training_config(text).output_dir == folder


@pytest.mark.parametrize("path", ["/mnt", "/mnt/", ".", "/", "/etc", "/mnt/../etc", "/mntx", "3"])
def test_results_go_nowhere_else(path: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid output_dir specified: .* below /mnt"):
        parse_training_config(training("TrainingArguments", f"output_dir: {path}"))


@pytest.mark.parametrize("path", ["/mnt/data", "data/out", "/mnt/config", "/mnt/push-secret/x"])
def test_results_do_not_go_where_something_else_is_mounted(path: str) -> None:
    with pytest.raises(ValueError, match=r"holds something else; take another directory"):
        parse_training_config(training("TrainingArguments", f"output_dir: {path}"))


FOUR, EIGHT = "load_in_4bit: true", "load_in_8bit: true"


@pytest.mark.parametrize(
    ("method", "settings", "said"),
    [
        ("lora", "", ""),
        ("lora", "load_in_4bit: false", ""),
        ("lora", FOUR, "For method 'lora', 'load_in_4bit' or 'load_in_8bit' must not be true"),
        ("full", FOUR, "For method 'full', 'load_in_4bit' or 'load_in_8bit' must not be true"),
        ("qlora", FOUR, ""),
        ("qlora", EIGHT, ""),
        ("qlora", "", "For method 'qlora', either 'load_in_4bit' or 'load_in_8bit' must be true"),
        ("qlora", f"{FOUR}, {EIGHT}", "Cannot set both 'load_in_4bit' and 'load_in_8bit'"),
        (None, "", ""),
        (None, FOUR, ""),
        (None, f"{FOUR}, {EIGHT}", "Cannot set both 'load_in_4bit' and 'load_in_8bit'"),
    ],
)
def test_the_method_says_whether_the_model_is_quantised(
    method: TuningMethod | None, settings: str, said: str
) -> None:
    text = training("QuantizationConfig", settings)
    if not said:
        assert parse_training_config(text, method).is_quantized is (settings in (FOUR, EIGHT))
        return
    with pytest.raises(ValueError, match=said):
        parse_training_config(text, method)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expected 'training_config' key to contain a map of sections: ModelConfig,"),
        ("training_config: 3", "Expected 'training_config' key to contain a map"),
        (
            "training_confg: {}",
            "has an unknown key 'training_confg'; did you mean training_config?",
        ),
        ("training_config: {LoraConf: {}}", "Unrecognized section: LoraConf; did you mean LoraC"),
        ("training_config: {zz: {}}", "Unrecognized section: zz; known are ModelConfig, "),
        ("training_config: {LoraConfig: [r]}", "LoraConfig must be a map of settings"),
        (
            training("LoraConfig", "lora_alhpa: 8"),
            "LoraConfig has no setting 'lora_alhpa'; did you ",
        ),
        (training("DatasetConfig", "zzz: 8"), "DatasetConfig has no setting 'zzz'; remove it"),
        (
            training("LoraConfig", "r: 0"),
            "LoraConfig.r must be a whole number of at least 1, not 0",
        ),
        (training("LoraConfig", "r: 8.5"), "LoraConfig.r must be a whole number"),
        (
            training("LoraConfig", "lora_dropout: 2"),
            "LoraConfig.lora_dropout must be a number from",
        ),
        (training("DataCollator", "mlm: maybe"), "DataCollator.mlm must be true or false"),
        (
            training("TrainingArguments", "learning_rate: fast"),
            "TrainingArguments.learning_rate must be a number above 0, not 'fast'",
        ),
        ("training_config: [", "is not YAML (line "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        parse_training_config(text)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@given(st.text(), st.sampled_from(["{}", "training_config: {{LoraConfig: {{{}}}}}"]))
def test_any_text_is_read_or_refused_in_one_line(text: str, around: str) -> None:
    try:
        said = parse_training_config(around.format(text)).output_dir
    except ValueError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("TrainingArguments", "num_train_epochs: 0"),
        ("TrainingArguments", "learning_rate: 0.0"),
        ("TrainingArguments", "learning_rate: .inf"),
        ("DatasetConfig", "train_test_split: 0"),
        ("DatasetConfig", "train_test_split: 1.5"),
    ],
)
def test_what_would_train_nothing_is_refused(section: str, setting: str) -> None:
    with pytest.raises(ValueError, match="must be a number above 0"):
        parse_training_config(f"training_config: {{{section}: {{{setting}}}}}", "lora")
