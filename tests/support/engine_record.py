"""The recorded figures of the engine beside the plan's: docs/reference/engine-agreement.yaml.

Rows of catalogued models hold the engine's figures alone: the plan's are computed from the
catalogue and the planner as they are. Those of tiny models hold both, for their files are made
when they are measured.
"""

from pathlib import Path

import msgspec
from engine_measures import Answer, Measured, Request, Source

from kaito.catalog.cache_layers import LatentLayers
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts
from kaito.planner.cache import engine_cache_tokens
from kaito.planner.memory import weights_per_gpu
from kaito.planner.plan import Parallelism

RECORD_FILE = Path(__file__).parents[2] / "docs" / "reference" / "engine-agreement.yaml"
TOLERANCE = 0.02
_CPU_BLOCK, _CPU_LATENT_BLOCK, _GPU_BLOCK = 128, 16, 16


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model under one set of options."""

    model: str
    kind: str
    source: Source
    tensor_parallel: int = 1
    cache_gib: float
    context: int
    cache_dtype: str = "auto"
    in_flight: int = 0
    """Tokens of the batches under way, as the engine has it."""
    tokens: int = 0
    """The engine's; 0: it refuses."""
    weights: int = 0
    """Bytes on one rank, the engine's."""
    weights_note: str = ""
    """Why the weights cannot be compared as closely."""
    cpu_error: str = ""
    """Why the running engine was not asked."""
    refusal: str = ""
    """Why there are no figures."""
    plan_tokens: int = 0
    plan_weights: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    engine: str
    measured: str
    """Day, ISO."""
    rows: tuple[Row, ...]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The plan's side of a row."""

    tokens: int
    weights: int


def read_record() -> Record:
    """What was measured last."""
    return msgspec.yaml.decode(RECORD_FILE.read_bytes(), type=Record)


def write_record(record: Record) -> None:
    """One row a line, so that a change is easy to see."""
    rows = "".join(f"  - {msgspec.json.encode(row).decode()}\n" for row in record.rows)
    RECORD_FILE.write_text(
        "# Written by tools/measure_engine_agreement.py; tools/gen_engine_agreement.py makes\n"
        "# docs/reference/engine-agreement.md of it.\n"
        f'engine: "{record.engine}"\nmeasured: "{record.measured}"\nrows:\n{rows}'
    )


def plan_of(row: Row) -> Planned:
    """The plan's figures as they are now; the recorded ones of a model that is not catalogued."""
    preset = find_preset(row.model)
    if preset is None or preset.facts is None:
        return Planned(tokens=row.plan_tokens, weights=row.plan_weights)
    request = Request(
        folder="",
        cache_bytes=int(row.cache_gib * 2**30),
        context_tokens=row.context,
        tensor_parallel=row.tensor_parallel,
        cache_dtype=row.cache_dtype,
    )
    spread = Parallelism(tensor=row.tensor_parallel)
    return Planned(
        tokens=plan_tokens(preset.facts, request, row.source, row.in_flight),
        weights=weights_per_gpu(preset.facts, spread).total,
    )


def plan_tokens(facts: ModelFacts, request: Request, source: Source, in_flight_tokens: int) -> int:
    """The tokens that the planner expects where the engine was asked."""
    block = _GPU_BLOCK
    if source != "gpu-code":
        is_latent = any(isinstance(group, LatentLayers) for group in facts.cache)
        block = _CPU_LATENT_BLOCK if is_latent else _CPU_BLOCK
    return engine_cache_tokens(
        facts,
        request.cache_bytes,
        context_tokens=request.context_tokens,
        block_tokens=block,
        tensor_parallel=request.tensor_parallel,
        in_flight_tokens=in_flight_tokens,
        element_bytes=1 if request.cache_dtype.startswith("fp8") else facts.cache_element_bytes,
    )


def is_close(planned: int, measured: int) -> bool:
    """Whether the plan is within the tolerance."""
    return abs(planned / measured - 1) <= TOLERANCE


def figures(answer: Answer) -> Measured:
    """The answer's figures; an `AssertionError` with the engine's words where there are none."""
    assert answer.measured is not None, answer.error
    return answer.measured
