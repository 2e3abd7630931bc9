"""Reads `inference_config.yaml`: one map of engine options under each engine's name.

    vllm: {max-model-len: 4096, enable-prefix-caching: false}

Values keep their YAML types; `kaito.runtimes.serving.options` turns them into the engine's own.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from kaito.api.runtime import ExitCode
from kaito.base.suggest import did_you_mean
from kaito.runtimes.ending import Ending

OptionValue: TypeAlias = (
    "str | int | float | bool | list[OptionValue] | dict[str, OptionValue] | None"
)
Options: TypeAlias = Mapping[str, OptionValue]

_ENGINES = ("vllm", "transformers")
_WITHOUT_EFFECT = ("max_probe_steps", "kv_cache_cpu_memory_utilization")
"""Keys of KAITO's own server that ours accepts and has no use for."""


def read_options(path: str, engine: str) -> Options:
    """The options that the file sets for `engine`; empty without a path. Raises `Ending`."""
    if not path:
        return MappingProxyType({})
    import yaml
    from yaml.error import MarkedYAMLError

    try:
        document: object = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(f"cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f" (line {mark.line + 1})" if mark else ""
        raise _wrong(f"is not YAML{where}") from error
    return select_options({} if document is None else document, engine)


def select_options(document: object, engine: str) -> Options:
    """The map under `engine` of a parsed file."""
    if not isinstance(document, dict):
        raise _wrong("must be a map such as {vllm: {max-model-len: 4096}}")
    known = (*_ENGINES, *_WITHOUT_EFFECT)
    for key in document:
        if key not in known:
            raise _wrong(f"has an unknown key {key!r}", did_you_mean(str(key), known))
    options = document.get(engine) or {}
    if not isinstance(options, dict):
        raise _wrong(f"has a {engine!r} that is not a map of engine options")
    return MappingProxyType({str(name): value for name, value in options.items()})


def _wrong(what: str, hint: str = "") -> Ending:
    return Ending(f"inference_config.yaml {what}", ExitCode.CONFIG, hint=hint)
