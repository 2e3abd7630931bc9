"""training_config.yaml in KAITO's words and old words, as the settings of today's libraries."""

import pytest

from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.settings import DataSettings, read_settings

KAITO_QLORA = """
training_config:
  ModelConfig: {torch_dtype: bfloat16, local_files_only: true, device_map: auto}
  QuantizationConfig: {load_in_4bit: true, bnb_4bit_quant_type: nf4,
    bnb_4bit_compute_dtype: bfloat16, bnb_4bit_use_double_quant: true}
  LoraConfig: {r: 8, lora_alpha: 8, lora_dropout: 0.0, target_modules: [q_proj, k_proj]}
  TrainingArguments: {output_dir: /mnt/results, save_strategy: epoch,
    per_device_train_batch_size: 2, ddp_find_unused_parameters: false}
  DataCollator: {mlm: true}
  DatasetConfig: {shuffle_dataset: true, train_test_split: 1}
"""

KAITO_LORA = """
training_config:
  ModelConfig: {torch_dtype: "bfloat16", local_files_only: true, device_map: "auto"}
  QuantizationConfig: {load_in_4bit: false}
  LoraConfig: {r: 8, lora_alpha: 8, lora_dropout: 0.0}
  TrainingArguments: {output_dir: "/mnt/results", ddp_find_unused_parameters: false,
    save_strategy: "epoch", per_device_train_batch_size: 1}
  DataCollator: {mlm: true}
  DatasetConfig: {shuffle_dataset: true, train_test_split: 1}
"""
"""The sections and values of the ConfigMap lora-params-template of KAITO 0.12."""


def training(text: str) -> dict[str, object]:
    return dict(read_settings(f"training_config: {{TrainingArguments: {text}}}", "lora").training)


def test_kaitos_own_configuration_is_taken_without_a_word() -> None:
    settings = read_settings(KAITO_QLORA, "QLoRA")

    assert settings.method == "qlora"
    assert settings.notes == ()
    assert settings.model == {"dtype": "bfloat16"}
    assert settings.lora["r"] == 8
    assert settings.quantization["bnb_4bit_quant_type"] == "nf4"
    assert settings.data.train_share == 1.0
    assert settings.training == {
        "save_strategy": "epoch",
        "per_device_train_batch_size": 2,
        "ddp_find_unused_parameters": False,
    }


@pytest.mark.parametrize("method", ["lora", "full"])
def test_kaitos_template_for_lora_is_taken_and_nothing_is_quantized(method: str) -> None:
    settings = read_settings(KAITO_LORA, method)

    assert settings.quantization == {}
    assert settings.model == {"dtype": "bfloat16"}
    assert settings.data == DataSettings()
    if method == "lora":
        assert settings.notes == ()
        assert settings.lora == {"r": 8, "lora_alpha": 8, "lora_dropout": 0.0}


