"""Tokens a second of a tuning job beside plain TRL scripts, and the loss that each reaches.

    .venv/bin/python benchmarks/tuning.py [--rounds 3] [--samples 96] [--model FOLDER]

`kaito` is our trainer with its defaults, as a pod starts it. `defaults` is what KAITO's templates
make of TRL: bfloat16, one sample a step, activations computed twice (TRL's default), the cache
emptied after each step, TRL's learning rate. `defaults32` is the same in float32, since many CPUs
have no bfloat16. `best` is TRL set up as well as its settings allow for this machine: batches of
eight of like length, float32, no activation computed twice, the loss on answers alone. The adapter
has one shape everywhere.

Rounds take turns, each training a process of its own. Tokens are those that TRL counts while it
trains, padding left out, over the seconds from the first step's begin to the last one's end. The
loss is measured afterwards on answers of samples that no run has seen, by one function for all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _report
from _engines import put_weights
from kaito.api.tuning_job import ADAPTER, REPORT_FILE, TUNING_COMMAND, TuningArguments
from kaito.api.tuning_record import parse_tuning_record

_HELD_OUT = 20
_RANK = 16
_TARGETS = {"defaults": "", "defaults32": "at least 1.5", "best": "at least 0.98"}
"""What our tokens a second are aimed at, in times of each."""
_LOSS_TARGETS = {"defaults": "", "defaults32": "at most 1.02", "best": ""}


@dataclass(slots=True, kw_only=True)
class Measured:
    """What one side's trainings took, round by round."""

    speeds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    """GiB: of the GPU where there is one, else resident."""
    losses: list[float] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)
    """Seconds from the process's start to its end: loading, judging and saving included."""


