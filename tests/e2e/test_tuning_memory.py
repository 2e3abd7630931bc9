"""Foreseen memory beside the trainer's own: the most that it was resident with, on a CPU.

A tiny model shows the libraries' share, larger ones that weights, activations and what is trained
grow as foreseen: by the trainer from the samples' real lengths, and by the plan from the settings
alone. Too little would be a trainer that is killed, too much a job that is refused for nothing.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tuning_data
from engine_measures import read_folder
from tiny_models import make_tiny_phi3
from trainer_runs import Bench

from kaito.api.runtime import ExitCode
from kaito.planner.tuning_memory import Method, TuningDemand, share_on_machine

pytestmark = [pytest.mark.extended, pytest.mark.timeout(300)]

RANK, BATCH, TOKENS = 8, 4, 256
STEPS = 2
LEAST, MOST = 0.75, 1.05
"""Of what was foreseen, that may be taken: rather less than more."""


@dataclass(frozen=True)
class Case:
    """One way to train, on a model of some size."""

    method: Method = "lora"
    hidden: int = 512
    layers: int = 12
    checkpointing: bool = False
    batch: int = BATCH


CASES: Mapping[str, Case] = {
    "tiny": Case(hidden=256, layers=2),
    "lora": Case(),
    "large batch": Case(batch=4 * BATCH),
    "checkpointing": Case(batch=4 * BATCH, checkpointing=True),
    "qlora": Case(method="qlora"),
    "full": Case(method="full"),
}


def _config(case: Case) -> str:
    quantized = "QuantizationConfig: {load_in_4bit: true}" if case.method == "qlora" else ""
    return f"""
training_config:
  TrainingArguments:
    max_steps: {STEPS}
    per_device_train_batch_size: {case.batch}
    gradient_checkpointing: {str(case.checkpointing).lower()}
    max_length: {TOKENS}
  LoraConfig: {{r: {RANK}, lora_alpha: 16}}
  DatasetConfig: {{show_samples: false}}
  {quantized}
"""


@pytest.mark.parametrize("name", CASES)
def test_training_takes_what_was_foreseen(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    words = tuning_data.make_tokenizer(tmp_path / "words")
    model = make_tiny_phi3(
        tmp_path / "model", tokenizer=words, hidden=case.hidden, layers=case.layers
    )
    (tmp_path / "data").mkdir()
    long = [_lengthened(sample) for sample in tuning_data.make_samples()]
    tuning_data.write_jsonl(tmp_path / "data" / "samples.jsonl", long)
    bench = Bench(
        folder=tmp_path / "run",
        model=model,
        data=tmp_path / "data",
        config=_config(case),
        changes={"method": case.method},
    )
    assert bench.run() == ExitCode.OK, bench.message.read_text()
    taken, foreseen = bench.record.peak_memory_bytes, bench.record.dataset.memory_bytes
    demand = TuningDemand(method=case.method, rank=RANK, batch=case.batch, sequence_tokens=TOKENS)
    share = share_on_machine(read_folder(model), demand, checkpointing=case.checkpointing)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {taken >> 20} MiB taken, {taken / foreseen:.2f} of the trainer's figure, "
            f"{taken / share.total:.2f} of the plan's\n"
        )
    assert LEAST < taken / foreseen < MOST
    assert LEAST < taken / share.total < MOST


def _lengthened(sample: dict[str, Any]) -> dict[str, Any]:
    """The same, long enough to be cut to the longest that is trained on."""
    question, answer = sample["messages"]
    return {"messages": [question, {**answer, "content": f"{answer['content']} " * 40}]}
