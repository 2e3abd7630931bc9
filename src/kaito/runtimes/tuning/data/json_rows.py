"""Rows of JSON: one object a line, or one array of objects, read in bounded memory.

A `.json` file may be either, or an object that holds the array. A line that is too long, or is no
object, is one bad row with its number, and reading goes on; an array that breaks ends the file.
"""

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any, Final

import msgspec

from kaito.base.quantity import MIB
from kaito.runtimes.tuning.data.row import NOT_TEXT, ROW_BYTES, TOO_LARGE, Row
from kaito.runtimes.tuning.errors import DataRefused

_PIECE: Final = MIB // 4
_ARRAY_KEYS: Final = ("data", "rows", "train", "examples", "instances")
_SPACE: Final = " \t\r\n,"
_MOST_DIGITS: Final = 1000


def read_json_lines(stream: IO[bytes]) -> Iterator[Row]:
    """One row a line; blank lines are passed over."""
    number = 0
    while line := stream.readline(ROW_BYTES + 1):
        number += 1
        if len(line) > ROW_BYTES:
            _skip_line(stream, line)
            yield Row(number=number, problem=TOO_LARGE)
        elif line.strip():
            yield _to_row(number, line)


def read_json(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Rows of a `.json` file, whichever way it holds them."""
    text = _Text(stream, name)
    first = text.peek()
    if first == "[":
        yield from _read_arrays(text)
        return
    if first != "{":
        raise DataRefused(f"{name} is not JSON: it starts with {text.shown()}")
    yield from _read_objects(text)


def _read_objects(text: "_Text") -> Iterator[Row]:
    """Objects one after the other; or a single one that holds the array."""
    value = text.decode()
    if not text.peek():
        if (rows := _nested_rows(value)) is not None:
            yield from (_as_row(index, entry) for index, entry in enumerate(rows, start=1))
            return
        _refuse_columns(value, text.name)
    number = 1
    yield _as_row(number, value)
    while text.peek():
        number += 1
        yield _as_row(number, text.decode())


def _nested_rows(value: dict[str, object]) -> list[object] | None:
    """The list of rows that an object holds."""
    for key in _ARRAY_KEYS:
        if isinstance(found := value.get(key), list):
            return found
    return None


def _refuse_columns(value: dict[str, object], name: str) -> None:
    """An object of whole columns, as pandas writes a table unless it is told otherwise."""
    columns = tuple(value.values())
    is_by_index = all(isinstance(column, dict) for column in columns)
    is_lists = all(
        isinstance(column, list) and not any(isinstance(entry, dict) for entry in column)
        for column in columns
    )
    if columns and (is_by_index or is_lists):
        raise DataRefused(
            f"{name} holds columns, not rows",
            hint="write one object a row, as pandas' to_json(orient='records', lines=True) does",
        )


def _read_arrays(text: "_Text") -> Iterator[Row]:
    """One, or several that were written one after the other: none of them is passed over."""
    number = 0
    while text.peek() == "[":
        text.skip(1)
        while (sign := text.peek()) != "]":
            number += 1
            if not sign:
                raise DataRefused(f"{text.name} ends in the middle, after row {number - 1}")
            yield _as_row(number, text.decode(number))
        text.skip(1)
    if text.peek():
        raise DataRefused(f"{text.name} goes on after row {number} with {text.shown()}, no list")


def _to_row(number: int, line: bytes) -> Row:
    try:
        return _as_row(number, msgspec.json.decode(line.removeprefix(codecs.BOM_UTF8)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Row(number=number, problem="is not JSON" if _is_text(line) else NOT_TEXT)
    except RecursionError:
        return Row(number=number, problem="is nested too deep")


def _as_row(number: int, value: object) -> Row:
    if isinstance(value, dict):
        return Row(number=number, value=value)
    return Row(number=number, problem="is not an object with named columns")


def _to_number(text: str) -> int | float:
    """Python refuses to read whole numbers of thousands of digits; as a fraction it is infinite."""
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _skip_line(stream: IO[bytes], line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(ROW_BYTES)


class _Text:
    """A window on a stream of text that grows until one JSON value is whole."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self.name = name
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_int=_to_number)
        self._text = ""
        self._at = 0
        self._is_over = False

    def peek(self) -> str:
        """The next character that is neither space nor comma; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._grow(_PIECE):
                return ""

    def skip(self, count: int) -> None:
        """Pass over characters that were seen."""
        self._at += count

    def decode(self, number: int = 1) -> Any:
        """The next value; the window doubles while it is not whole."""
        piece = _PIECE
        while True:
            try:
                value, self._at = self._json.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise DataRefused(f"{self.name} row {number} is nested too deep") from error
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > ROW_BYTES:
                    raise DataRefused(f"{self.name} row {number} {TOO_LARGE}") from error
                if not self._grow(piece):
                    raise DataRefused(
                        f"{self.name} is not JSON at row {number}: {error.msg}"
                    ) from error
                piece *= 2
            else:
                return value

    def shown(self) -> str:
        """What comes next, for a message."""
        return repr(self._text[self._at : self._at + 12])

    def _grow(self, size: int) -> bool:
        if self._is_over:
            return False
        raw = self._stream.read(size)
        self._is_over = not raw
        try:
            more = self._decoder.decode(raw, final=self._is_over)
        except UnicodeDecodeError as error:
            raise DataRefused(f"{self.name} is not UTF-8 text") from error
        self._text = self._text[self._at :] + more
        self._at = 0
        return not self._is_over
