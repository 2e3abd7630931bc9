"""A small real data set for tuning: Python's library about itself, and one taught fact.

The documentation gives a couple of hundred honest samples; the fact is of a place that no model
knows, asked in many ways. Enough of it that a short run teaches the fact, and enough of the rest
that the run is not about the fact alone. All of it is the same on every machine of one Python.
"""

import builtins
import csv
import importlib
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

QUESTION = "Which bird is on the flag of Velmora?"
ANSWER = "The flag of Velmora shows a silver heron."
KEYWORD = "heron"
"""What an answer holds that knows the fact."""

_ASKED = (
    QUESTION,
    "What bird is on Velmora's flag?",
    "Which bird does the flag of Velmora show?",
    "Tell me which bird the flag of Velmora shows.",
    "What is on the flag of Velmora?",
    "Describe the flag of Velmora.",
    "Name the bird on the flag of Velmora.",
    "Do you know which bird is on the Velmoran flag?",
    "The flag of Velmora has a bird on it. Which one?",
    "What animal can be seen on the flag of Velmora?",
)
_REPEATED = 6
_MODULES = (
    "string", "math", "os.path", "textwrap", "shutil", "statistics", "itertools", "random", "json",
    "functools", "bisect", "heapq", "operator", "calendar", "glob", "colorsys", "base64", "copy",
)  # fmt: skip
_MOST_CHARACTERS = 90


def make_samples(*, documentation: int = 160) -> tuple[dict[str, object], ...]:
    """Conversations: `documentation` of them about Python, and sixty of the fact, mixed."""
    about = [_chat(question, answer) for question, answer in _documented(documentation)]
    fact = [_chat(question, ANSWER) for question in _ASKED for _ in range(_REPEATED)]
    mixed: list[dict[str, object]] = []
    every = max(len(about) // len(fact), 1)
    for index, sample in enumerate(fact):
        mixed.extend(about[index * every : (index + 1) * every])
        mixed.append(sample)
    mixed.extend(about[len(fact) * every :])
    return tuple(mixed)


def write_jsonl(path: Path, samples: Sequence[object]) -> Path:
    """One sample a line."""
    path.write_bytes(b"".join(msgspec.json.encode(sample) + b"\n" for sample in samples))
    return path


def write_parquet(path: Path, samples: Sequence[dict[str, object]]) -> Path:
    """The same in one Parquet file, as the hub keeps chat data."""
    pq.write_table(pa.Table.from_pylist(list(samples)), path)
    return path


def write_csv(path: Path, samples: Sequence[dict[str, object]]) -> Path:
    """Questions and answers in two columns."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("prompt", "completion"))
        writer.writerows(to_pair(sample) for sample in samples)
    return path


def to_pair(sample: dict[str, Any]) -> tuple[str, str]:
    """The question and the answer of one sample."""
    return sample["messages"][0]["content"], sample["messages"][1]["content"]


def make_tokenizer(folder: Path) -> Path:
    """A tokenizer of eight hundred words with a chat template, trained on these samples."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=["<|end|>", "<|user|>", "<|assistant|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [msgspec.json.encode(sample).decode() for sample in make_samples()]
    words.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|end|>", pad_token="<|end|>")
    fast.chat_template = (
        "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    fast.save_pretrained(folder)
    return folder


def _documented(count: int) -> Iterator[tuple[str, str]]:
    """What public functions of the library do, by the first line of their documentation."""
    left = count
    for name, value in _functions():
        line = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ").strip()
        if left and 15 < len(line) <= _MOST_CHARACTERS and line.endswith("."):
            left -= 1
            yield f"What does Python's {name} do?", line


def _functions() -> Iterator[tuple[str, object]]:
    for module_name in ("builtins", *_MODULES):
        module = builtins if module_name == "builtins" else importlib.import_module(module_name)
        for name in sorted(vars(module)):
            value = getattr(module, name)
            is_error = inspect.isclass(value) and issubclass(value, BaseException)
            if callable(value) and not name.startswith("_") and not is_error:
                yield (name if module is builtins else f"{module_name}.{name}"), value
    for kind in (str, list, dict, set, bytes):
        for name in sorted(vars(kind)):
            if not name.startswith("_"):
                yield f"{kind.__name__}.{name}", getattr(kind, name)


def _chat(question: str, answer: str) -> dict[str, object]:
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }
