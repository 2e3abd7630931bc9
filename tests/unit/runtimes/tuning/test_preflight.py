"""What the preflight finds, keeps and refuses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from tuning_data import make_samples, write_jsonl

from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.data.files import find_called
from kaito.runtimes.tuning.data.rows import Columns
from kaito.runtimes.tuning.errors import DataRefused, SettingRefused
from kaito.runtimes.tuning.preflight import Prepared, prepare_data, select_files
from kaito.runtimes.tuning.settings import DataSettings
from kaito.runtimes.tuning.sources.arrived import Arrived

NONSENSE: list[object] = [{"image": 1}, ["list"], {"messages": []}]
USUAL = DataSettings()


def prepare(
    tokenizer: Any, tmp_path: Path, rows: Sequence[object], settings: DataSettings = USUAL
) -> Prepared:
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    arrived = (Arrived(path=path, name=path.name, source=str(tmp_path)),)
    encoder = Encoder(tokenizer, max_length=64)
    return prepare_data(arrived, encoder, settings, folder=tmp_path / "samples")


def lengths(path: Path) -> list[int]:
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all()
    return [int(length) for length in table["length"].to_pylist()]


def test_rows_are_counted_and_bad_ones_named(tokenizer: Any, tmp_path: Path) -> None:
    record = prepare(tokenizer, tmp_path, [*make_samples(), *NONSENSE]).record

    good = len(make_samples())
    assert (record.rows, record.samples, record.dropped) == (good + 3, good, 3)
    assert [row.row for row in record.dropped_rows] == [good + 1, good + 2, good + 3]
    assert record.shapes == {"messages": good}
    assert record.loss_on == "answers"
    assert 0 < record.learned_tokens < record.tokens
    assert sum(bucket.count for bucket in record.histogram) == good


def test_the_sample_file_holds_what_the_record_says(tokenizer: Any, tmp_path: Path) -> None:
    prepared = prepare(tokenizer, tmp_path, list(make_samples()))

    kept = lengths(prepared.train)
    assert (len(kept), sum(kept)) == (prepared.record.samples, prepared.record.tokens)
    assert max(kept) == prepared.longest
    assert prepared.evaluation is None


def test_a_share_is_held_out_and_the_same_one_at_every_attempt(
    tokenizer: Any, tmp_path: Path
) -> None:
    settings = DataSettings(train_share=0.8)
    first = prepare(tokenizer, tmp_path, list(make_samples()), settings)
    held = lengths(first.evaluation) if first.evaluation else []
    again = prepare(tokenizer, tmp_path, list(make_samples()), settings)

    assert first.record.samples + first.record.evaluation == len(make_samples())
    assert 0.1 < first.record.evaluation / len(make_samples()) < 0.3
    assert again.evaluation is not None
    assert lengths(again.evaluation) == held
    assert len(first.questions) == 3


def test_the_model_is_asked_about_held_out_samples_or_none_where_they_are_private(
    tokenizer: Any, tmp_path: Path
) -> None:
    rows = list(make_samples())
    open_ = prepare(tokenizer, tmp_path, rows, DataSettings(train_share=0.8))
    private = prepare(tokenizer, tmp_path, rows, DataSettings(train_share=0.8, shows_samples=False))

    assert len(open_.questions) == 3
    assert private.questions == ()
    assert private.record == open_.record


def test_long_samples_are_cut_and_counted(tokenizer: Any, tmp_path: Path) -> None:
    rows: list[object] = [{"prompt": "a?", "completion": "word " * 100}, *make_samples()]

    record = prepare(tokenizer, tmp_path, rows).record

    assert record.truncated >= 1
    assert record.longest > 64


def test_mostly_nonsense_is_refused_with_row_numbers(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(DataRefused) as refusal:
        prepare(tokenizer, tmp_path, [{"text": "fine"}, *NONSENSE])

    assert "3 of 4 rows cannot be trained on" in refusal.value.line
    assert "rows.jsonl row 2 has no messages" in refusal.value.line
    assert "row 3 is not an object" in refusal.value.line


def test_rows_with_one_reason_are_told_together_and_what_would_help(
    tokenizer: Any, tmp_path: Path
) -> None:
    with pytest.raises(DataRefused) as refusal:
        prepare(tokenizer, tmp_path, [{"q": "a?", "a": "b."}] * 7)

    assert refusal.value.line == (
        "7 of 7 rows cannot be trained on: rows.jsonl row 1 has no messages, prompt and "
        "completion, or text; its columns are a, q (also rows 2, 3, 4, 5, ...); name them under "
        "DatasetConfig: context_column and response_column, or messages_column; the first line of "
        "a CSV file has the names; see docs/how-to/data-formats.md"
    )


def test_rows_that_come_again_are_counted(tokenizer: Any, tmp_path: Path) -> None:
    rows = [{"text": "some words"}, {"text": "other words"}, {"text": "some words"}] * 2

    assert prepare(tokenizer, tmp_path, rows).record.repeated == 4


def test_a_split_that_leaves_nothing_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="train_test_split"):
        prepare(tokenizer, tmp_path, [{"text": "fine"}], DataSettings(train_share=0.0001))


def test_a_column_that_no_row_has_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    settings = DataSettings(columns=Columns(messages="mesages"))

    with pytest.raises(SettingRefused, match="mesages"):
        prepare(tokenizer, tmp_path, list(make_samples()), settings)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("/mnt/data", ("a.jsonl", "more/b.csv", "c.jsonl")),
        ("/mnt/data/more", ("more/b.csv",)),
        ("/mnt/data/*.jsonl", ("a.jsonl", "c.jsonl")),
        ("/mnt/data/a.jsonl", ("a.jsonl",)),
        ("/mnt/c.jsonl", ("c.jsonl",)),
    ],
)
def test_a_path_names_a_file_a_folder_or_a_pattern(wanted: str, chosen: tuple[str, ...]) -> None:
    given = (("a.jsonl", "/mnt/data/a.jsonl"), ("more/b.csv", "/mnt/data/more/b.csv"))
    fetched = Arrived(path=Path("/mnt/data/.kept/0-c.jsonl"), name="c.jsonl", source="here")
    arrived = (
        *(Arrived(path=Path(path), name=name, source="here") for name, path in given),
        fetched,
    )

    found = select_files(arrived, DataSettings(path=wanted))

    assert tuple(file.name for file in found) == chosen


@pytest.mark.parametrize("wanted", ["/mnt/data/train/*.jsonl", "/mnt/data/train/a.jsonl"])
def test_files_of_one_name_in_other_folders_are_not_asked_for(wanted: str) -> None:
    paths = [Path(f"/mnt/data/{name}/a.jsonl") for name in ("test", "train")]
    arrived = tuple(
        Arrived(path=path, name=f"{path.parent.name}/a.jsonl", source="here") for path in paths
    )

    found = select_files(arrived, DataSettings(path=wanted))

    assert [file.name for file in found] == ["train/a.jsonl"]


def test_a_downloaded_file_is_found_by_its_name_with_brackets() -> None:
    fetched = Arrived(path=Path("/scratch/0-a[1].jsonl"), name="a[1].jsonl", source="here")

    assert select_files((fetched,), DataSettings(path="/mnt/data/a[1].jsonl")) == (fetched,)


@pytest.mark.parametrize(
    ("wanted", "is_asked_for"),
    [
        ("/mnt/en", True),
        ("/mnt/data/en/*.jsonl", True),
        ("/mnt/a.jsonl", True),
        ("/mnt/*.jsonl", True),
        ("/mnt/de/*.jsonl", False),
        ("/mnt/de/a.jsonl", False),
        ("/mnt/en/b.jsonl", False),
    ],
)
def test_a_file_of_a_folder_in_an_image_or_a_data_set_is_no_other_folders(
    wanted: str, is_asked_for: bool
) -> None:
    assert bool(find_called(["en/a.jsonl"], wanted)) is is_asked_for


def test_a_file_of_the_folder_that_is_asked_for_is_no_file_beside_it() -> None:
    there = ["train.csv", "en/train.csv", "en/test.csv"]
    assert find_called(there, "/mnt/en/train.csv") == ("en/train.csv",)
    assert find_called(there, "/mnt/data/en/*.csv") == ("en/train.csv", "en/test.csv")
    assert find_called(there, "/mnt/train.csv") == ("train.csv", "en/train.csv")


def test_a_path_that_names_nothing_says_what_there_is() -> None:
    arrived = (Arrived(path=Path("/mnt/data/a.jsonl"), name="a.jsonl", source="here"),)
    with pytest.raises(DataRefused) as refusal:
        select_files(arrived, DataSettings(path="/mnt/data/*.csv"))

    assert refusal.value.line == (
        "DatasetConfig asks for /mnt/data/*.csv, which is not among the data; there are a.jsonl"
    )


def test_equal_data_has_an_equal_digest(tokenizer: Any, tmp_path: Path) -> None:
    first = prepare(tokenizer, tmp_path, list(make_samples())).record
    again = prepare(tokenizer, tmp_path, list(make_samples())).record
    other = prepare(tokenizer, tmp_path, list(make_samples())[1:]).record

    assert first.digest == again.digest != other.digest
    assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first
