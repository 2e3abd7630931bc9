"""What is wrong with one field of an object, as every rule and every caller says it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, e.g. `inference.preset.name: Unsupported ...`."""

    path: str
    """Where, as `inference.adapters[0].source`; empty for the object as a whole."""
    detail: str
    """What is wrong and what to do, in one line."""

    def __str__(self) -> str:
        """Path and detail on one line."""
        return f"{self.path}: {self.detail}" if self.path else self.detail
