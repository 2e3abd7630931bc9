"""Typed, bounded access to the keys of a configuration that somebody else wrote.

A key that is absent or null is as good as not there; one of the wrong type or out of its bounds is
a `ValueError` that names the key and shows no more than a piece of the value.
"""

from collections.abc import Mapping
from typing import Any

_LARGEST = 2**50
"""No count in a model's shape comes near it; beyond, products would only waste memory."""
MOST_LAYERS = 4096
"""Lists are made with one entry a layer, so a hostile count has to stop somewhere."""


class Keys:
    """Read access to one JSON object; `where` names its file in messages."""

    def __init__(self, values: Mapping[str, Any], where: str = "config.json") -> None:
        self._values = values
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def find_number(self, *names: str) -> int | None:
        """The first of the keys that is there, as a whole number above zero."""
        for name in names:
            value = self._values.get(name)
            if value is None:
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if not _is_count(value) or not value:
                raise ValueError(f"{self.where}: {name} is {_shown(value)}, not a sensible number")
            return int(value)
        return None

    def number(self, *names: str, default: int = 0) -> int:
        """As `find_number`; without any of the keys the default, or an error if that is 0."""
        found = self.find_number(*names)
        if found is None and not default:
            raise ValueError(f"{self.where} has none of the keys {', '.join(names)}")
        return found or default

    def count(self, name: str) -> int:
        """A whole number that may be zero; 0 when it is not there."""
        return 0 if self._values.get(name) in (None, 0) else self.number(name)

    def flag(self, name: str) -> bool:
        """Whether the key is there and true."""
        return self._values.get(name) is True

    def text(self, *names: str) -> str:
        """The first of the keys that is a text, in lower case; empty when none is."""
        for name in names:
            if isinstance(self._values.get(name), str):
                return str(self._values[name]).lower()
        return ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty when it is not there."""
        values = self._values.get(name)
        if values is None:
            return ()
        if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
            raise ValueError(f"{self.where}: {name} is {_shown(values)}, not a list of texts")
        return tuple(values)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers, not negative; empty when it is not there."""
        values = self._values.get(name)
        if values is None:
            return ()
        if not isinstance(values, list | tuple) or not all(_is_count(v) for v in values):
            raise ValueError(f"{self.where}: {name} is {_shown(values)}, not a list of numbers")
        return tuple(values)

    def nested(self, *names: str) -> "Keys | None":
        """The first of the keys that is an object."""
        for name in names:
            value = self._values.get(name)
            if isinstance(value, Mapping):
                return Keys(value, f"{self.where}: {name}")
        return None

    def overrides(self, name: str) -> dict[int, "Keys"]:
        """An object of objects under whole numbers, such as layers' own settings."""
        found = self._values.get(name)
        entries = found.items() if isinstance(found, Mapping) else ()
        return {
            int(key): Keys(value, f"{self.where}: {name}")
            for key, value in entries
            if isinstance(value, Mapping) and _is_index(key)
        }

    def over(self, inner: "Keys") -> "Keys":
        """Both together; what is in `inner` and not null counts before what is here."""
        own = {key: value for key, value in inner._values.items() if value is not None}
        return Keys({**self._values, **own}, self.where)

    def objects(self, name: str) -> tuple["Keys", ...]:
        """The objects of a list, others left out; empty when there is no list."""
        values = self._values.get(name)
        if not isinstance(values, list | tuple):
            return ()
        return tuple(Keys(v, f"{self.where}: {name}") for v in values if isinstance(v, Mapping))

    def values(self) -> tuple["Keys", ...]:
        """The objects among the values."""
        found = [(k, v) for k, v in self._values.items() if isinstance(v, Mapping)]
        return tuple(Keys(value, f"{self.where}: {key}") for key, value in found)

    def layers(self, *names: str) -> int:
        """A number of layers, at most `MOST_LAYERS`."""
        found = self.number(*names)
        if found > MOST_LAYERS:
            raise ValueError(f"{self.where}: {found} layers are more than {MOST_LAYERS}")
        return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_index(key: object) -> bool:
    if isinstance(key, str):
        return key.isascii() and key.isdigit() and len(key) <= 6
    return _is_count(key)


def _shown(value: object) -> str:
    # repr of a hostile number or list can be as large as itself.
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number of many digits"
    text = repr(value) if isinstance(value, int | float | str) else type(value).__name__
    return text if len(text) <= 40 else text[:37] + "..."
