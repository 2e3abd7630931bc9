"""What vLLM takes when it is told nothing: batch sizes, share of the memory, captured graphs.

Read from vLLM 0.32: `EngineArgs.get_batch_defaults` (engine/arg_utils.py, the API server's row),
`CacheConfig.gpu_memory_utilization`, `VllmConfig._set_cudagraph_sizes`, `max_concurrent_batches`.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import floor

from kaito.base.quantity import GIB, MIB
from kaito.catalog.accelerator import Accelerator
from kaito.planner.plan import Demand

UTILIZATION = 0.92
"""vLLM's own default; KAITO 0.12 sets 0.84 (spec section 2.5)."""
_CONTEXT_BYTES = 512 * MIB
"""CUDA context, in use before the engine looks: what is free must be as much as it may take."""
_PEER_BYTES = 512 * MIB
"""NCCL's buffers, set up before the engine looks as well (gpu_worker.py, `init_device`)."""
_LARGE, _LARGEST = 70 * GIB, 160 * GIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How much the engine computes at once."""

    max_sequences: int
    max_batched_tokens: int
    graphs: int
    """CUDA graphs captured; 0: none."""


@lru_cache(maxsize=512)
def batching_of(
    accelerator: Accelerator, demand: Demand, *, limits: tuple[int, int] = (1024, 16_384)
) -> Batching:
    """The engine's defaults for that GPU, at most `limits`; demands take their place."""
    memory = accelerator.memory_bytes
    sequences, tokens = 256, 2048
    if memory >= _LARGEST:
        sequences, tokens = 1024, 16_384
    elif memory >= _LARGE and not accelerator.name.startswith("A100"):
        sequences, tokens = 1024, 8192
    sequences = demand.max_sequences or min(sequences, limits[0])
    tokens = demand.max_batched_tokens or max(min(tokens, limits[1]), sequences)
    # The engine lowers its own default to what one batch takes.
    sequences = min(sequences, tokens)
    if demand.enforce_eager:
        return Batching(max_sequences=sequences, max_batched_tokens=tokens, graphs=0)
    # A graph's batch of twice the sequences is the largest that is captured.
    most = min(2 * sequences, 1024 if accelerator.compute_capability // 10 == 10 else 512, tokens)
    graphs = _captures(most) + _captures(min(sequences, most))
    if demand.adapter_slots:
        # Each once with adapters and once without (v1/cudagraph_dispatcher.py, `_get_lora_cases`).
        graphs *= 2
    return Batching(max_sequences=sequences, max_batched_tokens=tokens, graphs=graphs)


def utilization_of(accelerator: Accelerator, demand: Demand, *, has_peers: bool = False) -> float:
    """The share of the memory the engine may take, in hundredths; less than usual on small slices.

    The engine refuses to start when less is free than it may take (v1/worker/utils.py).
    """
    if demand.gpu_memory_utilization:
        return demand.gpu_memory_utilization
    taken = _CONTEXT_BYTES + (_PEER_BYTES if has_peers else 0)
    free = 1 - taken / max(accelerator.memory_bytes, 1)
    return min(UTILIZATION, max(floor(free * 100) / 100, 0.0))


def in_flight_tokens(batching: Batching, pipeline: int) -> int:
    """Tokens of all batches that are under way at once: steps overlap, stages do too."""
    return batching.max_batched_tokens * max(pipeline, 2)


def _captures(most: int) -> int:
    """Batch sizes up to `most`: 1, 2, 4, then each eighth up to 256, then each sixteenth."""
    return min(most, 2) + (most >= 4) + min(most, 255) // 8 + max(most - 240, 0) // 16
