"""What fits is planned, what does not is refused with the setting that would."""

import pytest

from kaito.base.quantity import GIB
from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.facts import ModelFacts
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.plan import Lengths, Plan, plan_training
from kaito.runtimes.tuning.settings import read_settings

SMOL = ModelFacts(
    parameters=134_515_008,
    linear_parameters=106_168_320,
    linear_names=("q_proj",),
    linear_shapes={"q_proj": ((576, 576),) * 30},
    layers=30,
    hidden=576,
    intermediate=1536,
    vocabulary=49152,
    context=8192,
)
SHORT = Lengths(samples=1000, longest=128, tokens=64_000)


def machine(gibibytes: float, *, ranks: int = 1) -> Machine:
    return Machine(
        kind="cpu",
        name="cpu, 2 threads",
        memory_bytes=int(gibibytes * GIB),
        has_bf16=False,
        ranks=ranks,
    )


def plan(
    text: str = "{}", *, gibibytes: float = 16, method: str = "lora", lengths: Lengths = SHORT
) -> Plan:
    settings = read_settings(f"training_config: {{TrainingArguments: {text}}}", method)
    return plan_training(settings, SMOL, lengths, machine(gibibytes))


def test_where_there_is_room_batches_are_of_eight_and_nothing_is_computed_twice() -> None:
    made = plan()

    assert (made.batch, made.accumulation, made.checkpoints_activations) == (8, 1, False)
    assert made.steps == 3 * 125


def test_where_there_is_less_room_batches_shrink_and_steps_stay_as_large() -> None:
    made = plan(gibibytes=2.2, lengths=Lengths(samples=1000, longest=512, tokens=200_000))

    assert made.batch < 8
    assert made.batch * made.accumulation == 8
    assert made.memory_bytes <= 2.2 * GIB


def test_a_small_data_set_still_gets_enough_steps() -> None:
    made = plan(lengths=Lengths(samples=30, longest=64, tokens=900))

    assert made.batch == 2
    assert made.steps == 45


def test_what_the_user_sets_stays() -> None:
    made = plan("{per_device_train_batch_size: 3, gradient_accumulation_steps: 2, max_steps: 9}")

    assert (made.batch, made.accumulation, made.steps) == (3, 2, 9)
    assert made.chosen == frozenset({"gradient_checkpointing"})


def test_what_the_user_sets_and_does_not_fit_is_refused_with_what_would() -> None:
    with pytest.raises(SettingRefused) as refusal:
        plan(
            "{per_device_train_batch_size: 64}",
            gibibytes=3,
            lengths=Lengths(samples=1000, longest=2048, tokens=200_000),
        )

    assert "per_device_train_batch_size: 1" in refusal.value.line


@pytest.mark.parametrize(("method", "hint"), [("full", "lora or qlora"), ("lora", "method qlora")])
def test_a_method_that_cannot_fit_names_one_that_takes_less(method: str, hint: str) -> None:
    with pytest.raises(SettingRefused) as refusal:
        plan(gibibytes=0.5, method=method)

    assert hint in refusal.value.line


def shared(
    method: str, *, gibibytes: float, ranks: int = 2, asked: bool = False, text: str = "{}"
) -> Plan:
    packed = "{load_in_4bit: true}" if method == "qlora" else "{}"
    sections = f"{{TrainingArguments: {text}, QuantizationConfig: {packed}}}"
    settings = read_settings(f"training_config: {sections}", method)
    near = machine(gibibytes, ranks=ranks)
    return plan_training(settings, SMOL, SHORT, near, shares_model=asked)


def test_ranks_share_the_model_when_they_are_told_to_or_none_holds_it() -> None:
    assert not shared("full", gibibytes=16).shards
    assert shared("full", gibibytes=16, asked=True).shards
    assert shared("full", gibibytes=2.7, text="{per_device_train_batch_size: 1}").shards
    assert not shared("full", gibibytes=16, ranks=1, asked=True).shards


def test_a_shared_model_takes_less_on_each_rank_but_not_an_adapters_state() -> None:
    alone, two, four = (
        shared("full", gibibytes=64, ranks=ranks, asked=True).memory_bytes for ranks in (1, 2, 4)
    )
    assert alone > two > four > alone / 4
    few, many = (
        shared("lora", gibibytes=64, ranks=ranks, asked=True).memory_bytes for ranks in (64, 128)
    )
    assert few == pytest.approx(many, rel=0.01)


def test_four_bit_weights_are_not_spread() -> None:
    assert not shared("qlora", gibibytes=16, asked=True).shards
    with pytest.raises(SettingRefused, match="training needs about"):
        shared("qlora", gibibytes=0.7, asked=True)