@pytest.mark.parametrize(
    ("section", "setting", "said"),
    [
        ("ModelConfig", "revision: v2", "the preset says which model"),
        ("LoraConfig", "use_dora: true", "trains and does not serve"),
        ("LoraConfig", "bias: all", "trains and does not serve"),
        ("TrainingArguments", "truncation_mode: keep_end", "the trainer decides it"),
        ("TrainingArguments", "data_seed: 7", "the trainer decides it"),
        ("TrainingArguments", "fsdp: full_shard auto_wrap", "the trainer decides it"),
        ("TrainingArguments", "fsdp_config: {min_num_params: 1}", "the trainer decides it"),
    ],
)
def test_what_is_not_done_as_it_is_asked_for_is_told(section: str, setting: str, said: str) -> None:
    (note,) = read_settings(f"training_config: {{{section}: {{{setting}}}}}", "lora").notes

    assert note.startswith(f"{section}.{setting.partition(':')[0]} ")
    assert said in note


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{evaluation_strategy: epoch}", {"eval_strategy": "epoch"}),
        ("{warmup_ratio: 0.1}", {"warmup_steps": 0.1}),
        ("{per_gpu_train_batch_size: 2}", {"per_device_train_batch_size": 2}),
        ("{no_cuda: true}", {"use_cpu": True}),
        ("{adafactor: true}", {"optim": "adafactor"}),
        ("{learning_rate: '2e-4'}", {"learning_rate": 2e-4}),
        ("{max_seq_length: '512'}", {"max_length": 512}),
        ("{bf16: 'true', run_name: x}", {"bf16": True, "run_name": "x"}),
        ("{group_by_length: true, output_dir: /mnt/results}", {}),
        ("{fsdp: '', fsdp_config: {}, fsdp_transformer_layer_cls_to_wrap: Block}", {}),
        ("{run_name: '2024', project: 'true'}", {"run_name": "2024", "project": "true"}),
        ("{run_name: '1e3', optim_args: '7'}", {"run_name": "1e3", "optim_args": "7"}),
        ("{run_name: 2024, project: none}", {"run_name": "2024"}),
        (
            "{eval_strategy: no, save_strategy: 'no'}",
            {"eval_strategy": "no", "save_strategy": "no"},
        ),
    ],
)
def test_old_names_and_texts_become_todays(old: str, new: dict[str, object]) -> None:
    assert training(old) == new


def test_what_transformers_dropped_is_left_out_with_a_sentence() -> None:
    settings = read_settings("training_config: {TrainingArguments: {past_index: 1}}", "lora")

    assert settings.training == {}
    assert settings.notes == (
        "TrainingArguments.past_index has no effect any more: transformers dropped it",
    )


@pytest.mark.parametrize(
    ("text", "method", "said"),
    [
        ("training_config: {TrainingArguments: {deepspeed: ds.json}}", "lora", "FSDP"),
        ("training_config: {TrainingArguments: {learning_rat: 1}}", "lora", "learning_rate"),
        ("training_config: {}", "dora", "lora, qlora and full"),
        ("training_config: {QuantizationConfig: {load_in_4bit: true}}", "lora", "method qlora"),
        ("training_config: {QuantizationConfig: {load_in_8bit: true}}", "full", "cannot train"),
        ("training_config: {ModelConfig: {torch_dtype: int7}}", "lora", "bfloat16, float16"),
        ("training_config: {DatasetConfig: {dataset_path: ../etc}}", "lora", "must not hold '..'"),
        ("training_config: {DatasetConfig: {dataset_path: /etc}}", "lora", "must be below /mnt"),
        ("training_config: {DatasetConfig: {context_column: yes}}", "lora", "must be a text (in"),
        ("training_config: {DatasetConfig: {response_column: [a]}}", "lora", "must be a text (in"),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, method: str, said: str) -> None:
    with pytest.raises(SettingRefused) as refusal:
        read_settings(text, method)

    assert said in refusal.value.line


def test_qlora_without_a_file_takes_nf4_with_double_quantization() -> None:
    assert read_settings("", "qlora").quantization == {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": "bfloat16",
    }


def test_columns_and_split_are_those_of_the_dataset_section() -> None:
    data = read_settings(
        "training_config: {DatasetConfig: {context_column: q, response_column: a, "
        "train_test_split: '0.8', shuffle_seed: 7, shuffle_dataset: false, show_samples: no}}",
        "lora",
    ).data

    assert not data.shows_samples
    assert (data.columns.context, data.columns.response) == ("q", "a")
    assert (data.train_share, data.seed, data.shuffles) == (0.8, 7, False)


@pytest.mark.parametrize("name", ["'2024'", "2024", "'true'", "'1e3'"])
def test_a_column_may_look_like_a_number(name: str) -> None:
    text = f"training_config: {{DatasetConfig: {{context_column: {name}, dataset_path: {name}}}}}"
    data = read_settings(text, "lora").data

    assert data.columns.context == name.strip("'")
    assert data.path == f"/mnt/{data.columns.context}"
