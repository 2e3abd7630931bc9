"""Logging: constant messages with facts as fields, as logfmt for people or JSON for machines.

Call `logger.info("watch expired", extra=facts(resource="pods"))`; never build messages.
"""

import logging
import sys
from typing import IO, Any

import msgspec

from kaito.base.clock import datetime_from_timestamp, to_rfc3339_micro

_FIELD = "kaito_facts"


def facts(**fields: object) -> dict[str, Any]:
    """What to pass as `extra=`: fields that a formatter prints after the message."""
    return {_FIELD: fields}


class LogfmtFormatter(logging.Formatter):
    """One line: time, level, logger, message, then `key=value` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        moment = to_rfc3339_micro(datetime_from_timestamp(record.created))
        fields: dict[str, object] = getattr(record, _FIELD, {})
        tail = "".join(f" {key}={_quote(value)}" for key, value in fields.items())
        line = f"{moment} {record.levelname:<7} {record.name} {record.getMessage()}{tail}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        entry: dict[str, object] = {
            "time": to_rfc3339_micro(datetime_from_timestamp(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({key: str(value) for key, value in getattr(record, _FIELD, {}).items()})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()


def start_logging(
    *, level: str = "INFO", json: bool = False, stream: IO[str] | None = None
) -> None:
    """Send every logger to `stream` (standard error unless told otherwise)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if json else LogfmtFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Ours by name: libraries raise the root's level when they are imported, as vLLM's do.
    logging.getLogger("kaito").setLevel(level)


def _quote(value: object) -> str:
    text = str(value)
    return (
        text if text and not any(c in text for c in ' "=\n') else msgspec.json.encode(text).decode()
    )
