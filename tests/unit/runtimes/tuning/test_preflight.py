"""What the preflight finds, keeps and refuses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from tuning_data import make_samples, write_jsonl

from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.data.rows import Columns
from kaito.runtimes.tuning.errors import DataRefused, SettingRefused
from kaito.runtimes.tuning.preflight import Prepared, prepare_data
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


def test_a_split_that_leaves_nothing_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="train_test_split"):
        prepare(tokenizer, tmp_path, [{"text": "fine"}], DataSettings(train_share=0.0001))


def test_a_column_that_no_row_has_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    settings = DataSettings(columns=Columns(messages="mesages"))

    with pytest.raises(SettingRefused, match="mesages"):
        prepare(tokenizer, tmp_path, list(make_samples()), settings)


def test_equal_data_has_an_equal_digest(tokenizer: Any, tmp_path: Path) -> None:
    first = prepare(tokenizer, tmp_path, list(make_samples())).record
    again = prepare(tokenizer, tmp_path, list(make_samples())).record
    other = prepare(tokenizer, tmp_path, list(make_samples())[1:]).record

    assert first.digest == again.digest != other.digest
    assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first
