"""What vLLM would allocate, from its own code and without allocating: shapes of weights and cache.

The engine's model class is built on the `meta` device, where tensors have shapes and no memory, as
one rank of a tensor-parallel group sees it; the layers tell their cache's shape, and the functions
that the engine core calls (vllm/v1/engine/core.py, `_initialize_kv_caches`) lay it out.
"""

from typing import Any

import torch
from engine_measures import Measured, Request


class _Ranks:
    """A group of ranks of which there is only the first: what vLLM's models ask of one."""

    def __init__(self, size: int) -> None:
        self.world_size = size
        self.ranks = list(range(size))
        self.rank = self.rank_in_group = self.local_rank = self.first_rank = 0
        self.last_rank = size - 1
        self.is_first_rank, self.is_last_rank = True, size == 1
        self.use_custom_op_call = False
        self.device_communicator = None
        self.device_group = self.cpu_group = self
        self.unique_name = "shapes"

    def size(self) -> int:
        """As torch's process groups say it."""
        return self.world_size

    def barrier(self) -> None:
        """The others are always there."""


def measure_specs(request: Request) -> Measured:
    """The figures of one model; whatever the engine raises comes through."""
    config = _configure(request)
    model = _build(config)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    specs, backends = _cache_specs(config)
    scheduled = _lay_out(config, specs, backends, request.cache_bytes)
    from vllm.v1.core.kv_cache_utils import get_kv_cache_capacity

    tokens, concurrency = get_kv_cache_capacity(config, scheduled)
    return Measured(
        tokens=tokens,
        concurrency=concurrency,
        blocks=scheduled.num_blocks,
        block_tokens=config.cache_config.block_size,
        in_flight_tokens=config.max_in_flight_tokens,
        weights_bytes=weights,
    )


def _configure(request: Request) -> Any:
    from vllm.engine.arg_utils import EngineArgs

    _pretend_ranks(request.tensor_parallel)
    arguments = EngineArgs(
        **request.engine_options(),
        skip_tokenizer_init=True,
        tensor_parallel_size=request.tensor_parallel,
        distributed_executor_backend="mp" if request.tensor_parallel > 1 else None,
    )
    return arguments.create_engine_config()


def _pretend_ranks(size: int) -> None:
    from vllm.distributed import parallel_state

    for name in ("_WORLD", "_TP", "_EP", "_EPLB"):
        setattr(parallel_state, name, _Ranks(size))
    for name in ("_PP", "_DP", "_PCP", "_DCP", "_INNER_DP_WORLD"):
        setattr(parallel_state, name, _Ranks(1))


def _build(config: Any) -> Any:
    from vllm.config import set_current_vllm_config
    from vllm.model_executor.model_loader.utils import initialize_model
    from vllm.utils.torch_utils import set_default_torch_dtype
    from vllm.v1.worker.workspace import init_workspace_manager

    init_workspace_manager(torch.device("meta"))
    kind = set_default_torch_dtype(config.model_config.dtype)
    with set_current_vllm_config(config), torch.device("meta"), kind:
        return initialize_model(vllm_config=config, model_config=config.model_config)


def _cache_specs(config: Any) -> tuple[dict[str, Any], list[Any]]:
    """The layers' caches by layer, and the attention backends in use."""
    from vllm.config import set_current_vllm_config
    from vllm.config.vllm import get_layers_from_vllm_config
    from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
    from vllm.platforms import current_platform
    from vllm.v1.kv_cache_interface import AttentionSpec
    from vllm.v1.worker.gpu_model_runner import customize_attention_spec

    specs: dict[str, Any] = {}
    backends: list[Any] = []
    with set_current_vllm_config(config):
        current_platform.update_block_size_for_backend(config)
        for name, layer in get_layers_from_vllm_config(config, AttentionLayerBase).items():
            shared = getattr(layer, "kv_sharing_target_layer_name", None)
            spec = None if shared else layer.get_kv_cache_spec(config)
            if not spec:
                continue
            backend = layer.get_attn_backend()
            is_attention = isinstance(spec, AttentionSpec)
            specs[name] = customize_attention_spec(backend, spec) if is_attention else spec
            if backend not in backends:
                backends.append(backend)
    return specs, backends


def _lay_out(config: Any, specs: dict[str, Any], backends: list[Any], cache_bytes: int) -> Any:
    from vllm.config import set_current_vllm_config
    from vllm.v1.attention.backends.utils import (
        get_supported_kv_cache_layouts,
        resolve_kv_cache_layout,
    )
    from vllm.v1.core.kv_cache_utils import generate_scheduler_kv_cache_config, get_kv_cache_configs
    from vllm.v1.core.single_type_kv_cache_manager import register_all_kvcache_specs

    with set_current_vllm_config(config):
        register_all_kvcache_specs(config)
        layouts = [layout.name for layout in get_supported_kv_cache_layouts(backends)]
        resolve_kv_cache_layout(config, [layouts], list(specs.values()))
        return generate_scheduler_kv_cache_config(
            get_kv_cache_configs(config, [specs], [cache_bytes])
        )
