"""The YAML text of one key of a ConfigMap as a map, or one line that says what is wrong with it.

Users write these files by hand and admission reads them, so they are bounded: no aliases (a few
lines of them expand to gigabytes), no tags, no deep nesting, and no more than one megabyte.
"""

from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.error import MarkedYAMLError

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it: ten times as fast."""
_MOST_BYTES = 1024 * 1024
_MOST_LEVELS = 64


def parse_config_text(text: str) -> dict[str, Any]:
    """The map that `text` holds; an empty text is an empty map.

    Raises:
        ValueError: not YAML, not a map, a key given twice, an alias, or too large.
    """
    if len(text) > _MOST_BYTES:
        raise ValueError(f"has {len(text)} characters, more than {_MOST_BYTES}")
    try:
        trick = _trick_in(text)
        node = None if trick else yaml.compose(text, Loader=_PARSER)
        document: object = _Constructor().construct_document(node) if node else None
    except yaml.YAMLError as error:
        raise ValueError(_complaint(error)) from error
    except ValueError as error:
        # Such as a date that no calendar has.
        raise ValueError(f"is not YAML: {type(error).__name__}") from error
    if trick:
        raise ValueError(f"is not plain YAML {trick}")
    if document is None:
        return {}
    if isinstance(document, dict):
        return {str(key): value for key, value in document.items()}
    raise ValueError(f"must be a map, not a {type(document).__name__}")


def number_of(value: object) -> float | None:
    """The number that a value is or spells, or None.

    A text counts: KAITO reads these files as texts, and YAML 1.1 reads `2e-4` as one.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def whole_number_of(value: object) -> int | None:
    """The whole number that a value is or spells, or None."""
    number = number_of(value)
    return int(number) if number is not None and number.is_integer() else None


def _complaint(error: yaml.YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return "is not YAML: it holds a character that YAML does not allow"
    mark = error.problem_mark or error.context_mark
    where = f" (line {mark.line + 1})" if mark else ""
    problem = (error.problem or error.context or "cannot be read").splitlines()[0]
    return f"is not YAML{where}: {problem}"


def _trick_in(text: str) -> str:
    """The first alias, tag or too deep nesting, or an empty text; nothing is built for it.

    Reading events takes no recursion, building does: in C, too much of it ends the process.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_PARSER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        said = ""
        if isinstance(event, yaml.AliasEvent):
            said = "aliases are not allowed here"
        elif getattr(event, "tag", None):
            said = "tags are not allowed here"
        elif depth > _MOST_LEVELS:
            said = f"more than {_MOST_LEVELS} levels"
        if said:
            mark = event.start_mark
            return f"(line {mark.line + 1}): {said}" if mark else f": {said}"
    return ""


class _Constructor(SafeConstructor):
    """Plain values only, each key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are given once."""
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise MarkedYAMLError(problem="a key is given twice", problem_mark=node.start_mark)
        return mapping
