"""The engine knows what presets name: parsers, classes, tokenizer modes.

Read from the text of vLLM's own registries, so that no engine is imported.
"""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from kaito.catalog.lookup import PRESETS


@cache
def _vllm() -> Path:
    found = find_spec("vllm")
    if found is None or found.origin is None:
        pytest.skip("vLLM is not installed")
    return Path(found.origin).parent


def _dictionary_keys(module: str, variable_start: str) -> frozenset[str]:
    """Keys of the dictionaries whose variables start so, at the top of a module."""
    keys: set[str] = set()
    for statement in ast.parse((_vllm() / module).read_text()).body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if isinstance(value, ast.Dict) and any(name.startswith(variable_start) for name in names):
            keys |= {str(key.value) for key in value.keys if isinstance(key, ast.Constant)}
    assert keys, f"{module} has no {variable_start}"
    return frozenset(keys)


def test_tool_parsers_are_the_engines() -> None:
    known = _dictionary_keys("tool_parsers/__init__.py", "_TOOL_PARSERS")
    assert {preset.tool_call_parser for preset in PRESETS} - {""} <= known


def test_reasoning_parsers_are_the_engines() -> None:
    known = _dictionary_keys("reasoning/__init__.py", "_REASONING_PARSERS")
    assert {preset.reasoning_parser for preset in PRESETS} - {""} <= known


def test_classes_are_served_and_not_dropped() -> None:
    registry = "model_executor/models/registry.py"
    known = frozenset().union(
        *(
            _dictionary_keys(registry, start)
            for start in ("_TEXT_GENERATION", "_MULTIMODAL", "_TRANSFORMERS_SUPPORTED")
        )
    )
    wanted = {preset.facts.architecture for preset in PRESETS if preset.facts}
    assert wanted <= known
    assert not wanted & _dictionary_keys(registry, "_PREVIOUSLY")


def test_tokenizer_modes_and_load_formats_are_the_engines() -> None:
    modes = (_vllm() / "config" / "model.py").read_text()
    assert all(f'"{preset.serving.tokenizer_mode}"' in modes for preset in PRESETS)
    formats = (_vllm() / "config" / "load.py").read_text()
    assert all(f'"{preset.serving.load_format}"' in formats for preset in PRESETS)
