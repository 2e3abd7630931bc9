"""A look over large data: all rows' shapes, some rows' tokens, and nonsense found early."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tuning_data import make_samples

from kaito.api.tuning_job import TuningArguments
from kaito.api.tuning_record import DatasetRecord
from kaito.base.clock import SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.job import open_job
from kaito.runtimes.tuning.preflight import prepare_data
from kaito.runtimes.tuning.settings import DataSettings
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.survey import Surveyor, survey_job

SAMPLED = 200_000
WORDS = " ".join(str(sample) for sample in make_samples()[:40])


def write(path: Path, texts: Sequence[str | None]) -> tuple[Arrived, ...]:
    table = pa.table({"text": pa.array(texts, pa.string())})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    return (Arrived(path=path, name=path.name, source=str(path.parent)),)


def look(tokenizer: Any, arrived: tuple[Arrived, ...], folder: Path) -> DatasetRecord:
    encoder = Encoder(tokenizer, max_length=512)
    return Surveyor(encoder, DataSettings(), sampled_bytes=SAMPLED).look(arrived, folder=folder)


def test_small_data_is_counted_whole_as_the_preflight_does(tokenizer: Any, tmp_path: Path) -> None:
    arrived = write(tmp_path / "rows.parquet", [WORDS[start : start + 300] for start in range(90)])
    encoder = Encoder(tokenizer, max_length=512)

    found = look(tokenizer, arrived, tmp_path)
    whole = prepare_data(arrived, encoder, DataSettings(), folder=tmp_path).record

    assert found.sampled == found.rows == found.samples == 90
    for part in ("digest", "tokens", "learned_tokens", "longest", "histogram", "shapes", "files"):
        assert getattr(found, part) == getattr(whole, part), part


def test_of_large_data_a_sample_stands_for_all(tokenizer: Any, tmp_path: Path) -> None:
    row, rows = WORDS[:2000], 16_000
    arrived = write(tmp_path / "rows.parquet", [row] * rows)
    ids = len(tokenizer(row)["input_ids"])

    found = look(tokenizer, arrived, tmp_path)

    assert (found.rows, found.samples, found.shapes) == (rows, rows, {"text": rows})
    assert found.sampled == pytest.approx(SAMPLED / 2000, rel=0.4)
    assert sum(bucket.count for bucket in found.histogram) == found.sampled
    assert (found.longest, found.truncated) == (ids + 1, found.sampled)
    assert found.tokens == rows * 512


def test_a_bad_row_is_found_wherever_it_is_though_only_a_sample_is_tokenized(
    tokenizer: Any, tmp_path: Path
) -> None:
    texts: list[str | None] = [WORDS[:2000]] * 8000
    texts[7654] = None
    record = look(tokenizer, write(tmp_path / "rows.parquet", texts), tmp_path)

    assert record.sampled < record.rows
    assert [(row.row, row.reason) for row in record.dropped_rows] == [
        (7655, "has nothing in 'text'")
    ]


def test_nonsense_is_refused_with_its_rows(tokenizer: Any, tmp_path: Path) -> None:
    texts = [WORDS[:2000], None, None] * 3000
    with pytest.raises(DataRefused, match=r"6000 of 9000 rows .* row 2 has nothing in 'text'"):
        look(tokenizer, write(tmp_path / "rows.parquet", texts), tmp_path)


def test_what_only_tokens_show_is_refused_by_the_sample(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"prompt": [WORDS[:3000]] * 900, "completion": ["yes"] * 900})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    arrived = (Arrived(path=path, name=path.name, source="here"),)

    with pytest.raises(DataRefused, match="has its answer after the first 512 tokens"):
        look(tokenizer, arrived, tmp_path)


def test_a_job_looks_over_large_data_alone_and_writes_down_what_it_saw(
    tokenizer: Any, tmp_path: Path
) -> None:
    model, results = tmp_path / "model", tmp_path / "results"
    tokenizer.save_pretrained(model)
    (model / "config.json").write_text('{"max_position_embeddings": 256}')
    clock = SystemClock()
    arguments = TuningArguments(model=str(model), results=str(results), scratch=str(tmp_path))
    job = open_job(arguments, Board("tuning", clock), clock)
    job.board.start_stage("preflight")
    arrived = write(tmp_path / "rows.parquet", [WORDS[:4000]] * 9)

    assert survey_job(job, arrived) is None
    record = survey_job(job, arrived, from_bytes=arrived[0].size)

    assert record is not None
    assert (record.max_length, record.has_chat_template) == (256, True)
    assert f'"sampled": {record.sampled}' in (results / "kaito-dataset.json").read_text()
    assert [(s.name, s.total) for s in job.board.report.stages] == [
        ("preflight", 0),
        ("preflight", record.rows),
    ]
