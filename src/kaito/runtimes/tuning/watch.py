"""Watches the trainer step by step: progress told, checkpoints by the clock, stopping when asked.

The trainer calls it from its own thread. Checkpoints are made at an interval of time, since only
time is lost by a kill; and at once when the job is told to stop.
"""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback

from kaito.api.report import LossPoint
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.checkpoints import drop_old, mark_complete
from kaito.runtimes.tuning.diverged import refuse_diverged
from kaito.runtimes.tuning.ledger import Ledger, to_curve
from kaito.runtimes.tuning.memory import peak_memory
from kaito.runtimes.tuning.ranks import wait_for_all, wish_together

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS: Final = 300.0
_KEPT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Whom to tell, and how the job is stopped."""

    board: Board
    ledger: Ledger
    clock: Clock
    stop: threading.Event
    checkpoint_seconds: float = CHECKPOINT_SECONDS


class Watch(TrainerCallback):  # type: ignore[misc]
    """The trainer's callback; on every rank, but only the first writes."""

    def __init__(self, stage: Stage, job: str) -> None:
        self._stage = stage
        self._job = job
        self._began = self._saved = stage.clock.monotonic()
        self._seconds_before = stage.ledger.record.seconds
        self._first_step = 0
        self._evaluates = False

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: object) -> None:
        """Training begins, or goes on."""
        self._began = self._saved = self._stage.clock.monotonic()
        self._first_step = state.global_step
        self._stage.board.start_stage("train", total=state.max_steps, done=state.global_step)
        self._stage.ledger.progress(step=state.global_step, steps=state.max_steps)

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: object) -> None:
        """One optimizer step is done."""
        self._stage.board.advance(1)
        elapsed = self._stage.clock.monotonic() - self._saved
        # Ranks have clocks of their own, and are told to stop one after the other.
        stops, saves = wish_together(
            self._stage.stop.is_set(), elapsed >= self._stage.checkpoint_seconds
        )
        if stops:
            control.should_save = control.should_training_stop = True
        elif saves:
            control.should_save = True

    def on_train_end(self, _args: Any, state: Any, _control: Any, **_: object) -> None:
        """The last step is done; the last figures may be of some steps before it."""
        if state.is_world_process_zero:
            elapsed = self._stage.clock.monotonic() - self._began
            self._stage.ledger.update(seconds=round(self._seconds_before + elapsed, 3))

    def on_log(
        self,
        _args: Any,
        state: Any,
        _control: Any,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Figures of the last steps."""
        logs = logs or {}
        if "loss" in logs:
            self._tell(state, logs)

    def on_prediction_step(self, _args: Any, _state: Any, _control: Any, **_: object) -> None:
        """One batch of held-out samples: the first begins the stage."""
        if not self._evaluates:
            self._evaluates = True
            self._stage.board.start_stage("evaluate")
        self._stage.board.advance(1)

    def on_evaluate(
        self,
        _args: Any,
        state: Any,
        _control: Any,
        metrics: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """The loss on held-out samples was measured."""
        if self._evaluates:
            self._evaluates = False
            self._stage.board.start_stage("train", total=state.max_steps, done=state.global_step)
        loss = (metrics or {}).get("eval_loss")
        progress = self._stage.ledger.record.progress
        if loss is None or not state.is_world_process_zero:
            return
        point = LossPoint(step=state.global_step, loss=progress.loss or loss, evaluation=loss)
        self._stage.ledger.progress(evaluation=loss, curve=to_curve(progress.curve, point))

    def on_save(self, args: Any, state: Any, _control: Any, model: Any = None, **_: object) -> None:
        """A checkpoint lies there: from here on it counts."""
        if model is not None:
            refuse_diverged(model.parameters())
        self._saved = self._stage.clock.monotonic()
        # Each rank writes a file of its own, and the mark has the sizes of all.
        wait_for_all()
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir)
        checkpoint = folder / f"checkpoint-{state.global_step}"
        mark_complete(checkpoint, self._job)
        drop_old(folder, keep=_KEPT)
        self._stage.ledger.progress(checkpoint=checkpoint.name)
        logger.info("checkpoint written", extra=facts(step=state.global_step))

    def _tell(self, state: Any, logs: dict[str, float]) -> None:
        if not state.is_world_process_zero:
            return
        elapsed = max(self._stage.clock.monotonic() - self._began, 1e-6)
        moved = max(state.global_step - self._first_step, 1)
        ledger = self._stage.ledger
        point = LossPoint(step=state.global_step, loss=logs["loss"])
        ledger.update(
            seconds=round(self._seconds_before + elapsed, 3),
            peak_memory_bytes=max(ledger.record.peak_memory_bytes, peak_memory()),
        )
        ledger.progress(
            step=state.global_step,
            steps=state.max_steps,
            epoch=round(float(logs.get("epoch", 0.0)), 4),
            loss=logs["loss"],
            learning_rate=logs.get("learning_rate"),
            tokens_per_second=round(logs.get("num_tokens", 0.0) / elapsed, 1),
            eta_seconds=round((state.max_steps - state.global_step) * elapsed / moved),
            curve=to_curve(ledger.record.progress.curve, point),
        )
