"""`python engine_probe.py engine|cpu-code|gpu-code`: answers requests read from standard input."""

import gc
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from engine_measures import Answer, Measured, Request, write_answers

logger = logging.getLogger("probe")
_ENVIRONMENT = {
    # The engine in this process, so that its model and configuration can be looked at.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "HF_HUB_OFFLINE": "1",
}

_PYDANTIC = re.compile(r"Value error, (.*?) \[type=")


def main() -> int:
    """Answer all requests."""
    os.environ.update(_ENVIRONMENT)
    requests = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[Request, ...])
    source = sys.argv[1]
    if source == "gpu-code":
        import pretend_gpu

        pretend_gpu.pretend()
    _inspect_models_here()
    if source == "engine":
        _watch_loading()
        write_answers(_answer(requests, _measure_engine))
    else:
        from engine_specs import measure_specs

        write_answers(_answer(requests, measure_specs))
    return 0


def _answer(
    requests: tuple[Request, ...], measure: Callable[[Request], Measured]
) -> Iterator[Answer]:
    for request in requests:
        try:
            yield Answer(measured=measure(request))
        except Exception as error:  # what the engine cannot do is an answer too
            logger.exception("no figures")
            yield Answer(error=_one_line(error))


def _one_line(error: Exception) -> str:
    """The error without what pydantic puts around it."""
    reason = " ".join(str(error).split())
    found = _PYDANTIC.search(reason)
    return found[1] if found else f"{type(error).__name__}: {reason}"[:300]


def _inspect_models_here() -> None:
    """Look at model classes in this process: the engine starts one for each kind otherwise."""
    from vllm.model_executor.models import registry

    registry._run_in_subprocess = lambda function: function()


_loaded: dict[str, int] = {}


def _watch_loading() -> None:
    """Count parameters when they are loaded: CPU kernels then keep them in a form of their own."""
    from vllm.model_executor.model_loader import base_loader

    repack = base_loader.process_weights_after_loading

    def count(model: Any, *rest: Any) -> None:
        _loaded["bytes"] = sum(parameter.nbytes for parameter in model.parameters())
        repack(model, *rest)

    base_loader.process_weights_after_loading = count


def _adapter_bytes(model: Any) -> int:
    """Every stack of every layer that takes adapters, each counted once."""
    stacks: dict[int, int] = {}
    for layer in model.lora_manager.modules.values():
        for name, value in vars(layer).items():
            if name.endswith(("lora_a_stacked", "lora_b_stacked")):
                tensors = value if isinstance(value, list | tuple) else (value,)
                for tensor in tensors:
                    storage = tensor.untyped_storage()
                    stacks[storage.data_ptr()] = storage.nbytes()
    return sum(stacks.values())


def _measure_engine(request: Request) -> Measured:
    """Start the engine, let it answer a prompt, look, and take it down."""
    from vllm import LLM, SamplingParams
    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    try:
        engine = LLM(**request.engine_options())
        answers = engine.generate(["Hello"], SamplingParams(max_tokens=4), use_tqdm=False)
        assert answers[0].outputs[0].token_ids, f"{Path(request.folder).name} says nothing"
        config = engine.llm_engine.vllm_config
        cache = config.cache_config
        return Measured(
            tokens=cache.kv_cache_size_tokens,
            concurrency=cache.kv_cache_max_concurrency,
            blocks=cache.num_gpu_blocks,
            block_tokens=cache.block_size,
            in_flight_tokens=config.max_in_flight_tokens,
            weights_bytes=_loaded.pop("bytes"),
            adapter_bytes=sum(engine.apply_model(_adapter_bytes)) if request.adapter_slots else 0,
        )
    finally:
        engine = None
        cleanup_dist_env_and_memory()
        gc.collect()


if __name__ == "__main__":
    sys.exit(main())
