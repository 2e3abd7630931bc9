"""The base model and its tokenizer, loaded from the pod's folder as the settings say."""

import importlib.util
import os
from pathlib import Path
from typing import Any

from kaito.runtimes.tuning.errors import DataRefused, SettingRefused
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.settings import Settings
from kaito.runtimes.tuning.trainer_settings import Applied


def load_tokenizer(folder: Path, settings: Settings) -> Any:
    """The tokenizer, with a sign for padding and the chat template that is to be used."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=settings.model.get("trust_remote_code") is True
        )
    except (OSError, ValueError) as error:
        line = " ".join(str(error).split())[:200]
        raise DataRefused(f"{folder} has no tokenizer that can be read: {line}") from error
    if not tokenizer.is_fast:
        raise DataRefused(f"{folder} has no tokenizer.json, which tells tokens' places in the text")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if template := settings.model.get("chat_template"):
        tokenizer.chat_template = _template(str(template))
    return tokenizer


def load_model(
    folder: Path,
    settings: Settings,
    applied: Applied,
    machine: Machine,
    *,
    is_shared: bool = False,
) -> Any:
    """The weights, quantized where that was asked for; this rank's part where all share them."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from kaito.runtimes.tuning.sharing import (
        refusing_unshareable,
        settle_shared,
        sharing_options,
    )

    options: dict[str, Any] = {}
    if applied.quantization:
        try:
            options["quantization_config"] = BitsAndBytesConfig(**applied.quantization)
        except (TypeError, ValueError) as error:
            raise SettingRefused(f"QuantizationConfig is not usable: {error}") from error
    if machine.kind == "cuda" and has_flash_attention():
        options["attn_implementation"] = "flash_attention_2"
    if is_shared:
        options |= sharing_options(machine, trains_all=settings.method == "full")
    elif machine.kind == "cuda":
        options["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    with refusing_unshareable(is_shared=is_shared):
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=applied.dtype,
            trust_remote_code=settings.model.get("trust_remote_code") is True,
            **options,
        )
    model.config.use_cache = False
    return settle_shared(model, machine) if is_shared else model


def has_flash_attention() -> bool:
    """Whether batches can go without padding."""
    return importlib.util.find_spec("flash_attn") is not None


def _template(text: str) -> str:
    """A chat template given as itself, or as the path of its file."""
    if "{" in text:
        return text
    try:
        return Path(text).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingRefused(f"ModelConfig.chat_template {text!r} cannot be read") from error
