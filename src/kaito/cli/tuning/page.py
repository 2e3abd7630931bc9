"""One tuning job as one self-contained HTML page: no script, no other file, no network. Pure."""

from collections.abc import Iterable, Sequence
from html import escape

from kaito.api.tuning_record import Answer, DatasetRecord, TuningRecord
from kaito.base.clock import format_age
from kaito.base.quantity import MIB, format_gib
from kaito.cli.tuning.again import to_training_config
from kaito.cli.tuning.style import STYLE
from kaito.cli.tuning.svg import Line, bar_chart, line_chart, moving_mean

_MOST_ROWS = 20
"""Rows that were left out and are listed one by one."""
_SMOOTHED_POINTS = 24
"""A curve of more is drawn with its moving mean."""


def render_page(record: TuningRecord, *, title: str) -> str:
    """The whole page."""
    sections = (
        _head(record, title),
        _section("Loss", _loss(record)),
        _section("Answers before and after", _answers(record.answers)),
        _section("Foreseen and seen", _foreseen(record)),
        _section("Data", _data(record.dataset)),
        _section("Settings", _settings(record)),
        _section("Where it was made", _versions(record)),
    )
    body = "\n".join(filter(None, sections))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _head(record: TuningRecord, title: str) -> str:
    progress = record.progress
    name = escape(record.preset or record.model)
    state = record.state.lower()
    cards = [
        ("final loss" if record.state == "Done" else "loss", _number(progress.loss, ".3f")),
        ("held-out loss", _number(progress.evaluation, ".3f")),
        ("steps", f"{progress.step} of {progress.steps}" if progress.steps else ""),
        ("samples", _count(progress.samples or record.dataset.samples)),
        ("tokens/s", _number(progress.tokens_per_second, ",.0f")),
        ("training time", _age(record.seconds)),
        ("of the weights trained", _share(record)),
        ("peak memory", _bytes(record.peak_memory_bytes)),
    ]
    shown = "".join(
        f'<div class="card"><b>{escape(value)}</b><span>{escape(what)}</span></div>'
        for what, value in cards
        if value
    )
    result = record.result or progress.result
    went = f'<p class="result">Result: <code>{escape(result)}</code></p>' if result else ""
    failed = f'<p class="bad">{escape(record.failure)}</p>' if record.failure else ""
    warned = "".join(f'<p class="warn">{escape(text)}</p>' for text in record.warnings)
    return (
        f"<header><h1>{escape(title)}</h1>"
        f'<p class="sub">{escape(record.method)} of {name} '
        f'<span class="state {escape(state)}">{escape(state)}</span></p></header>'
        f'<div class="cards">{shown}</div>{went}{failed}{warned}'
    )


