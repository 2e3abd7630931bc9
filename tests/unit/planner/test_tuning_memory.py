"""The plan's memory beside the trainer's own: what was planned, the trainer does not refuse.

Both reckon for themselves: the plan from the settings before there is data, the trainer from its
model and its samples.
"""

import pytest

from kaito.cli.questions import find_model
from kaito.planner.tuning_memory import Method, TuningDemand, share_on_machine
from kaito.runtimes.tuning.facts import ModelFacts
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.plan import Load, estimate_memory
from kaito.runtimes.tuning.settings import read_settings

LAYERS, HIDDEN, INTERMEDIATE, VOCABULARY = 30, 576, 1536, 49152
SHAPES = {
    "q_proj": (HIDDEN, HIDDEN),
    "k_proj": (HIDDEN, HIDDEN // 3),
    "v_proj": (HIDDEN, HIDDEN // 3),
    "o_proj": (HIDDEN, HIDDEN),
    "gate_proj": (HIDDEN, INTERMEDIATE),
    "up_proj": (HIDDEN, INTERMEDIATE),
    "down_proj": (INTERMEDIATE, HIDDEN),
}
LINEAR = LAYERS * sum(inputs * outputs for inputs, outputs in SHAPES.values())
SMOL = ModelFacts(
    parameters=LINEAR + VOCABULARY * HIDDEN,
    linear_parameters=LINEAR,
    linear_names=tuple(sorted(SHAPES)),
    linear_shapes={name: (shape,) * LAYERS for name, shape in SHAPES.items()},
    layers=LAYERS,
    hidden=HIDDEN,
    intermediate=INTERMEDIATE,
    vocabulary=VOCABULARY,
    context=8192,
)
MACHINE = Machine(kind="cpu", name="cpu, 2 threads", memory_bytes=1 << 40, has_bf16=False)


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("batch", "tokens"), [(1, 128), (8, 512), (4, 4096)])
def test_the_trainer_is_planned_what_it_asks_for_and_little_more(
    method: Method, checkpointing: bool, batch: int, tokens: int
) -> None:
    packed = "{load_in_4bit: true}" if method == "qlora" else "{}"
    settings = read_settings(f"training_config: {{QuantizationConfig: {packed}}}", method)
    load = Load(batch=batch, longest=tokens, saves=checkpointing)
    asked = estimate_memory(settings, SMOL, load, MACHINE)
    _, facts = find_model("smollm2-135m-instruct", "")
    demand = TuningDemand(method=method, rank=16, batch=batch, sequence_tokens=tokens)

    planned = share_on_machine(facts, demand, checkpointing=checkpointing).total

    assert 1 <= planned / asked < 1.15
