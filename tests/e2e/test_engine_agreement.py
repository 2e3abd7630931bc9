"""The planner beside the real engine: cache tokens and weights within 2 %, kind by kind.

All tiny models are served in one process, and some catalogued shapes laid out by the engine's own
code in another; docs/reference/engine-agreement.md has them all.
"""

from pathlib import Path

import pytest
from engine_measures import Answer, Request, ask_engine, read_folder
from engine_record import figures, is_close, plan_tokens
from full_size_models import FULL_SIZE_MODELS, FullSizeModel
from tiny_architectures import CONTEXT_TOKENS, TINY_MODELS, TinyModel

from kaito.planner.adapters import adapter_bytes
from kaito.planner.memory import weights_per_gpu
from kaito.planner.plan import Demand, Parallelism

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

CACHE_BYTES = 1 << 28
SECONDS = 500
SERVED = [model for model in TINY_MODELS if model.runs_on_cpu]
ADAPTED = [model for model in TINY_MODELS if model.name in ("tiny-mha", "tiny-gqa", "tiny-window")]
LAID_OUT = [model for model in FULL_SIZE_MODELS if model.facts.experts or model.cache_dtype]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def served(folder: Path) -> dict[str, tuple[Request, Answer]]:
    """The running engine's answers by model."""
    requests = [
        Request(
            folder=str(model.save(folder / model.name)),
            cache_bytes=CACHE_BYTES,
            context_tokens=CONTEXT_TOKENS,
        )
        for model in SERVED
    ]
    answers = ask_engine("engine", requests, seconds=SECONDS)
    names = [model.name for model in SERVED]
    return dict(zip(names, zip(requests, answers, strict=True), strict=True))


@pytest.fixture(scope="module")
def adapted(folder: Path) -> dict[str, tuple[Request, Answer]]:
    """The answers of the engine that makes room for adapters, by model."""
    requests = [
        Request(
            folder=str(model.save(folder / f"{model.name}-adapted")),
            cache_bytes=CACHE_BYTES,
            context_tokens=CONTEXT_TOKENS,
            adapter_slots=3,
            adapter_rank=16,
        )
        for model in ADAPTED
    ]
    answers = ask_engine("engine", requests, seconds=SECONDS)
    names = [model.name for model in ADAPTED]
    return dict(zip(names, zip(requests, answers, strict=True), strict=True))


@pytest.fixture(scope="module")
def laid_out(folder: Path) -> dict[str, tuple[Request, Answer]]:
    """The answers of the engine's code, two GPUs to a model, by kind."""
    requests = [
        Request(
            folder=str(model.save(folder / f"{index}")),
            cache_bytes=CACHE_BYTES * 128,
            context_tokens=8192,
            tensor_parallel=2,
            cache_dtype=model.cache_dtype or model.preset.serving.kv_cache_dtype,
        )
        for index, model in enumerate(LAID_OUT)
    ]
    answers = ask_engine("gpu-code", requests, seconds=SECONDS)
    kinds = [f"{model.name} {model.kind}" for model in LAID_OUT]
    return dict(zip(kinds, zip(requests, answers, strict=True), strict=True))


@pytest.mark.parametrize("model", SERVED, ids=lambda model: model.name)
def test_a_tiny_model_takes_what_the_plan_says(
    served: dict[str, tuple[Request, Answer]], model: TinyModel
) -> None:
    request, answer = served[model.name]
    found = figures(answer)
    facts = read_folder(Path(request.folder))
    planned = plan_tokens(facts, request, "engine", found.in_flight_tokens)
    assert is_close(planned, found.tokens), (planned, found)
    assert is_close(facts.weights_bytes, found.weights_bytes), (facts.weights_bytes, found)


@pytest.mark.parametrize("model", ADAPTED, ids=lambda model: model.name)
def test_room_for_adapters_is_what_the_plan_says(
    adapted: dict[str, tuple[Request, Answer]], model: TinyModel
) -> None:
    request, answer = adapted[model.name]
    facts = read_folder(Path(request.folder))
    demand = Demand(adapter_slots=request.adapter_slots, adapter_rank=request.adapter_rank)
    planned = adapter_bytes(facts, Parallelism(), demand)
    # Never less; an output embedding of its own is counted as if it were part of the layers.
    assert 1 <= planned / figures(answer).adapter_bytes < 1.06


@pytest.mark.parametrize("model", LAID_OUT, ids=lambda model: f"{model.name} {model.kind}")
def test_a_catalogued_model_on_two_gpus_takes_what_the_plan_says(
    laid_out: dict[str, tuple[Request, Answer]], model: FullSizeModel
) -> None:
    request, answer = laid_out[f"{model.name} {model.kind}"]
    found = figures(answer)
    planned = plan_tokens(model.facts, request, "gpu-code", found.in_flight_tokens)
    assert is_close(planned, found.tokens), (planned, found)
    weights = weights_per_gpu(model.facts, Parallelism(tensor=2)).total
    assert is_close(weights, found.weights_bytes) or model.weights_note, (weights, found)
