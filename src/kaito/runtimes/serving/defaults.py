"""The vLLM options that follow from our arguments and the device. Pure.

On a CPU: eager, for the compiled path gave wrong text on one machine and triples the start; a
stated KV cache, for by default the engine asks for 92 % of the memory.
"""

from kaito.api.runtime import HEALTH_PATH, METRICS_PATH, READY_PATH, ServingArguments
from kaito.base.quantity import GIB
from kaito.runtimes.serving.config import OptionValue
from kaito.runtimes.serving.device import Device

_CPU_KV_CACHE_BYTES = GIB


def decide_defaults(device: Device) -> dict[str, OptionValue]:
    """What we would set without being asked."""
    options: dict[str, OptionValue] = {
        # Probes and scrapes every few seconds would bury what a person looks for.
        "disable-access-log-for-endpoints": f"{HEALTH_PATH},{READY_PATH},{METRICS_PATH}",
        "max-model-len": "auto",
    }
    if device == "cpu":
        options |= {
            "enforce-eager": True,
            "dtype": "bfloat16",
            "kv-cache-memory-bytes": _CPU_KV_CACHE_BYTES,
        }
    return options


def decide_options(arguments: ServingArguments, device: Device) -> dict[str, OptionValue]:
    """What the arguments say, under vLLM's names; what they leave open is left out."""
    options: dict[str, OptionValue] = {
        "model": arguments.model,
        "port": arguments.port,
        "served-model-name": list(arguments.served_model_name) or None,
        "max-model-len": arguments.max_model_len,
        "quantization": arguments.quantization or None,
        "kv-cache-dtype": arguments.kv_cache_dtype or None,
        "load-format": arguments.load_format or None,
        "tokenizer-mode": arguments.tokenizer_mode or None,
        "config-format": arguments.config_format or None,
        "reasoning-parser": arguments.reasoning_parser or None,
        "chat-template": arguments.chat_template or None,
        "trust-remote-code": arguments.trust_remote_code or None,
        "enable-expert-parallel": arguments.enable_expert_parallel or None,
        "max-num-seqs": arguments.max_num_seqs or None,
        "max-num-batched-tokens": arguments.max_num_batched_tokens or None,
        "performance-mode": arguments.performance_mode or None,
        "distributed-executor-backend": arguments.distributed_executor_backend or None,
    }
    if arguments.dtype != "auto":
        options["dtype"] = arguments.dtype
    if device == "cpu":
        options["kv-cache-memory-bytes"] = arguments.kv_cache_bytes or None
    else:
        options["gpu-memory-utilization"] = arguments.gpu_memory_utilization
    options |= _decide_parallelism(arguments)
    if arguments.tool_call_parser:
        options |= {
            "tool-call-parser": arguments.tool_call_parser,
            "enable-auto-tool-choice": True,
        }
    if arguments.adapters_file:
        options["enable-lora"] = True
    return {name: value for name, value in options.items() if value is not None}


def _decide_parallelism(arguments: ServingArguments) -> dict[str, OptionValue]:
    sizes = {
        "tensor-parallel-size": arguments.tensor_parallel_size,
        "pipeline-parallel-size": arguments.pipeline_parallel_size,
        "data-parallel-size": arguments.data_parallel_size,
    }
    return {name: size for name, size in sizes.items() if size > 1}