def _loss(record: TuningRecord) -> str:
    curve = record.progress.curve
    held = [(float(p.step), p.evaluation) for p in curve if p.evaluation is not None]
    training = [(float(point.step), point.loss) for point in curve]
    lines = [Line(name="training", points=training, style="s0")]
    if len(training) > _SMOOTHED_POINTS:
        smooth = moving_mean(training, width=len(training) // _SMOOTHED_POINTS * 2 + 1)
        lines = [
            Line(name="training, each step", points=training, style="raw"),
            Line(name="training, moving mean", points=smooth, style="s0"),
        ]
    if held:
        lines.append(Line(name="held-out samples", points=held, style="s1"))
    chart = line_chart(lines, title="Loss by step")
    if not chart:
        return ""
    keys = "".join(
        f'<span class="key"><i class="k-{line.style}"></i>{escape(line.name)}</span>'
        for line in lines
    )
    return f'<figure>{chart}<figcaption>{keys}<span class="right">step</span></figcaption></figure>'


def _answers(answers: Sequence[Answer]) -> str:
    if not answers:
        return ""
    said = "".join(map(_answer, answers))
    return (
        '<p class="note">Prompts that were not trained on where samples are held out; answers are '
        f"greedy.</p>{said}"
    )


def _answer(answer: Answer) -> str:
    is_right = bool(answer.after) and answer.after.strip() == answer.expected.strip()
    as_wished = ' <span class="good">as expected</span>' if is_right else ""
    return (
        f'<article><pre class="prompt">{escape(answer.prompt.strip())}</pre><div class="said">'
        f"<div><h4>Expected</h4>{_long(answer.expected)}</div>"
        f'<div class="dim"><h4>Before</h4>{_long(answer.before)}</div>'
        f"<div><h4>After{as_wished}</h4>{_long(answer.after)}</div></div></article>"
    )


def _foreseen(record: TuningRecord) -> str:
    """What the preflight said that it would take, beside what it took."""
    dataset, progress = record.dataset, record.progress
    rows = [
        ("memory", _bytes(dataset.memory_bytes), _bytes(record.peak_memory_bytes),
         _bytes(dataset.memory_limit_bytes)),
        ("time", _age(dataset.seconds), _age(record.seconds), ""),
        ("steps", _count(dataset.steps), _count(progress.step), ""),
    ]  # fmt: skip
    known = [row for row in rows if row[1]]
    return _table(("", "Foreseen", "Seen", "There is"), known) if known else ""


def _data(dataset: DatasetRecord) -> str:
    if not dataset.rows:
        return ""
    facts = [
        ("rows", _count(dataset.rows)),
        ("trained on", f"{dataset.samples:,} samples, {dataset.tokens:,} tokens"),
        ("learned from", f"{dataset.learned_tokens:,} tokens: {dataset.loss_on}"),
        ("held out", _count(dataset.evaluation)),
        ("as an earlier one", f"{dataset.repeated:,} rows" if dataset.repeated else ""),
        ("longest sample", f"{dataset.longest:,} tokens" if dataset.longest else ""),
        ("cut", _cut(dataset)),
        ("shapes", ", ".join(f"{name}: {count:,}" for name, count in dataset.shapes.items())),
        ("digest", dataset.digest),
    ]
    chart = bar_chart(dataset.histogram, title="Samples by tokens")
    below = "<figcaption>samples by tokens, at most</figcaption>"
    figure = f"<figure>{chart}{below}</figure>" if chart else ""
    warned = "".join(f'<p class="warn">{escape(text)}</p>' for text in dataset.warnings)
    return "".join((warned, _facts(facts), figure, _files(dataset), _dropped(dataset)))


def _files(dataset: DatasetRecord) -> str:
    rows = (
        (f.name, f.format, _count(f.rows), _size(f.size), f.digest.removeprefix("sha256:")[:12])
        for f in dataset.files
    )
    return _table(("File", "Format", "Rows", "Size", "sha256"), rows) if dataset.files else ""


def _dropped(dataset: DatasetRecord) -> str:
    if not dataset.dropped:
        return ""
    reasons = ", ".join(f"{reason}: {n}" for reason, n in dataset.dropped_reasons.items())
    head = f"<h3>{dataset.dropped} rows left out</h3><p>{escape(reasons)}</p>"
    rows = ((d.file, str(d.row), d.reason) for d in dataset.dropped_rows[:_MOST_ROWS])
    return head + _table(("File", "Row", "Reason"), rows)


def _settings(record: TuningRecord) -> str:
    chosen = {tuple(name.split(".", 1)) for name in record.chosen}
    blocks = []
    for section, values in record.settings.items():
        rows = "".join(
            f"<tr><th>{escape(key)}</th><td><code>{escape(value)}</code>"
            f"{_chosen(is_ours=(section, key) in chosen)}</td></tr>"
            for key, value in values.items()
        )
        blocks.append(f'<h3>{escape(section)}</h3><table class="facts">{rows}</table>')
    again = to_training_config(record)
    if again:
        blocks.append(f"<h3>The same again: training_config.yaml</h3><pre>{escape(again)}</pre>")
    return "".join(blocks)


def _versions(record: TuningRecord) -> str:
    facts = [
        ("base model", f"{record.model} {record.revision}".strip()),
        ("device", record.device),
        ("started", record.started.strftime("%Y-%m-%d %H:%M UTC") if record.started else ""),
        ("attempts", str(record.attempts)),
        ("went on from", record.progress.resumed_from),
        ("adapter", record.adapter_digest),
        *record.versions.items(),
    ]
    return _facts(facts)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><th>{escape(what)}</th><td>{escape(text)}</td></tr>" for what, text in facts if text
    )
    return f'<table class="facts">{rows}</table>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _long(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _chosen(*, is_ours: bool) -> str:
    return ' <span class="ours">chosen</span>' if is_ours else ""


def _cut(dataset: DatasetRecord) -> str:
    if not dataset.truncated:
        return f"none, at {dataset.max_length:,} tokens" if dataset.max_length else ""
    return f"{dataset.truncated:,} samples at {dataset.max_length:,} tokens"


def _share(record: TuningRecord) -> str:
    if not record.trained_parameters or not record.parameters:
        return ""
    return f"{record.trained_parameters / record.parameters:.2%}"


def _size(size: int) -> str:
    return format_gib(size) if size >= MIB else f"{-(-size // 1024)} KiB"


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _bytes(size: int) -> str:
    return format_gib(size) if size else ""


def _age(seconds: float) -> str:
    return format_age(seconds) if seconds >= 1 else ""


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
