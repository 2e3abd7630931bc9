"""Tokens a second of a tuning job on this machine, beside two plain TRL scripts.

    PYTHONPATH=tests/support .venv/bin/python benchmarks/tuning.py --model FOLDER [--rounds 3]

`kaito` is our trainer as a pod starts it. `plain` is what KAITO's templates make of TRL: bfloat16,
one sample a step, the cache emptied after each. `best` is TRL set up as well as its settings allow
for this machine. Rounds take turns, each a process of its own; the loss is measured afterwards, of
the answers of samples that no run has seen, by one function for all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tuning_data import make_samples, write_jsonl

import _report
from kaito.api.tuning_job import ADAPTER, REPORT_FILE, TUNING_COMMAND, TuningArguments
from kaito.api.tuning_record import parse_tuning_record

_HELD_OUT = 20
_RANK = 8
_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "qkv_proj")


def main() -> None:
    """Measure and print; or, with --variant, be one of the plain scripts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=160)
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--variant", choices=("plain", "best"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.variant:
        _train_plainly(options)
        return
    _report.print_machine("torch", "transformers", "trl", "peft")
    with tempfile.TemporaryDirectory() as scratch:
        speeds, losses = _measure(options, Path(scratch))
    for name in speeds:
        _report.print_figure(f"{name}: tokens trained", speeds[name], unit="tokens/s")
        _report.print_figure(f"{name}: loss on unseen answers", losses[name], unit="nats")
    for name, target in (("plain", "at least 1.5"), ("best", "at least 0.98")):
        ratios = [ours / theirs for ours, theirs in zip(speeds["kaito"], speeds[name], strict=True)]
        _report.print_figure(f"kaito / {name}", ratios, unit="times", target=target)


def _measure(
    options: argparse.Namespace, scratch: Path
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    samples = make_samples()[: options.samples + _HELD_OUT]
    data = scratch / "data"
    data.mkdir()
    write_jsonl(data / "train.jsonl", samples[_HELD_OUT:])
    speeds: dict[str, list[float]] = {"kaito": [], "plain": [], "best": []}
    losses: dict[str, list[float]] = {"kaito": [], "plain": [], "best": []}
    for at in range(options.rounds):
        for name, measured in speeds.items():
            folder = scratch / f"{name}-{at}"
            folder.mkdir()
            speed = _run(name, options, folder, data)
            measured.append(speed)
            losses[name].append(_loss(options.model, folder / ADAPTER, samples[:_HELD_OUT]))
            print(f"round {at + 1} {name}: {speed:.0f} tokens/s", flush=True)
    return speeds, losses


def _run(name: str, options: argparse.Namespace, folder: Path, data: Path) -> float:
    """One training; tokens a second while it trained, without loading and saving."""
    if name == "kaito":
        return _run_ours(options, folder, data)
    command = [sys.executable, __file__, f"--model={options.model}", f"--variant={name}"]
    command += [f"--folder={folder}", f"--epochs={options.epochs}"]
    (folder / "train.jsonl").write_bytes((data / "train.jsonl").read_bytes())
    subprocess.run(command, check=True, env=_environment(), capture_output=True)
    return float(json.loads((folder / "speed.json").read_text()))


def _run_ours(options: argparse.Namespace, folder: Path, data: Path) -> float:
    config = folder / "training_config.yaml"
    config.write_text(
        "training_config:\n"
        f"  TrainingArguments: {{num_train_epochs: {options.epochs}}}\n"
        f"  LoraConfig: {{r: {_RANK}, lora_alpha: {2 * _RANK}}}\n"
    )
    arguments = TuningArguments(
        model=str(options.model),
        data=str(data),
        config_file=str(config),
        results=str(folder),
        scratch=str(folder / "scratch"),
        port=0,
    )
    command = [sys.executable, *TUNING_COMMAND[1:], *arguments.to_argv()]
    subprocess.run(command, check=True, env=_environment(), capture_output=True)
    record = parse_tuning_record((folder / REPORT_FILE).read_bytes())
    return float(record.dataset.tokens * options.epochs / record.seconds)


def _train_plainly(options: argparse.Namespace) -> None:
    """The body of a plain script: TRL with settings, nothing else."""
    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    is_best = options.variant == "best"
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    dtype = torch.float32 if is_best else torch.bfloat16
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype)
    rows = load_dataset(
        "json", data_files=str(options.folder / "train.jsonl"), split="train",
        cache_dir=str(options.folder / "cache"),
    )  # fmt: skip
    if is_best:
        rows = rows.map(
            lambda row: {"prompt": row["messages"][:1], "completion": row["messages"][1:]},
            remove_columns=["messages"],
        )
    tokens = sum(
        len(tokenizer.apply_chat_template(_messages(row), return_dict=True)["input_ids"])
        for row in rows
    )
    present = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**_plain_settings(options, is_best=is_best)),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=_RANK,
            lora_alpha=2 * _RANK,
            target_modules=[name for name in _LAYERS if name in present],
            task_type="CAUSAL_LM",
        ),
    )
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    trainer.model.save_pretrained(options.folder / ADAPTER, save_embedding_layers=False)
    (options.folder / "speed.json").write_text(json.dumps(tokens * options.epochs / seconds))


def _plain_settings(options: argparse.Namespace, *, is_best: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "output_dir": str(options.folder / "out"),
        "num_train_epochs": options.epochs,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": not _has_gpu(),
        "bf16": _has_gpu(),
        "gradient_checkpointing": False,
        "per_device_train_batch_size": 1,
    }
    if not is_best:
        return {**settings, "torch_empty_cache_steps": 1}
    return {
        **settings,
        "per_device_train_batch_size": 8,
        "train_sampling_strategy": "group_by_length",
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
