"""What the trainer's callback tells while it trains and evaluates."""

import threading
from pathlib import Path

from transformers import TrainerControl, TrainerState

from kaito.base.clock import ManualClock, SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.ledger import Ledger
from kaito.runtimes.tuning.watch import Stage, Watch


def test_evaluation_is_a_stage_of_its_own_and_training_goes_on_after_it(tmp_path: Path) -> None:
    clock = SystemClock()
    board = Board("tuning", clock)
    ledger = Ledger(tmp_path, board, clock)
    watch = Watch(Stage(board=board, ledger=ledger, clock=clock, stop=threading.Event()), "job")
    state, control = TrainerState(global_step=0, max_steps=9), TrainerControl()

    watch.on_train_begin(None, state, control)
    watch.on_step_end(None, state, control)
    watch.on_prediction_step(None, state, control)
    watch.on_prediction_step(None, state, control)
    during = [(stage.name, stage.done, stage.is_over) for stage in board.report.stages]
    state.global_step = 1
    watch.on_evaluate(None, state, control, metrics={"eval_loss": 0.5})
    after = [(stage.name, stage.done, stage.total) for stage in board.report.stages]

    assert during == [("train", 1, True), ("evaluate", 2, False)]
    assert after == [("train", 1, 9), ("evaluate", 2, 0), ("train", 1, 9)]
    assert ledger.record.progress.evaluation == 0.5


async def test_the_seconds_of_training_are_counted_to_its_end(tmp_path: Path) -> None:
    clock = ManualClock()
    board = Board("tuning", clock)
    ledger = Ledger(tmp_path, board, clock)
    watch = Watch(Stage(board=board, ledger=ledger, clock=clock, stop=threading.Event()), "job")
    state, control = TrainerState(global_step=0, max_steps=3), TrainerControl()

    watch.on_train_begin(None, state, control)
    await clock.advance(10)
    state.global_step = 2
    watch.on_log(None, state, control, logs={"loss": 1.0})
    assert ledger.record.seconds == 10
    await clock.advance(5)
    watch.on_train_end(None, state, control)

    assert ledger.record.seconds == 15
