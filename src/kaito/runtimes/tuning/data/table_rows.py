"""Rows of Parquet, Arrow and CSV files, a batch at a time.

Parquet is decoded page by page; a row group whose rows are far too large on average is refused by
its metadata alone, before memory is spent on it.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from kaito.base.quantity import MIB
from kaito.runtimes.tuning.data.row import NOT_TEXT, ROW_BYTES, TOO_LARGE, Row
from kaito.runtimes.tuning.errors import DataRefused

_BATCH: Final = 256
_AVERAGE_BYTES: Final = 4 * MIB
"""Of a row group's rows: one of 2 GiB among a few hundred is known by this."""
_GROUP_BYTES: Final = 4096 * MIB
_BUFFER: Final = MIB // 16
csv.field_size_limit(ROW_BYTES)


def read_parquet(path: Path, name: str) -> Iterator[Row]:
    """Rows of a Parquet file."""
    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
        # Closed by hand: a reader that is dropped early would keep the file open.
        with file:
            _check_groups(file, name)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                yield from _to_rows(batch, number)
                number += batch.num_rows
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise DataRefused(f"{name} is a damaged Parquet file: {_first_line(error)}") from error


def read_arrow(path: Path, name: str) -> Iterator[Row]:
    """Rows of an Arrow file or stream, mapped rather than read."""
    try:
        number = 0
        with pa.memory_map(str(path)) as source:
            for batch in _arrow_batches(source):
                for start in range(0, batch.num_rows, _BATCH):
                    yield from _to_rows(batch.slice(start, _BATCH), number + start)
                number += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataRefused(f"{name} is a damaged Arrow file: {_first_line(error)}") from error


def read_csv(stream: IO[bytes], name: str) -> Iterator[Row]:
    """Rows of a CSV file with a header; the number is that of the row's last line."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    try:
        yield from _read_table(text, name)
    finally:
        # The stream is closed by whoever opened it.
        text.detach()


def _read_table(text: IO[str], name: str) -> Iterator[Row]:
    head = text.readline(ROW_BYTES)
    # The header alone tells the separator: later lines hold free text.
    separator = "\t" if name.lower().endswith(".tsv") else max(",\t;|", key=head.count)
    columns = next(csv.reader([head], delimiter=separator), [])
    if not any(column.strip() for column in columns):
        raise DataRefused(f"{name} has no header row that names its columns")
    names = [column.strip() for column in columns]
    if twice := next((name for name in names if name and names.count(name) > 1), ""):
        raise DataRefused(f"{name} has two columns {twice!r}", hint="name each column differently")
    reader = csv.reader(text, delimiter=separator)
    try:
        yield from _csv_rows(reader, names)
    except csv.Error as error:
        problem = TOO_LARGE if "field limit" in str(error) else f"cannot be read: {error}"
        raise DataRefused(f"{name} row {reader.line_num + 1} {problem}") from error


def _csv_rows(reader: Any, columns: list[str]) -> Iterator[Row]:
    for values in reader:
        number = reader.line_num + 1
        if not values:
            continue
        if len(values) != len(columns):
            problem = f"has {len(values)} columns where the header has {len(columns)}"
            yield Row(number=number, problem=problem)
        elif any(codecs.BOM_UTF8.decode() in value or "\ufffd" in value for value in values):
            yield Row(number=number, problem=NOT_TEXT)
        else:
            yield Row(number=number, value=dict(zip(columns, values, strict=True)))


def _check_groups(file: Any, name: str) -> None:
    first = 1
    for index in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(index)
        rows, size = group.num_rows, group.total_byte_size
        if rows and size / rows > _AVERAGE_BYTES:
            raise DataRefused(
                f"{name} rows {first} to {first + rows - 1} take {size // MIB} MiB: "
                f"more than {_AVERAGE_BYTES // MIB} MiB each on average",
                hint="a row is one sample of text; look for a column that holds files",
            )
        if size > _GROUP_BYTES:
            raise DataRefused(
                f"{name} rows {first} to {first + rows - 1} are one row group of {size // MIB} MiB",
                hint="write it with smaller row groups",
            )
        first += rows


def _arrow_batches(source: Any) -> Iterator[Any]:
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        yield from pa.ipc.open_stream(source)
    else:
        yield from (reader.get_batch(index) for index in range(reader.num_record_batches))


def _to_rows(batch: Any, before: int) -> Iterator[Row]:
    """Python values of a batch; row by row where one of them is too large to hold several."""
    if batch.get_total_buffer_size() <= ROW_BYTES or _slice_bytes(batch) <= ROW_BYTES:
        for index, value in enumerate(_to_values(batch), start=before + 1):
            yield Row(number=index, value=value)
        return
    for index in range(batch.num_rows):
        single = batch.slice(index, 1)
        number = before + index + 1
        if _slice_bytes(single) > ROW_BYTES:
            yield Row(number=number, problem=TOO_LARGE)
        else:
            yield Row(number=number, value=_to_values(single)[0])


def _to_values(batch: Any) -> list[dict[str, object]]:
    """The rows; without columns of values that Python has not, such as a date after 9999."""
    try:
        values: list[dict[str, object]] = batch.to_pylist()
    except (pa.ArrowException, OverflowError, ValueError):
        kept = [i for i in range(batch.num_columns) if _can_be_read(batch.column(i))]
        values = batch.select(kept).to_pylist()
    return values


def _can_be_read(column: Any) -> bool:
    try:
        column.to_pylist()
    except (pa.ArrowException, OverflowError, ValueError):
        return False
    return True


def _slice_bytes(batch: Any) -> int:
    return int(batch.nbytes)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
