"""The training itself: TRL's SFTTrainer over samples that are tokenized already.

Runs in a thread of its own, to its end or until it is told to stop. Loads the weights last.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback
from transformers.trainer_utils import SaveStrategy
from trl import SFTConfig

from kaito.base.logs import facts
from kaito.runtimes.tuning.answers import ask_model
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.diverged import refuse_diverged
from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.facts import ModelFacts
from kaito.runtimes.tuning.loss import IGNORED, frozen_head_loss, has_plain_frozen_head
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.model import has_flash_attention, load_model
from kaito.runtimes.tuning.order import EpochOrder
from kaito.runtimes.tuning.plan import Plan
from kaito.runtimes.tuning.preflight import Prepared
from kaito.runtimes.tuning.ranks import choose_checkpoint, is_first_rank
from kaito.runtimes.tuning.result import Base, save_result
from kaito.runtimes.tuning.settings import Settings
from kaito.runtimes.tuning.sharing import (
    SharingTrainer,
    adapter_weights,
    gather_weights,
    refuse_unshareable,
)
from kaito.runtimes.tuning.trainer_settings import Applied
from kaito.runtimes.tuning.watch import Stage, Watch

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """All that one training needs."""

    model: Path
    base: str
    revision: str
    checkpoints: Path
    adapter: Path
    settings: Settings
    applied: Applied
    plan: Plan
    machine: Machine
    prepared: Prepared
    tokenizer: Any
    encoder: Encoder
    facts: ModelFacts
    job: str
    """Fingerprint of the model, the data and the settings."""


def train(course: Course, stage: Stage) -> bool:
    """Train from the last checkpoint, and keep the result; False where it was told to stop."""
    stage.board.start_stage("load", item=course.model.name)
    shares = course.plan.shards
    if shares:
        refuse_unshareable(course.applied)
    model = load_model(
        course.model, course.settings, course.applied, course.machine, is_shared=shares
    )
    _ask_before(course, stage, model)
    trainer = build_trainer(course, model, Watch(stage, course.job))
    checkpoint = choose_checkpoint(course.checkpoints, course.job)
    _describe(trainer, stage, checkpoint)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        return False
    _finish(course, stage, trainer)
    return True


def build_trainer(course: Course, model: Any, *callbacks: Any) -> Any:
    """The trainer, ready to go."""
    config = build_config(course)
    dataset = Dataset.from_file(str(course.prepared.train))
    held_out = course.prepared.evaluation
    trainer = _Trainer(
        model=model,
        args=config,
        train_dataset=dataset,
        eval_dataset=Dataset.from_file(str(held_out)) if held_out else None,
        processing_class=course.tokenizer,
        peft_config=_lora(course.applied.lora) if course.applied.lora else None,
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    if course.plan.shards:
        # It refuses to be made with it, for it could not save what this one does.
        trainer.args.save_strategy = SaveStrategy(str(course.applied.training["save_strategy"]))
    trainer.shuffles = course.settings.data.shuffles
    trainer.has_own_loss = (
        course.machine.kind == "cpu" and course.machine.ranks == 1 and _is_plain(trainer)
    )
    if course.applied.dtype == "float32":
        # The library keeps adapters of quantized models in bfloat16, whatever the machine.
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    return trainer


def build_config(course: Course) -> Any:
    """The trainer's settings; a key that this release does not have is refused by name."""
    given = dict(course.applied.training)
    known = {field.name for field in fields(SFTConfig) if field.init}
    for key in given:
        if key not in known:
            raise SettingRefused(f"TrainingArguments.{key} is not known to this release of TRL")
    if course.plan.shards:
        given["save_strategy"] = "no"
    packs = given.get("packing") is True
    if packs:
        given["max_length"] = course.prepared.record.max_length
    else:
        given |= {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}
        given["padding_free"] = course.machine.kind == "cuda" and has_flash_attention()
    try:
        return SFTConfig(output_dir=str(course.checkpoints), disable_tqdm=True, **given)
    except (TypeError, ValueError) as error:
        line = " ".join(str(error).split())[:300]
        raise SettingRefused(f"TrainingArguments are not usable: {line}") from error


