"""Files in every format and packing give the same rows; hostile ones give one clear line."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.base.quantity import MIB
from kaito.runtimes.tuning.data.files import find_files, open_files, read_rows
from kaito.runtimes.tuning.data.json_rows import read_json
from kaito.runtimes.tuning.data.row import Row
from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.sources.arrived import Arrived

ROWS: list[dict[str, object]] = [
    {"prompt": f"question {index}?", "completion": f'answer, {index}\n"ü"'} for index in range(700)
]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def read(path: Path, scratch: Path) -> list[Row]:
    arrived = (Arrived(path=path, name=path.name, source="here"),)
    return [row for file in open_files(arrived) for row in read_rows(file, scratch)]


def refusal(path: Path, scratch: Path) -> str:
    with pytest.raises(DataRefused) as refused:
        read(path, scratch)
    return refused.value.line


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def write_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=100)


def write_arrow_stream(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=90)


def write_arrow_file(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=90)


def write_csv(path: Path) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, ["prompt", "completion"], delimiter=";")
        writer.writeheader()
        writer.writerows(ROWS)


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/train.jsonl", LINES)
        archive.writestr("__MACOSX/data/._train.jsonl", b"nonsense")
        archive.writestr("README.md", b"read me")


def write_parquet_gz(path: Path) -> None:
    write_parquet(path.with_suffix(""))
    path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))


def zip_of(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in files.items():
            archive.writestr(name, member)
    return content.getvalue()


def tar_of(member: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        info = tarfile.TarInfo("train.jsonl")
        info.size = len(member)
        archive.addfile(info, io.BytesIO(member))
    return content.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


WRITERS: dict[str, Callable[[Path], object]] = {
    "rows.jsonl": lambda path: path.write_bytes(LINES),
    "rows.json": lambda path: path.write_text(json.dumps(ROWS)),
    "lines.json": lambda path: path.write_bytes(LINES),
    "nested.json": lambda path: path.write_text(json.dumps({"data": ROWS, "version": 1})),
    "rows.csv": write_csv,
    "rows.parquet": write_parquet,
    "stream.arrow": write_arrow_stream,
    "file.arrow": write_arrow_file,
    "rows.jsonl.gz": lambda path: path.write_bytes(gzip.compress(LINES)),
    "rows.jsonl.xz": lambda path: path.write_bytes(lzma.compress(LINES)),
    "rows.jsonl.bz2": lambda path: path.write_bytes(bz2.compress(LINES)),
    "rows.jsonl.zst": lambda path: path.write_bytes(zstd(LINES)),
    "rows.parquet.gz": write_parquet_gz,
    "rows.zip": write_zip,
    "no-suffix": lambda path: path.write_bytes(LINES),
    "no-suffix-packed": lambda path: path.write_bytes(gzip.compress(LINES)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_and_packing_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)

    rows = read(path, tmp_path / "scratch")

    assert [dict(row.value) for row in rows] == ROWS
    assert not any(row.problem for row in rows)


NO_DATA = [
    ("a.jsonl", b"", "a.jsonl is empty"),
    ("a.parquet", b"<!DOCTYPE html><html>", "is a web page"),
    ("a.json", b"\n <html><body>", "is a web page"),
    ("a.parquet", b"hello there", "is not a parquet file"),
    ("a.parquet", b"PAR1" + b"\0" * 64 + b"PAR1", "damaged Parquet"),
    ("a.arrow", b"ARROW1" + b"\0" * 64, "damaged Arrow"),
    ("a.gz", b"nothing packed", "is not a .gz file"),
    ("a.jsonl.gz", gzip.compress(LINES)[:200], "is damaged"),
    ("a.jsonl.xz", lzma.compress(LINES)[:90], "is damaged"),
    ("a.zip", b"PK\x03\x04 and no more", "damaged zip"),
    ("a.json", b'[{"a": 1}, {"b"', "is not JSON at row 2"),
    ("a.json", b'[{"a": 1}, ', "ends in the middle, after row 1"),
    ("a.pdf", b"%PDF-1.7", "is a PDF"),
    ("a.bin", b"\x80\x04\x95pickled", "is a Python pickle"),
    ("a.txt", b"just prose without any structure", "in no known format"),
    ("a.jsonl", b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
    ("a.csv", "text\nwords\n".encode("utf-16"), "a.csv is UTF-16 text, not UTF-8; save it as"),
    ("a.jsonl", LINES.decode().encode("utf-16-le"), "is UTF-16 text, not UTF-8"),
    ("a.csv", b"text,id,text\na,1,b\n", "a.csv has two columns 'text'"),
    ("a.json", b'{"prompt": ["a", "b"], "completion": ["c", "d"]}', "holds columns, not rows"),
    ("a.json", b'{"prompt": {"0": "a"}, "completion": {"0": "c"}}', "to_json(orient='records'"),
    ("a.tar", tar_of(LINES), "a.tar is a tar archive; give the files themselves"),
    ("a.tgz", gzip.compress(tar_of(LINES)), "a.tgz is a tar archive"),
    ("a.zip", zip_of({"read.me": b"hi"}), "there is no data file in a.zip, only read.me"),
    ("a.zip", zip_of({"b.zip": b"PK"}), "there is no data file in a.zip, only b.zip"),
    ("a.zip", zip_of({"b.csv.gz": gzip.compress(LINES)}), "a.zip:b.csv.gz is packed twice"),
    ("a.xlsx", zip_of({"[Content_Types].xml": b"<"}), "an office document, such as an Excel"),
]


@pytest.mark.parametrize(("name", "content", "said"), NO_DATA, ids=[said for _, _, said in NO_DATA])
def test_a_file_that_is_no_data_is_refused_in_one_line(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    line = refusal(write(tmp_path / name, content), tmp_path)

    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("array.jsonl", json.dumps(ROWS).encode()),
        ("array-over-lines.jsonl", json.dumps(ROWS, indent=1).encode()),
        ("objects-over-lines.jsonl", "\n".join(json.dumps(r, indent=1) for r in ROWS).encode()),
        ("lines.json", LINES),
        ("marked.jsonl", b"\xef\xbb\xbf" + LINES),
        ("marked.json", b"\xef\xbb\xbf" + json.dumps(ROWS).encode()),
    ],
)
def test_json_is_read_the_way_it_is_written_whatever_its_name(
    name: str, content: bytes, tmp_path: Path
) -> None:
    rows = read(write(tmp_path / name, content), tmp_path)

    assert [dict(row.value) for row in rows] == ROWS


def test_a_bad_line_of_a_json_file_of_lines_costs_that_line_alone(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "a.json", LINES + b"{nonsense\n" + LINES), tmp_path)

    assert [row.number for row in rows if row.problem] == [len(ROWS) + 1]
    assert len(rows) == 2 * len(ROWS) + 1


def test_bad_lines_keep_their_numbers_and_reading_goes_on(tmp_path: Path) -> None:
    content = b'{"text": "one"}\n\nnonsense\n["list"]\n{"text": "\xff"}\n{"text": "six"}\n'

    rows = read(write(tmp_path / "a.jsonl", content), tmp_path)

    assert [(row.number, row.problem) for row in rows] == [
        (1, ""),
        (3, "is not JSON"),
        (4, "is not an object with named columns"),
        (5, "is not UTF-8 text"),
        (6, ""),
    ]


def test_a_line_of_17_mebibytes_is_one_bad_row(tmp_path: Path) -> None:
    large = json.dumps({"text": "x" * 17 * MIB}).encode()
    content = b'{"text": "one"}\n' + large + b'\n{"text": "three"}\n'

    rows = read(write(tmp_path / "a.jsonl", content), tmp_path)

    assert [(row.number, bool(row.problem)) for row in rows] == [(1, False), (2, True), (3, False)]


def test_rows_of_a_parquet_file_that_are_far_too_large_are_refused_by_number(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["small"] * 3 + ["x" * 20 * MIB]}), path)

    assert "rows 1 to 4 take 20 MiB" in refusal(path, tmp_path)


def test_one_large_row_among_many_is_left_out_by_number(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = ["small"] * 40
    texts[29] = "x" * 20 * MIB
    pq.write_table(pa.table({"text": texts}), path)

    rows = read(path, tmp_path)

    assert [row.number for row in rows if row.problem] == [30]
    assert len(rows) == 40


def test_a_bomb_is_refused_while_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kaito.runtimes.tuning.data.streams._FREE_BYTES", MIB)
    bomb = gzip.compress(b'{"text": "' + b" " * (64 * MIB) + b'"}\n')

    assert "unpacks to more than 200 times its size" in refusal(
        write(tmp_path / "a.jsonl.gz", bomb), tmp_path
    )


def test_a_row_of_csv_with_too_many_columns_is_left_out(tmp_path: Path) -> None:
    rows = read(write(tmp_path / "a.csv", b"text,id\na,1\nb,2,3\nc,4\n"), tmp_path)

    assert [(row.number, row.problem) for row in rows] == [
        (2, ""),
        (3, "has 3 columns where the header has 2"),
        (4, ""),
    ]


def test_a_folder_gives_its_data_files_and_says_what_else_is_there(tmp_path: Path) -> None:
    write(tmp_path / "notes.md", b"read me")
    with pytest.raises(DataRefused, match=r"only notes\.md"):
        find_files(tmp_path)
    (tmp_path / "more").mkdir()
    write(tmp_path / "more" / "b.jsonl", LINES)
    write(tmp_path / ".hidden.jsonl", LINES)
    write(tmp_path / "dataset_info.json", b"{}")

    assert [file.name for file in find_files(tmp_path)] == ["more/b.jsonl"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=300),
    start=st.sampled_from((b"", b"[", b"{", b"PAR1", b"\x1f\x8b", b"PK\x03\x04", b"a,b\n")),
    name=st.sampled_from(("a.json", "a.jsonl", "a.csv", "a.parquet", "a.zip", "a")),
)
def test_no_bytes_do_anything_but_give_rows_or_be_refused(
    content: bytes, start: bytes, name: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, start + content)
    try:
        numbers = [row.number for row in read(path, tmp_path)]
    except DataRefused:
        return
    assert numbers == sorted(set(numbers))


def test_a_number_of_thousands_of_digits_is_one_bad_value_and_not_the_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(f'[{{"text": {"9" * 5000}}}, {{"text": "a"}}]')
    with path.open("rb") as stream:
        first, second = read_json(stream, "rows.json")
    assert (first.value["text"], second.value["text"]) == (float("inf"), "a")


def test_lists_one_after_the_other_are_all_read_and_nothing_is_passed_over() -> None:
    two = b'[{"text": "a"}]\n[{"text": "b"}]\n'
    assert [row.number for row in read_json(io.BytesIO(two), "rows.json")] == [1, 2]
    with pytest.raises(DataRefused, match=r"goes on after row 1 with 'and more', no list"):
        list(read_json(io.BytesIO(b'[{"text": "a"}] and more'), "rows.json"))


@pytest.mark.parametrize(
    ("places", "value", "said"),
    [((6, 8), 1, "is encrypted, password required"), ((8, 10), 99, "is not supported")],
    ids=["a password", "a way of its own"],
)
def test_an_archive_that_cannot_be_unpacked_says_why(
    tmp_path: Path, places: tuple[int, int], value: int, said: str
) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", '{"text": "a"}')
    content = bytearray(path.read_bytes())
    for sign, place in zip((b"PK\x03\x04", b"PK\x01\x02"), places, strict=True):
        content[content.find(sign) + place] = value
    path.write_bytes(content)

    with pytest.raises(DataRefused) as refusal:
        open_files((Arrived(path=path, name="rows.zip", source="here"),))

    assert refusal.value.line.startswith("rows.zip:a.jsonl cannot be unpacked: ")
    assert said in refusal.value.line


def test_a_column_of_values_that_python_has_not_costs_no_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    columns = {"text": ["a", "b"], "when": pa.array([0, 2**55], pa.timestamp("ms"))}
    pq.write_table(pa.table(columns), path)
    (file,) = open_files((Arrived(path=path, name="rows.parquet", source="here"),))

    assert [row.value for row in read_rows(file, tmp_path)] == [{"text": "a"}, {"text": "b"}]
