"""The report: complete, self-contained, and safe to open whatever the data says."""

import re
from html.parser import HTMLParser

import msgspec

from kaito.api.report import LossPoint, TuningReport
from kaito.api.training_config import parse_training_config
from kaito.api.tuning_record import Answer, Bucket, DatasetRecord, DroppedRow, TuningRecord
from kaito.cli.tuning.again import to_training_config
from kaito.cli.tuning.page import render_page
from kaito.cli.tuning.style import STYLE
from kaito.cli.tuning.svg import moving_mean

HOSTILE = '<script>alert("x")</script>'
CURVE = tuple(
    LossPoint(step=i, loss=3 / i, evaluation=2.0 if i == 5 else None) for i in range(1, 11)
)
RECORD = TuningRecord(
    state="Done",
    preset="phi-4",
    method="qlora",
    dataset=DatasetRecord(
        rows=12,
        samples=10,
        dropped=2,
        dropped_rows=(DroppedRow(file="a.jsonl", row=7, reason=HOSTILE),),
        histogram=(Bucket(upto=64, count=4), Bucket(upto=128, count=6)),
    ),
    settings={"LoraConfig": {"r": "16", "lora_alpha": "32"}},
    chosen=("LoraConfig.r",),
    progress=TuningReport(step=10, steps=10, loss=0.3, curve=CURVE),
    answers=(Answer(prompt=HOSTILE, expected="heron", before="a lion", after="a heron"),),
    result="registry.example.com/a@sha256:12",
)


class Tags(HTMLParser):
    """Checks that tags nest, and collects them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "onload"), f"{tag} leads outside: {value}"
        if tag not in ("meta", "br", "line", "rect", "circle") or not self.rawdata:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] in ("rect", "circle") and self.open[-1] != tag:
            self.open.pop()
        if tag in self.open:
            assert self.open.pop() == tag
        else:
            assert tag in ("rect", "circle")


def test_the_page_has_every_part_and_nests_its_tags() -> None:
    page = render_page(RECORD, title="teach")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert tags.seen.count("svg") == 2
    for words in ("Loss", "Answers before and after", "Data", "Settings", "a heron", "a.jsonl"):
        assert words in page


def test_nothing_of_the_data_becomes_markup() -> None:
    page = render_page(RECORD, title=HOSTILE)
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 3


def test_what_was_chosen_is_told_from_what_was_given() -> None:
    page = render_page(RECORD, title="teach")
    assert "<code>16</code> <span" in page
    assert "<code>32</code></td>" in page


def test_a_job_that_has_just_begun_has_a_page_too() -> None:
    page = render_page(TuningRecord(), title="teach")
    assert "svg viewBox" not in page
    assert "preparing" in page


def test_a_failure_is_on_the_page() -> None:
    page = render_page(TuningRecord(state="Failed", failure="row 7 is no JSON"), title="teach")
    assert "row 7 is no JSON" in page


def test_what_the_preflight_warned_of_is_on_the_page() -> None:
    dataset = DatasetRecord(rows=3, samples=2, warnings=("1 of 3 rows is left out",))
    page = render_page(TuningRecord(dataset=dataset), title="teach")
    assert "1 of 3 rows is left out" in page


def test_the_share_of_the_weights_that_was_trained_is_on_the_page() -> None:
    page = render_page(TuningRecord(parameters=200, trained_parameters=5), title="teach")
    assert "2.50%" in page


def test_what_was_foreseen_stands_beside_what_it_took() -> None:
    dataset = DatasetRecord(rows=3, memory_bytes=3 << 30, memory_limit_bytes=8 << 30, seconds=150)
    record = TuningRecord(dataset=dataset, peak_memory_bytes=2 << 30, seconds=170.0)
    page = render_page(record, title="teach")
    assert "<td>memory</td><td>3.0 GiB</td><td>2.0 GiB</td><td>8.0 GiB</td>" in page
    assert "<td>time</td><td>2m30s</td><td>2m50s</td>" in page


def test_an_answer_that_is_as_expected_is_marked() -> None:
    right = msgspec.structs.replace(RECORD.answers[0], after="heron ")
    assert "as expected" in render_page(TuningRecord(answers=(right,)), title="teach")
    assert "as expected" not in render_page(RECORD, title="teach")


def test_a_long_curve_is_drawn_with_its_moving_mean() -> None:
    curve = tuple(LossPoint(step=i, loss=2.0 + i % 2) for i in range(1, 101))
    page = render_page(TuningRecord(progress=TuningReport(curve=curve)), title="teach")
    assert page.count("<polyline") == 2
    assert "training, moving mean" in page
    assert [y for _, y in moving_mean([(0, 1), (1, 4), (2, 1), (3, 0)], width=3)] == [
        1,
        2,
        5 / 3,
        0,
    ]


def test_the_page_gives_settings_that_ask_for_the_same_again() -> None:
    settings = {
        "ModelConfig": {"dtype": "float32"},
        "TrainingArguments": {
            "learning_rate": "2e-05",
            "save_strategy": "no",
            "packing": "false",
            "max_steps": "7",
            "use_cpu": "true",
        },
        "LoraConfig": {
            "target_modules": "k_proj, q_proj",
            "layers_to_transform": "0, 1",
            "rank_pattern": "{'q_proj': 4}",
        },
        "QuantizationConfig": {"load_in_4bit": "true", "bnb_4bit_quant_type": "nf4"},
    }
    record = TuningRecord(settings=settings, chosen=("TrainingArguments.use_cpu",))
    again = parse_training_config(to_training_config(record), "qlora")
    assert dict(again.sections["TrainingArguments"]) == {
        "learning_rate": 2e-05,
        "save_strategy": "no",
        "packing": False,
        "max_steps": 7,
    }
    assert dict(again.sections["LoraConfig"]) == {
        "target_modules": ["k_proj", "q_proj"],
        "layers_to_transform": [0, 1],
        "rank_pattern": {"q_proj": 4},
    }
    assert again.is_quantized
    assert "target_modules" in render_page(record, title="teach")


def test_the_style_sheet_asks_for_nothing_and_fits_phones_paper_and_the_dark() -> None:
    assert not re.search(r"url\(|@import|http", STYLE)
    for words in ("max-width:600px", "@media print", "prefers-color-scheme:dark"):
        assert words in STYLE
    defined = set(re.findall(r"--(\w+):", STYLE))
    assert set(re.findall(r"var\(--(\w+)\)", STYLE)) == defined
