"""The server's arguments: what the plan decided and what the catalogue knows of the model.

The user's inference_config.yaml is read by the server itself and wins over all of these.
"""

from kaito.api import labels, runtime
from kaito.api.runtime import ServingArguments
from kaito.api.workspace import PresetSpec, Workspace
from kaito.catalog.preset import Serving
from kaito.render.adapters import adapter_arguments
from kaito.render.protection import protection_arguments
from kaito.render.served_model import ServedModel
from kaito.render.weights_key import allows_pickle, weights_key


def render_arguments(workspace: Workspace, model: ServedModel) -> tuple[str, ...]:
    """The argument list, always in the same order."""
    assert workspace.inference is not None
    assert workspace.inference.preset is not None
    preset, plan = model.preset, model.plan
    uses_vllm = plan.runtime == "vllm"
    on_gpus = model.accelerator is not None
    sizes = plan.parallelism
    base = ServingArguments(
        model=_folder(workspace.inference.preset, model),
        runtime=plan.runtime,
        served_model_name=(preset.name, preset.hub_id),
        dtype=_dtype(model),
        max_model_len=plan.context_tokens,
        kv_cache_bytes=0 if on_gpus else plan.kv_cache_bytes,
        gpu_memory_utilization=plan.gpu_memory_utilization or None,
        tensor_parallel_size=sizes.tensor,
        pipeline_parallel_size=sizes.pipeline,
        data_parallel_size=sizes.data,
        max_num_seqs=plan.max_sequences,
        max_num_batched_tokens=plan.max_batched_tokens,
        trust_remote_code=model.trusts_remote_code,
        allow_pickle=allows_pickle(workspace),
        config_file=runtime.CONFIG_FILE if workspace.inference.config else "",
    )
    values = {name: getattr(base, name) for name in base.__struct_fields__}
    values |= adapter_arguments(model.adapters)
    values |= protection_arguments(workspace)
    if uses_vllm:
        values |= _of_vllm(workspace, model)
    return ServingArguments(**values).to_argv()


def _folder(spec: PresetSpec, model: ServedModel) -> str:
    is_mounted = model.mirror is not None
    key = model.preset.name if is_mounted else weights_key(spec, model.preset, model.bucket)
    return runtime.model_folder(runtime.WEIGHTS_MOUNT, key)


def leader_of(workspace: Workspace) -> str:
    """The host name of the first pod, as the headless Service publishes it."""
    meta = workspace.metadata
    return f"{meta.name}-0.{meta.name}-headless.{meta.namespace}.svc"


def _dtype(model: ServedModel) -> str:
    """A GPU that cannot compute in bfloat16 gets float16; weights in fewer bits say their own."""
    accelerator = model.accelerator
    return "float16" if accelerator is not None and not accelerator.has_bf16 else "auto"


def _of_vllm(workspace: Workspace, model: ServedModel) -> dict[str, object]:
    preset, plan, serving = model.preset, model.plan, model.preset.serving
    found: dict[str, object] = {
        "tool_call_parser": preset.tool_call_parser,
        "reasoning_parser": preset.reasoning_parser,
        "chat_template": serving.chat_template,
        "performance_mode": workspace.metadata.annotations.get(labels.PERFORMANCE_MODE, ""),
        "tokenizer_mode": "" if serving.tokenizer_mode == "auto" else serving.tokenizer_mode,
    }
    if serving.load_format != "auto":
        found |= {"load_format": serving.load_format, "config_format": serving.load_format}
    if model.accelerator is not None:
        found |= _on_gpus(serving, gpus=plan.parallelism.gpus)
    if plan.nodes > 1:
        found |= {
            "distributed_executor_backend": "ray",
            "nodes": plan.nodes,
            "leader": leader_of(workspace),
            # The server gives up before the probe does, for it can say what was missing.
            "join_seconds": model.start_seconds - 60,
        }
    return found


def _on_gpus(serving: Serving, *, gpus: int) -> dict[str, object]:
    """Settings of kernels that only a GPU has."""
    options = []
    if serving.gdn_prefill_backend:
        options.append(f"gdn-prefill-backend={serving.gdn_prefill_backend}")
    if not serving.flashinfer_autotune:
        options.append("enable-flashinfer-autotune=false")
    return {
        "kv_cache_dtype": "" if serving.kv_cache_dtype == "auto" else serving.kv_cache_dtype,
        "enable_expert_parallel": serving.enable_expert_parallel and gpus > 1,
        "engine_option": tuple(options),
    }
