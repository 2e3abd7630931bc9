"""How a job trains on this machine: batch, accumulation, checkpointing, memory. Pure arithmetic.

Memory is that of the weights, of what is trained (weight, gradient, Adam's two moments), and of the
activations of one batch. The factors of activations follow Korthikanti et al. 2022
(https://arxiv.org/abs/2205.05198), without the attention matrix, which no kernel here keeps.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Final

from kaito.base.quantity import GIB, MIB
from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.facts import ModelFacts
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.settings import Method, Settings

DEFAULT_RANK: Final = 16
_NF4_BYTES: Final = 0.53
"""Four bits, and their block's scales quantized again."""
_LIBRARIES: Final = {"cpu": 640 * MIB, "cuda": 1200 * MIB}
"""What the process holds before the first weight: torch, kernels, the tokenizer."""
_WHOLE_LAYERS: Final = {"cpu": 5, "cuda": 2}
"""With checkpointing, one layer at a time is computed again: what it keeps, its gradients, and what
a processor's allocator does not give back; measured in tests/e2e/test_tuning_memory.py."""
_SPARE: Final = 1.1
_EFFECTIVE: Final = 16
"""Sequences in one optimizer step, where the data set has enough of them."""
_LEAST_STEPS: Final = 12
"""An epoch of fewer optimizer steps learns little."""
_CPU_BATCH: Final = 8
_GPU_BATCH: Final = 16
_TOKENS_AT_ONCE: Final = {"cpu": 4096, "cuda": 32768}
_CHUNK: Final = 256
"""Tokens whose logits exist at once: the trainer computes the loss in pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """What planning needs to know of the samples."""

    samples: int
    longest: int
    """Tokens, after they were cut."""
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train."""

    batch: int
    accumulation: int
    checkpoints_activations: bool
    steps: int
    memory_bytes: int
    """Estimate of the most that is used."""
    shards: bool = False
    """Whether weights are split over the GPUs, since one does not hold them."""
    chosen: frozenset[str]
    """Which of the settings the user left to us."""


