"""The report: complete, self-contained, and safe to open whatever the data says."""

from html.parser import HTMLParser

from kaito.api.report import LossPoint, TuningReport
from kaito.api.tuning_record import Answer, Bucket, DatasetRecord, DroppedRow, TuningRecord
from kaito.cli.tuning.page import render_page

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
