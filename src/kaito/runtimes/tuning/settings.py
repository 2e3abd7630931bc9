"""training_config.yaml as the settings of this release's libraries.

Old names become new ones, what these libraries no longer have is dropped with a sentence, and what
the user leaves open is open here too: `plan` and `defaults` fill it in. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from kaito.api.config_text import number_of
from kaito.api.training_config import TrainingConfig, parse_training_config
from kaito.runtimes.tuning.data.rows import Columns
from kaito.runtimes.tuning.errors import SettingRefused

Method: TypeAlias = Literal["lora", "qlora", "full"]
Values: TypeAlias = Mapping[str, object]

_RENAMED: Final = {
    "evaluation_strategy": "eval_strategy",
    "max_seq_length": "max_length",
    "warmup_ratio": "warmup_steps",
    "no_cuda": "use_cpu",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "use_liger": "use_liger_kernel",
}
_OURS: Final = frozenset(
    [
        "output_dir",
        "overwrite_output_dir",
        "resume_from_checkpoint",
        "dataset_kwargs",
        "dataset_text_field",
        "dataset_num_proc",
        "dataset_batch_size",
        "disable_tqdm",
        "do_train",
        "do_eval",
        "do_predict",
        "completion_only_loss",
        "assistant_only_loss",
        "save_safetensors",
        "logging_dir",
        "group_by_length",
        "num_of_sequences",
        "chars_per_token",
        "shuffle_dataset",
        "chat_template_path",
        "eos_token",
        "pad_token",
        "model_init_kwargs",
        "trust_remote_code",
        "local_rank",
        "hub_always_push",
        "hub_model_id",
        "hub_private_repo",
        "hub_revision",
        "hub_strategy",
        "hub_token",
        "push_to_hub",
        "push_to_hub_model_id",
        "push_to_hub_organization",
        "push_to_hub_token",
        "enable_jit_checkpoint",
        "save_total_limit",
        "save_only_model",
        "restore_callback_states_from_checkpoint",
        "load_best_model_at_end",
        "train_sampling_strategy",
        "length_column_name",
        "remove_unused_columns",
        "dataloader_drop_last",
        "greater_is_better",
        "metric_for_best_model",
        "padding_free",
        "truncation_mode",
        "data_seed",
        "fsdp",
        "fsdp_config",
        "fsdp_min_num_params",
        "fsdp_transformer_layer_cls_to_wrap",
    ]
)
"""Settings that the trainer decides by itself: they are done anyway, or have no meaning here."""
_GONE: Final = frozenset(
    [
        "dispatch_batches",
        "fp16_backend",
        "fp16_opt_level",
        "half_precision_backend",
        "include_inputs_for_metrics",
        "include_tokens_per_second",
        "jit_mode_eval",
        "mp_parameters",
        "past_index",
        "ray_scope",
        "sharded_ddp",
        "split_batches",
        "torchdynamo",
        "tpu_metrics_debug",
        "tpu_num_cores",
        "use_ipex",
        "use_mps_device",
    ]
)
_TOLD: Final = frozenset(
    {
        "load_best_model_at_end",
        "push_to_hub",
        "resume_from_checkpoint",
        "chat_template_path",
        "padding_free",
        "truncation_mode",
        "data_seed",
        "fsdp",
        "fsdp_config",
    }
)
"""Ours whose setting would surprise when it does nothing: those get a sentence."""
_NOTHING_ASKED: Final[tuple[object, ...]] = (False, "", "keep_start", [], {})
"""Values of them that ask for what is done anyway."""
_TEXTS: Final = frozenset(
    {
        "dataset_text_field",
        "optim_args",
        "project",
        "run_name",
        "trackio_bucket_id",
        "trackio_space_id",
        "trackio_static_space_id",
    }
)
"""Free texts, also where they look like a number."""
_COLUMNS: Final = ("messages_column", "context_column", "response_column")
_REFUSED: Final = {
    "deepspeed": "DeepSpeed is not part of this image; several GPUs are used through FSDP",
    "auto_find_batch_size": "batches are sized from memory; leave per_device_train_batch_size out",
}
_LORA_OURS: Final = frozenset(
    [
        "task_type",
        "base_model_name_or_path",
        "inference_mode",
        "peft_type",
        "peft_version",
        "auto_mapping",
        "revision",
        "runtime_config",
    ]
)
_MODEL_KEPT: Final = frozenset({"trust_remote_code", "chat_template", "dtype"})
_DTYPES: Final = ("auto", "bfloat16", "float16", "float32")
_NOT_SERVED: Final = frozenset(
    {
        "alora_invocation_tokens",
        "layer_replication",
        "lora_bias",
        "modules_to_save",
        "use_dora",
        "use_qalora",
    }
)
"""Adapters with any of these can be trained; `kaito.runtimes.serving` refuses to serve them."""
_NF4: Final[Values] = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "bfloat16",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """What DatasetConfig says."""

    columns: Columns = field(default_factory=Columns)
    extension: str = ""
    path: str = ""
    """A file or folder below /mnt; empty: wherever the data was put."""
    shuffles: bool = True
    seed: int = 42
    train_share: float = 1.0
    """Of the rows; the others are held out. 1: none are, as KAITO's own templates have it."""
    shows_samples: bool = True
    """Whether reports hold a few samples and what the model says to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the user set, under the names of today."""

    method: Method
    model: Values
    quantization: Values
    lora: Values
    training: Values
    data: DataSettings
    answers_only: bool = True
    notes: tuple[str, ...] = ()
    """What was given and is not done as it was given, one line each."""

    def given(self, key: str) -> object:
        """One of the training settings, or None."""
        return self.training.get(key)

    def number(self, key: str, default: float) -> float:
        """A training setting that is a number."""
        number = number_of(self.training.get(key))
        return default if number is None else number