class _Trainer(SharingTrainer):
    """TRL's trainer, with an order of samples that resuming cannot change and a loss for CPUs."""

    shuffles = True
    has_own_loss = False

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The mean loss of the learned tokens."""
        if not self.has_own_loss or return_outputs:
            return super().compute_loss(
                model, inputs, return_outputs=return_outputs, num_items_in_batch=num_items_in_batch
            )
        labels = inputs["labels"]
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        given = {key: value for key, value in inputs.items() if key != "labels"}
        hidden = causal.base_model(**given, use_cache=False).last_hidden_state
        head = causal.get_output_embeddings()
        loss, right = frozen_head_loss(hidden, head.weight, labels)
        count = (labels[:, 1:] != IGNORED).sum()
        mode = "train" if model.training else "eval"
        if mode == "train":
            self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]
        self._metrics[mode]["mean_token_accuracy"].append((right / count.clamp(min=1)).item())
        return loss / (count.clamp(min=1) if num_items_in_batch is None else num_items_in_batch)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = self.train_dataset if train_dataset is None else train_dataset
        names = dataset.column_names
        lengths = dataset["length"][:] if "length" in names else [1] * len(dataset)
        return EpochOrder(
            lengths,
            batch=self.args.per_device_train_batch_size * self.args.world_size,
            seed=self.args.seed,
            shuffles=self.shuffles,
        )

    def create_model_card(self, *_: object, **__: object) -> None:
        """None: it would be made anew at every checkpoint."""


def _is_plain(trainer: Any) -> bool:
    args = trainer.args
    plain = args.loss_type == "nll" and not args.label_smoothing_factor and not trainer.padding_free
    return plain and has_plain_frozen_head(trainer.model)


def _lora(given: Mapping[str, object]) -> Any:
    known = {field.name for field in fields(LoraConfig) if field.init}
    for key in given:
        if key not in known:
            raise SettingRefused(f"LoraConfig.{key} is not known to this release of PEFT")
    try:
        return LoraConfig(task_type="CAUSAL_LM", **given)
    except (TypeError, ValueError) as error:
        raise SettingRefused(f"LoraConfig is not usable: {error}") from error


def _ask_before(course: Course, stage: Stage, model: Any) -> None:
    """The answers of the untouched model; an earlier attempt's are as good."""
    # Of a shared model no rank can ask alone.
    if not is_first_rank() or course.plan.shards or stage.ledger.record.answers:
        return
    answers = ask_model(model, course.tokenizer, course.encoder, course.prepared.questions)
    stage.ledger.update(answers=answers)


def _gather_state(course: Course, trainer: Any) -> dict[str, Any] | None:
    """All weights, where the model at hand is not what is to be saved; every rank has to ask."""
    if trainer.shares_all:
        state = gather_weights(trainer.model)
        # What is saved is whole, and to be loaded as such.
        trainer.model.config.distributed_config = None
        return state
    if course.plan.shards:
        return adapter_weights(trainer.model)
    if course.machine.ranks == 1:
        return None
    found: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model)
    return found


def _describe(trainer: Any, stage: Stage, checkpoint: Path | None) -> None:
    parameters = [(one.numel(), one.requires_grad) for one in trainer.model.parameters()]
    stage.ledger.update(
        state="Training",
        trained_parameters=sum(size for size, trains in parameters if trains),
    )
    if checkpoint is None:
        # What an earlier attempt learned is lost; its curve is not this one's.
        stage.ledger.progress(curve=(), resumed_from="", checkpoint="", evaluation=None)
        return
    step = int(checkpoint.name.rpartition("-")[2])
    curve = tuple(point for point in stage.ledger.record.progress.curve if point.step <= step)
    stage.ledger.progress(resumed_from=checkpoint.name, checkpoint=checkpoint.name, curve=curve)
    logger.info("training goes on", extra=facts(checkpoint=checkpoint.name))


def _finish(course: Course, stage: Stage, trainer: Any) -> None:
    refuse_diverged(trainer.model.parameters())
    if is_first_rank() and not course.plan.shards and stage.ledger.record.answers:
        asked = ask_model(
            trainer.model, course.tokenizer, course.encoder, course.prepared.questions
        )
        stage.ledger.update(
            answers=tuple(
                msgspec.structs.replace(old, after=new.before)
                for old, new in zip(stage.ledger.record.answers, asked, strict=False)
            )
        )
    stage.board.start_stage("save")
    state = _gather_state(course, trainer)
    if not trainer.is_world_process_zero():
        return
    base = Base(name=course.base or course.model.name, revision=course.revision)
    digest = save_result(trainer.model, course.tokenizer, course.adapter, base, state=state)
    stage.ledger.update(state="Trained", adapter_digest=digest)
