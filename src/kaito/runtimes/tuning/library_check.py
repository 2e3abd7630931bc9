"""Settings tried on the libraries that they are for, before any data is read.

The types that their classes declare are compared first: some of these classes open a file, or leave
a wrong value for the middle of the training.
"""

import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgspec
from peft import LoraConfig
from transformers import BitsAndBytesConfig
from transformers.integrations import get_reporting_integration_callbacks
from transformers.utils import is_liger_kernel_available
from trl import SFTConfig

from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.ranks import count_ranks
from kaito.runtimes.tuning.trainer_settings import Applied

_TRAINING, _LORA, _QUANTIZATION = "TrainingArguments", "LoraConfig", "QuantizationConfig"
_UNUSABLE: Final = (TypeError, ValueError, AttributeError, ImportError, OSError, RuntimeError)
_WORDS: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a map",
    list: "a list",
}


def check_applied(applied: Applied, folder: Path) -> None:
    """Refuse what the libraries would refuse later, or would take and not do.

    Args:
        applied: what they are to be given.
        folder: where the trainer would write; nothing is written here.

    Raises:
        SettingRefused: names the section, and the key where that is known.
    """
    _check_types(_TRAINING, SFTConfig, applied.training)
    _check_types(_LORA, LoraConfig, applied.lora)
    _try(_LORA, lambda: LoraConfig(task_type="CAUSAL_LM", **applied.lora))
    if applied.quantization:
        _try(_QUANTIZATION, lambda: BitsAndBytesConfig(**applied.quantization))
    if count_ranks() == 1:
        # Of several, each would wait here for the others, which may still fetch their data.
        given = dict(applied.training)
        _try(_TRAINING, lambda: SFTConfig(output_dir=str(folder), disable_tqdm=True, **given))
    _check_programs(applied.training)


def _check_types(section: str, kind: Any, given: Mapping[str, object]) -> None:
    known = {field.name for field in fields(kind) if field.init}
    hints = typing.get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            raise SettingRefused(f"{section}.{key} is not known to this release of its library")
        if value is not None and not _fits(value, hints[key]):
            wanted = " or ".join(dict.fromkeys(_words(hints[key]))) or "left out"
            raise SettingRefused(f"{section}.{key} must be {wanted}, not {value!r}")


def _fits(value: object, hint: Any) -> bool:
    return any(_is_one(value, kind) for kind in _kinds(hint))


def _is_one(value: object, kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return isinstance(value, str)
    if isinstance(value, str) and _is_completed(value, kind):
        return True
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    except TypeError:
        # A class of the library's own: its sections are maps here.
        return isinstance(value, dict)
    return True


def _is_completed(value: str, kind: Any) -> bool:
    """Whether a declared word has a part to fill in, as PEFT's `pissa_niter_[number of iters]`."""
    words = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    openings = (str(word).partition("[")[0] for word in words if "[" in str(word))
    return any(value.startswith(opening) for opening in openings if opening)


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The members of a union; else the hint itself."""
    arguments = typing.get_args(hint)
    is_union = typing.get_origin(hint) not in (None, dict, list, tuple, typing.Literal)
    return arguments if is_union and arguments else (hint,)


def _words(hint: Any) -> Iterator[str]:
    for kind in _kinds(hint):
        plain = typing.get_origin(kind) or kind
        if plain is typing.Literal:
            yield from (str(value).lower() for value in typing.get_args(kind))
        elif plain in _WORDS:
            yield _WORDS[plain]
        elif kind is not type(None):
            yield "text" if issubclass(plain, str) else "a map"


def _try(section: str, make: Callable[[], object]) -> None:
    try:
        make()
    except _UNUSABLE as error:
        line = " ".join(str(error).split())[:300]
        raise SettingRefused(f"{section} cannot be used: {line}") from error


def _check_programs(training: Mapping[str, object]) -> None:
    """What is done by a library that this image may lack."""
    if training.get("use_liger_kernel") is True and not is_liger_kernel_available():
        raise SettingRefused(f"{_TRAINING}.use_liger_kernel cannot be used: Liger is not installed")
    told = training.get("report_to")
    wanted = [told] if isinstance(told, str) else list(typing.cast("list[str]", told or ()))
    if names := [name for name in wanted if name not in ("none", "all")]:
        _try(
            f"{_TRAINING}.report_to",
            lambda: [callback() for callback in get_reporting_integration_callbacks(names)],
        )