def plan_training(
    settings: Settings,
    facts: ModelFacts,
    lengths: Lengths,
    machine: Machine,
    *,
    shares_model: bool = False,
) -> Plan:
    """The fastest way that fits; `shares_model` says that all ranks are to hold one copy together.

    Raises:
        SettingRefused: none does; names the setting that would.
    """
    fixed_batch = int(settings.number("per_device_train_batch_size", 0))
    fixed_saving = settings.given("gradient_checkpointing")
    batches = (fixed_batch,) if fixed_batch else _batches(lengths, machine)
    savings = (bool(fixed_saving),) if fixed_saving is not None else (False, True)
    can_share = machine.ranks > 1 and settings.method != "qlora"
    sharding = (shares_model, True) if can_share else (False,)
    smallest = math.inf
    for shards, saves, batch in product(sharding, savings, batches):
        load = Load(batch=batch, longest=lengths.longest, saves=saves, shards=shards)
        need = estimate_memory(settings, facts, load, machine)
        smallest = min(smallest, need)
        if need <= machine.memory_bytes:
            return _plan(settings, lengths, machine, load=load, need=need)
    raise _refusal(settings, facts, lengths, machine, need=int(smallest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one rank has to hold at once."""

    batch: int
    longest: int
    """Tokens of its longest sequence: all are padded to it."""
    saves: bool
    """Whether activations are computed again instead of kept."""
    shards: bool = False


def estimate_memory(settings: Settings, facts: ModelFacts, load: Load, machine: Machine) -> int:
    """Bytes that training takes at most on one rank."""
    width, tokens = machine.element_bytes, load.batch * load.longest
    ranks = machine.ranks if load.shards else 1
    weights = _weight_bytes(settings.method, facts, settings, width) // ranks
    state = trained_parameters(settings, facts) * _STATE_BYTES[settings.method]
    if load.shards:
        weights += _gathered_bytes(settings.method, facts, width)
        # An adapter is whole on every rank.
        state //= ranks if settings.method == "full" else 1
    layer = tokens * (16 * facts.hidden + 6 * facts.intermediate) * width
    if load.saves:
        kept = tokens * facts.hidden * width * facts.layers
        activations = kept + _WHOLE_LAYERS[machine.kind] * layer
    else:
        activations = layer * facts.layers
    logits = min(tokens, _CHUNK) * facts.vocabulary * 12
    used = _LIBRARIES[machine.kind] + weights + state + activations + logits
    return int(used * _SPARE)


_STATE_BYTES: Final[dict[Method, int]] = {"lora": 16, "qlora": 16, "full": 12}
"""A trained parameter's gradient and two moments in four bytes each, and an adapter's own four."""


def trained_parameters(settings: Settings, facts: ModelFacts) -> int:
    """Parameters that training changes, for adapters on every linear layer."""
    if settings.method == "full":
        return facts.parameters
    rank = int(str(settings.lora.get("r", DEFAULT_RANK)))
    return sum(rank * (a + b) for found in facts.linear_shapes.values() for a, b in found)


def _weight_bytes(method: Method, facts: ModelFacts, settings: Settings, width: int) -> int:
    if method == "full":
        return facts.parameters * 4
    if method == "lora":
        return facts.parameters * width
    packed = 1.0 if settings.quantization.get("load_in_8bit") is True else _NF4_BYTES
    rest = facts.parameters - facts.linear_parameters
    return int(facts.linear_parameters * packed + rest * width)


def _gathered_bytes(method: Method, facts: ModelFacts, width: int) -> int:
    """Of a shared model: this layer, the next one and the embeddings; their gradients, too."""
    layer = facts.linear_parameters // max(facts.layers, 1)
    elements = facts.parameters - facts.linear_parameters + 2 * layer
    return elements * (width + 4 if method == "full" else width)


def _batches(lengths: Lengths, machine: Machine) -> tuple[int, ...]:
    """Batch sizes to try, the best first: powers of two."""
    most = _CPU_BATCH if machine.kind == "cpu" else _GPU_BATCH
    effective = _effective(lengths, machine)
    by_tokens = max(_TOKENS_AT_ONCE[machine.kind] // max(lengths.longest, 1), 1)
    best = max(min(most, effective, _power_of_two(by_tokens)), 1)
    return tuple(best >> shift for shift in range(best.bit_length()))


def _effective(lengths: Lengths, machine: Machine) -> int:
    """Sequences in a step on one device: fewer where the data set is small."""
    return max(_power_of_two(min(_EFFECTIVE, lengths.samples // _LEAST_STEPS)) // machine.ranks, 1)


def _power_of_two(number: int) -> int:
    return 1 << (number.bit_length() - 1) if number > 0 else 1


def _plan(settings: Settings, lengths: Lengths, machine: Machine, *, load: Load, need: int) -> Plan:
    batch = load.batch
    given = settings.given("gradient_accumulation_steps")
    given_batch = settings.given("per_device_train_batch_size")
    accumulation = int(settings.number("gradient_accumulation_steps", 0))
    if not accumulation:
        # Where batches had to shrink for memory, a step still sees as many sequences.
        goal = min(
            _effective(lengths, machine), _CPU_BATCH if machine.kind == "cpu" else _GPU_BATCH
        )
        accumulation = 1 if given_batch is not None else max(goal // batch, 1)
    chosen = {
        "per_device_train_batch_size": given_batch,
        "gradient_accumulation_steps": given,
        "gradient_checkpointing": settings.given("gradient_checkpointing"),
    }
    return Plan(
        batch=batch,
        accumulation=accumulation,
        checkpoints_activations=load.saves,
        shards=load.shards,
        steps=count_steps(settings, lengths.samples, batch * accumulation * machine.ranks),
        memory_bytes=need,
        chosen=frozenset(name for name, value in chosen.items() if value is None),
    )


def count_steps(settings: Settings, samples: int, sequences: int) -> int:
    """Optimizer steps of the whole job, as transformers counts them."""
    if (most := int(settings.number("max_steps", -1))) > 0:
        return most
    epochs = settings.number("num_train_epochs", 3)
    return max(math.ceil(epochs * math.ceil(samples / sequences)), 1)


def _refusal(
    settings: Settings, facts: ModelFacts, lengths: Lengths, machine: Machine, *, need: int
) -> SettingRefused:
    load = Load(batch=1, longest=lengths.longest, saves=True)
    least = estimate_memory(settings, facts, load, machine)
    if least <= machine.memory_bytes:
        hint = "set per_device_train_batch_size: 1 and gradient_checkpointing: true, or leave both"
    elif settings.method == "full":
        hint = "use method lora or qlora, or a node with more memory"
    elif settings.method == "lora":
        hint = "use method qlora, set a smaller max_length, or use a node with more memory"
    else:
        hint = "set a smaller max_length, use a smaller model, or a node with more memory"
    return SettingRefused(
        f"training needs about {need / GIB:.1f} GiB where {machine.memory_bytes / GIB:.1f} GiB are",
        hint=hint,
    )
