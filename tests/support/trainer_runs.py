"""The trainer as a tuning pod starts it, in a folder of a test's own, on a tiny model.

It can be watched while it works, by what it writes down, and ended at any moment.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import torch
from docker_registry import PASSWORD, USER
from safetensors.torch import load_file
from tiny_models import make_tiny_phi3
from tuning_data import make_samples, make_tokenizer, write_jsonl

from kaito.api.runtime import ENV_TERMINATION_LOG
from kaito.api.tuning_job import ADAPTER, CHECKPOINTS, REPORT_FILE, TUNING_COMMAND, TuningArguments
from kaito.api.tuning_record import TuningRecord, parse_tuning_record
from kaito.base.errors import KaitoError

STEPS = 20
CONFIG = f"""
training_config:
  TrainingArguments:
    max_steps: {STEPS}
    learning_rate: 1e-3
    per_device_train_batch_size: 4
    save_strategy: steps
    save_steps: 4
  LoraConfig: {{r: 8, lora_alpha: 16, target_modules: [q_proj, k_proj, v_proj, o_proj]}}
  DatasetConfig: {{train_test_split: 0.9}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where one test's trainer works."""

    folder: Path
    model: Path
    data: Path
    config: str = CONFIG
    changes: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        """Its results."""
        return self.folder / "results"

    @property
    def message(self) -> Path:
        """Its termination message."""
        return self.folder / "message"

    @property
    def record(self) -> TuningRecord:
        """What it wrote about itself."""
        return parse_tuning_record((self.results / REPORT_FILE).read_bytes())

    def start(self) -> subprocess.Popen[bytes]:
        """Start the trainer."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "training_config.yaml"
        config.write_text(self.config, encoding="utf-8")
        arguments = TuningArguments(
            model=str(self.model),
            base="microsoft/Phi-3-mini-4k-instruct",
            preset="phi-3-mini-4k-instruct",
            data=str(self.data),
            config_file=str(config),
            results=str(self.results),
            keeps_results=True,
            scratch=str(self.folder / "scratch"),
            port=0,
        )
        arguments = msgspec.structs.replace(arguments, **self.changes)
        log = (self.folder / "log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, *TUNING_COMMAND[1:], *arguments.to_argv()],
                env={**os.environ, **self.environment, ENV_TERMINATION_LOG: str(self.message)},
                stderr=log,
                stdout=log,
            )

    def run(self) -> int:
        """Run it to its end; its exit status."""
        process = self.start()
        try:
            return process.wait(timeout=300)
        finally:
            process.kill()

    def pushing(self, image: str, secret: Path) -> "Bench":
        """The same job, to be pushed."""
        changes = {"image": image, "push_secret": str(secret)}
        return replace(self, changes=changes)

    def wait_for(self, process: subprocess.Popen[bytes], checkpoint: str) -> None:
        """Until a checkpoint whose name is like that is whole; it must be, before the end."""
        folder = self.results / CHECKPOINTS

        def is_there() -> bool:
            return any(folder.glob(f"{checkpoint}/kaito-complete.json"))

        assert wait_until(process, is_there), self.message.read_text()

    @property
    def standing(self) -> tuple[int, int]:
        """Which attempt there is word of, and the steps it has done: -1 while it does not train."""
        try:
            record = self.record
        except (OSError, KaitoError):
            return 0, -1
        return record.attempts, record.progress.step if record.state == "Training" else -1


def make_material(root: Path, config: str = CONFIG) -> Bench:
    """A tiny model and its data below `root`, and a bench for them."""
    model = make_tiny_phi3(root / "model", tokenizer=make_tokenizer(root / "words"))
    (root / "data").mkdir()
    write_jsonl(root / "data" / "samples.jsonl", make_samples())
    return Bench(folder=root / "run", model=model, data=root / "data", config=config)


def assert_same_adapter(one: Bench, other: Bench) -> None:
    """Weight by weight, within what the order of additions makes."""
    ours, theirs = (
        load_file(bench.results / ADAPTER / "adapter_model.safetensors") for bench in (one, other)
    )
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-2, atol=1e-4)


def wait_until(
    process: subprocess.Popen[bytes], is_so: Callable[[], bool], *, every: float = 0.02
) -> bool:
    """Whether it became so before the process ended by itself."""
    while not is_so():
        if has_ended(process, within=every):
            return is_so()
    return True


def has_ended(process: subprocess.Popen[bytes], *, within: float) -> bool:
    """Whether the process ends by itself within so many seconds."""
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        return False
    return True


def login(folder: Path, registry: str, password: str = PASSWORD) -> Path:
    """A folder as a mounted pull Secret makes it."""
    folder.mkdir()
    auths = {"auths": {registry: {"username": USER, "password": password}}}
    (folder / ".dockerconfigjson").write_text(json.dumps(auths))
    return folder


def pushed_manifests(registry: Path) -> list[str]:
    """Digests of all manifests that docker-registry keeps below `registry`."""
    return sorted(path.name for path in registry.rglob("_manifests/revisions/sha256/*"))


def tag_history(registry: Path) -> list[str]:
    """Digests that any tag has ever had there."""
    return sorted(path.name for path in registry.rglob("_manifests/tags/*/index/sha256/*"))
