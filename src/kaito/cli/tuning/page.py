"""One tuning job as one self-contained HTML page: no script, no other file, no network. Pure."""

from collections.abc import Iterable, Sequence
from html import escape

from kaito.api.tuning_record import Answer, DatasetRecord, TuningRecord
from kaito.base.clock import format_age
from kaito.base.quantity import MIB, format_gib
from kaito.cli.tuning.style import STYLE
from kaito.cli.tuning.svg import bar_chart, line_chart

_MOST_ROWS = 20
"""Rows that were left out and are listed one by one."""


def render_page(record: TuningRecord, *, title: str) -> str:
    """The whole page."""
    sections = (
        _head(record, title),
        _section("Loss", _loss(record)),
        _section("Answers before and after", _answers(record.answers)),
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
        ("samples", str(progress.samples or record.dataset.samples or "")),
        ("tokens/s", _number(progress.tokens_per_second, ".0f")),
        ("training time", format_age(record.seconds) if record.seconds >= 1 else ""),
        ("of the weights trained", _share(record)),
        ("peak memory", format_gib(record.peak_memory_bytes) if record.peak_memory_bytes else ""),
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
    series: list[tuple[str, list[tuple[float, float]]]] = [
        ("training", [(float(point.step), point.loss) for point in curve])
    ]
    if held:
        series.append(("held-out samples", held))
    chart = line_chart(series, title="Loss by step")
    if not chart:
        return ""
    keys = "".join(
        f'<span class="key"><i class="k{number}"></i>{escape(name)}</span>'
        for number, (name, _) in enumerate(series)
    )
    return f'<figure>{chart}<figcaption>{keys}<span class="right">step</span></figcaption></figure>'


def _answers(answers: Sequence[Answer]) -> str:
    if not answers:
        return ""
    rows = "".join(
        f"<tr><td>{_long(a.prompt)}</td><td>{_long(a.expected)}</td>"
        f'<td class="dim">{_long(a.before)}</td><td>{_long(a.after)}</td></tr>'
        for a in answers
    )
    heads = "".join(f"<th>{name}</th>" for name in ("Prompt", "Expected", "Before", "After"))
    return (
        '<p class="note">Prompts that were not trained on where samples are held out; answers are '
        "greedy.</p>"
        f'<div class="scroll"><table class="answers"><tr>{heads}</tr>{rows}</table></div>'
    )


def _data(dataset: DatasetRecord) -> str:
    if not dataset.rows:
        return ""
    facts = [
        ("rows", str(dataset.rows)),
        ("trained on", f"{dataset.samples} samples, {dataset.tokens} tokens"),
        ("learned from", f"{dataset.learned_tokens} tokens: {dataset.loss_on}"),
        ("held out", str(dataset.evaluation) if dataset.evaluation else ""),
        ("longest sample", f"{dataset.longest} tokens" if dataset.longest else ""),
        ("cut", _cut(dataset)),
        ("shapes", ", ".join(f"{name}: {count}" for name, count in dataset.shapes.items())),
        ("digest", dataset.digest),
        ("memory estimate", format_gib(dataset.memory_bytes) if dataset.memory_bytes else ""),
    ]
    chart = bar_chart(dataset.histogram, title="Samples by tokens")
    below = "<figcaption>samples by tokens, at most</figcaption>"
    figure = f"<figure>{chart}{below}</figure>" if chart else ""
    warned = "".join(f'<p class="warn">{escape(text)}</p>' for text in dataset.warnings)
    return "".join((warned, _facts(facts), figure, _files(dataset), _dropped(dataset)))


def _files(dataset: DatasetRecord) -> str:
    rows = (
        (f.name, f.format, str(f.rows), _size(f.size), f.digest.removeprefix("sha256:")[:12])
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
        return f"none, at {dataset.max_length} tokens" if dataset.max_length else ""
    return f"{dataset.truncated} samples at {dataset.max_length} tokens"


def _share(record: TuningRecord) -> str:
    if not record.trained_parameters or not record.parameters:
        return ""
    return f"{record.trained_parameters / record.parameters:.2%}"


def _size(size: int) -> str:
    return format_gib(size) if size >= MIB else f"{-(-size // 1024)} KiB"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