def read_settings(text: str, method: str) -> Settings:
    """The settings of one job; empty text takes every default.

    Raises:
        SettingRefused: one line that says what is wrong.
    """
    chosen = _method(method)
    if not text.strip():
        text = "training_config: {}" if chosen != "qlora" else _QLORA_TEXT
    try:
        config = parse_training_config(text, None if chosen == "full" else chosen)
    except ValueError as error:
        raise SettingRefused(f"training_config.yaml {error}") from error
    notes: list[str] = []
    training = _training(config.sections.get("TrainingArguments", {}), notes.append)
    collator = _coerced(config.sections.get("DataCollator", {}))
    if collator.get("pad_to_multiple_of") is not None:
        training.setdefault("pad_to_multiple_of", collator["pad_to_multiple_of"])
    return Settings(
        method=chosen,
        model=_model(config.sections.get("ModelConfig", {}), notes.append),
        quantization=_quantization(config, chosen),
        lora=_lora(config.sections.get("LoraConfig", {}), chosen, notes.append),
        training=MappingProxyType(training),
        data=_data(config),
        answers_only=_answers_only(config.sections.get("TrainingArguments", {})),
        notes=tuple(notes),
    )


_QLORA_TEXT: Final = "training_config: {QuantizationConfig: {load_in_4bit: true}}"


def _method(text: str) -> Method:
    match text.lower():
        case "lora":
            return "lora"
        case "qlora":
            return "qlora"
        case "full":
            return "full"
    raise SettingRefused(f"method {text!r} is not known", hint="known are lora, qlora and full")