def main() -> None:
    """Measure and print; or, with --variant, be one of the plain scripts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--sides", default="defaults,defaults32,best")
    parser.add_argument("--variant", choices=tuple(_TARGETS))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.variant:
        _train_plainly(options)
        return
    _report.print_machine("torch", "transformers", "trl", "peft")
    with tempfile.TemporaryDirectory() as scratch:
        options.model = options.model or Path(put_weights(scratch))
        _print(_measure(options, Path(scratch)))


def _print(measured: dict[str, Measured]) -> None:
    for name, found in measured.items():
        _report.print_figure(f"{name}: tokens trained", found.speeds, unit="tokens/s")
        _report.print_figure(f"{name}: peak memory", found.peaks, unit="GiB")
        _report.print_figure(f"{name}: loss on unseen answers", found.losses, unit="nats")
        _report.print_figure(f"{name}: the whole process", found.walls, unit="s")
    ours = measured.pop("kaito")
    for name, theirs in measured.items():
        faster = _ratios(ours.speeds, theirs.speeds)
        _report.print_figure(f"tokens/s, kaito / {name}", faster, unit="", target=_TARGETS[name])
        smaller = _ratios(ours.peaks, theirs.peaks)
        _report.print_figure(f"peak memory, kaito / {name}", smaller, unit="")
        worse = _ratios(ours.losses, theirs.losses)
        _report.print_figure(f"loss, kaito / {name}", worse, unit="", target=_LOSS_TARGETS[name])


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _measure(options: argparse.Namespace, scratch: Path) -> dict[str, Measured]:
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
    from tuning_data import make_samples, write_jsonl

    samples = make_samples()[: options.samples + _HELD_OUT]
    data = scratch / "data"
    data.mkdir()
    write_jsonl(data / "train.jsonl", samples[_HELD_OUT:])
    names = ("kaito", *options.sides.split(","))
    measured = {name: Measured() for name in names}
    for at in range(options.rounds):
        first = at % len(names)
        for name in (*names[first:], *names[:first]):
            folder = scratch / f"{name}-{at}"
            folder.mkdir()
            started = time.perf_counter()
            speed, peak = _run(name, options, folder, data)
            wall = time.perf_counter() - started
            loss = _loss(options.model, folder / ADAPTER, samples[:_HELD_OUT])
            measured[name].walls.append(wall)
            measured[name].speeds.append(speed)
            measured[name].peaks.append(peak)
            measured[name].losses.append(loss)
            line = f"{speed:.1f} tokens/s, loss {loss:.4f}, {wall:.0f} s"
            load = f"load {os.getloadavg()[0]:.1f}"
            print(f"round {at + 1} {name}: {line}, {load}", flush=True)
    return measured


def _run(name: str, options: argparse.Namespace, folder: Path, data: Path) -> tuple[float, float]:
    """One training; tokens a second while it trained, without loading and saving, and GiB."""
    if name == "kaito":
        return _run_ours(options, folder, data)
    command = [sys.executable, __file__, f"--model={options.model}", f"--variant={name}"]
    command += [f"--folder={folder}", f"--epochs={options.epochs}"]
    (folder / "train.jsonl").write_bytes((data / "train.jsonl").read_bytes())
    _call(command)
    speed, peak = json.loads((folder / "figures.json").read_text())
    return speed, peak / 2**30


def _run_ours(options: argparse.Namespace, folder: Path, data: Path) -> tuple[float, float]:
    config = folder / "training_config.yaml"
    config.write_text(
        f"training_config: {{TrainingArguments: {{num_train_epochs: {options.epochs}}}}}\n"
    )
    arguments = TuningArguments(
        model=str(options.model),
        data=str(data),
        config_file=str(config),
        results=str(folder),
        scratch=str(folder / "scratch"),
        host="127.0.0.1",
        port=0,
    )
    _call([sys.executable, *TUNING_COMMAND[1:], *arguments.to_argv()])
    record = parse_tuning_record((folder / REPORT_FILE).read_bytes())
    progress = record.progress
    if progress.step != progress.steps or not progress.tokens_per_second:
        sys.exit(f"the speed of the last step is not known: {progress}")
    return float(progress.tokens_per_second), record.peak_memory_bytes / 2**30


def _call(command: list[str]) -> None:
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")


def _train_plainly(options: argparse.Namespace) -> None:
    """The body of a plain script: TRL with settings, nothing else."""
    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from kaito.runtimes.tuning.memory import peak_memory

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    dtype = torch.bfloat16 if options.variant == "defaults" or _has_gpu() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
    rows = load_dataset(
        "json", data_files=str(options.folder / "train.jsonl"), split="train",
        cache_dir=str(options.folder / "cache"),
    )  # fmt: skip
    if options.variant == "best":
        rows = rows.map(
            lambda row: {"prompt": row["messages"][:1], "completion": row["messages"][1:]},
            remove_columns=["messages"],
        )
    watch = _stop_watch()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**_plain_settings(options)),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=_RANK, lora_alpha=2 * _RANK, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[watch],
    )
    trainer.train()
    trainer.model.save_pretrained(options.folder / ADAPTER, save_embedding_layers=False)
    figures = (watch.tokens / watch.seconds, peak_memory())
    (options.folder / "figures.json").write_text(json.dumps(figures))


def _stop_watch() -> Any:
    """A callback that knows how long training took, and how many tokens it took in."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        seconds = started = tokens = 0.0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.started = time.perf_counter()

        def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
            if "loss" in logs:
                self.tokens = logs["num_tokens"]
                self.seconds = time.perf_counter() - self.started

    return Watch()


def _plain_settings(options: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "output_dir": str(options.folder / "out"),
        "num_train_epochs": options.epochs,
        "report_to": "none",
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": not _has_gpu(),
        "bf16": _has_gpu() or options.variant == "defaults",
        "ddp_find_unused_parameters": False,
    }
    if options.variant != "best":
        return {**settings, "per_device_train_batch_size": 1, "torch_empty_cache_steps": 1}
    return {
        **settings,
        "per_device_train_batch_size": 8,
        "train_sampling_strategy": "group_by_length",
        "gradient_checkpointing": False,
        "learning_rate": 2e-4,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.03,
    }


def _loss(model: Path, adapter: Path, samples: tuple[dict[str, Any], ...]) -> float:
    """Mean loss of the answers' tokens, of the base model with the adapter."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, adapter).eval()
    total, count = 0.0, 0
    for sample in samples:
        turns = _messages(sample)
        whole = tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"]
        opening = tokenizer.apply_chat_template(
            turns[:-1], add_generation_prompt=True, return_dict=True
        )["input_ids"]
        ids = torch.tensor([whole])
        with torch.no_grad():
            logits = tuned(input_ids=ids).logits[0, len(opening) - 1 : -1]
        wanted = ids[0, len(opening) :]
        total += float(torch.nn.CrossEntropyLoss(reduction="sum")(logits, wanted))
        count += len(wanted)
    return total / count


def _messages(row: dict[str, Any]) -> list[dict[str, str]]:
    return list(row["messages"]) if "messages" in row else [*row["prompt"], *row["completion"]]


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _environment() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}


if __name__ == "__main__":
    main()