def _training(given: Values, note: Callable[[str], None]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for key, value in _coerced(given).items():
        if value is None:
            continue
        if key in _REFUSED and value is not False:
            raise SettingRefused(f"TrainingArguments.{key} cannot be used: {_REFUSED[key]}")
        if key == "adafactor":
            settings.update({"optim": "adafactor"} if value is True else {})
        elif key in _GONE or key in _REFUSED:
            note(f"TrainingArguments.{key} has no effect any more: transformers dropped it")
        elif key in _OURS:
            if key in _TOLD and value not in _NOTHING_ASKED:
                note(f"TrainingArguments.{key} has no effect here: the trainer decides it")
        else:
            settings[_RENAMED.get(key, key)] = value
    return settings


def _model(given: Values, note: Callable[[str], None]) -> Values:
    renamed = {("dtype" if key == "torch_dtype" else key): value for key, value in given.items()}
    path = renamed.get("pretrained_model_name_or_path")
    if path and path != "/workspace/tfs/weights":
        note("ModelConfig.pretrained_model_name_or_path has no effect: the preset says which model")
    if renamed.get("revision"):
        note("ModelConfig.revision has no effect: the preset says which model")
    kept = {key: value for key, value in _coerced(renamed).items() if key in _MODEL_KEPT and value}
    if "dtype" in kept:
        kept["dtype"] = dtype = str(kept["dtype"]).removeprefix("torch.")
        if dtype not in _DTYPES:
            names = ", ".join(_DTYPES)
            raise SettingRefused(f"ModelConfig.torch_dtype must be one of {names}, not {dtype!r}")
    return MappingProxyType(kept)


def _quantization(config: TrainingConfig, method: Method) -> Values:
    if method != "qlora":
        if method == "full" and config.is_quantized:
            raise SettingRefused(
                "method full cannot train quantized weights",
                hint="remove load_in_4bit or load_in_8bit, or use method qlora",
            )
        return MappingProxyType({})
    given = _coerced(config.sections.get("QuantizationConfig", {}))
    given.pop("quant_method", None)
    defaults = {} if given.get("load_in_8bit") is True else _NF4
    return MappingProxyType({**defaults, **{k: v for k, v in given.items() if v is not None}})


def _lora(given: Values, method: Method, note: Callable[[str], None]) -> Values:
    kept = {
        key: value
        for key, value in _coerced(given).items()
        if value is not None and key not in _LORA_OURS
    }
    if method == "full":
        if kept:
            note("LoraConfig has no effect: method full trains all of the model's weights")
        return MappingProxyType({})
    refused = {key for key in _NOT_SERVED if kept.get(key)}
    refused |= {"bias"} if kept.get("bias", "none") != "none" else set()
    for key in sorted(refused):
        note(f"LoraConfig.{key} makes an adapter that kaito trains and does not serve")
    return MappingProxyType(kept)


def _data(config: TrainingConfig) -> DataSettings:
    section = config.sections.get("DatasetConfig", {})
    given = _coerced(section)
    messages, context, response = (_name(section.get(key)) for key in _COLUMNS)
    text_column = _name(config.value("TrainingArguments", "dataset_text_field"))
    if not response and text_column != "text":
        response = text_column
    # KAITO's templates spell out the default of a column that no data set has to have.
    if response == "text" and not context:
        response = ""
    share = number_of(given.get("train_test_split"))
    seed = number_of(given.get("shuffle_seed"))
    return DataSettings(
        columns=Columns(messages=messages, context=context, response=response),
        extension=_name(section.get("dataset_extension")).lower().lstrip("."),
        path=_path(_name(section.get("dataset_path"))),
        shuffles=given.get("shuffle_dataset") is not False,
        seed=42 if seed is None else int(seed),
        train_share=share or 1.0,
        shows_samples=given.get("show_samples") is not False,
    )


def _path(text: str) -> str:
    if text and not str(PurePosixPath("/mnt") / text).startswith("/mnt/"):
        raise SettingRefused(f"DatasetConfig.dataset_path {text!r} must be below /mnt")
    if ".." in PurePosixPath(text).parts:
        raise SettingRefused(f"DatasetConfig.dataset_path {text!r} must not hold '..'")
    return str(PurePosixPath("/mnt") / text) if text else ""


def _answers_only(given: Values) -> bool:
    values = _coerced(given)
    return values.get("completion_only_loss") is not False


def _coerced(given: Values) -> dict[str, object]:
    """Texts that spell a number or a truth as such: KAITO passed all of them as texts."""
    return {key: _read(key, value) for key, value in given.items()}


def _read(key: str, value: object) -> object:
    if key in _TEXTS:
        return _name(value) or None
    if value is False and key.endswith("_strategy"):
        return "no"  # YAML 1.1 reads a bare one so
    return _coerce(value)


def _coerce(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    number = number_of(value)
    if number is None or value.lower().strip("+-") in {"nan", "inf", "infinity"}:
        return None if value.lower() in {"none", "null"} else value
    return int(number) if number.is_integer() and value.lstrip("+-").isdigit() else number


def _name(value: object) -> str:
    """A free text; a bare number in the file is one, too."""
    if value is None or (isinstance(value, str) and value.lower() in {"none", "null"}):
        return ""
    return str(value)
