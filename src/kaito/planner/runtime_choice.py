"""Which runtime serves a model on an accelerator, or why none does."""

from dataclasses import dataclass

from kaito.catalog.accelerator import Accelerator
from kaito.catalog.preset import RuntimeName
from kaito.planner.plan import INVALID_DEMAND, UNSUPPORTED_ACCELERATOR, PlanRequest, Refusal

_DEEP_GEMM_CAPABILITY = 90
"""DeepGEMM and sparse MLA have kernels for Hopper and Blackwell only (mla/flashmla_sparse.py)."""
_NOT_IN_FLOAT16 = frozenset(
    {"Gemma2ForCausalLM", "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "Glm4ForCausalLM"}
)
"""Architectures that overflow float16: vLLM refuses them in it, or doubles them to 32 bits.

`_FLOAT16_NOT_SUPPORTED_MODELS` in vllm/config/model.py.
"""


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """A runtime and what to know about it on that accelerator."""

    runtime: RuntimeName
    notes: tuple[str, ...] = ()


def choose_runtime(request: PlanRequest, accelerator: Accelerator) -> RuntimeChoice | Refusal:
    """The demanded runtime, else the model's default, else the one the accelerator leaves."""
    refusal = refuse_runtime(request) or _refuse_accelerator(request, accelerator)
    if refusal:
        return refusal
    runtime: RuntimeName = request.preset.runtimes[0]
    notes: list[str] = []
    if request.demand.runtime:
        runtime = "transformers" if request.demand.runtime == "transformers" else "vllm"
    elif accelerator.runtime == "transformers":
        runtime = "transformers"
    if accelerator.runtime == "transformers":
        notes.append(accelerator.limits)
    notes += _number_notes(request, accelerator)
    return RuntimeChoice(runtime, tuple(notes))


def refuse_runtime(request: PlanRequest) -> Refusal | None:
    """The refusal of a demanded runtime that does not exist or that the model lacks."""
    wanted, preset = request.demand.runtime, request.preset
    if not wanted or wanted in preset.runtimes:
        return None
    able = " or ".join(preset.runtimes)
    return Refusal(INVALID_DEMAND, f"{preset.name} has no runtime {wanted!r}; it runs with {able}")


def _refuse_accelerator(request: PlanRequest, accelerator: Accelerator) -> Refusal | None:
    preset, demand = request.preset, request.demand
    own = accelerator.runtime
    if own is None:
        return Refusal(UNSUPPORTED_ACCELERATOR, f"{preset.name} cannot run: {accelerator.limits}")
    if own == "transformers" and (demand.runtime == "vllm" or own not in preset.runtimes):
        why = "is demanded" if demand.runtime == "vllm" else "is the only runtime of this model"
        limits = accelerator.limits.partition(":")[0]
        return Refusal(
            UNSUPPORTED_ACCELERATOR, f"{preset.name} cannot run: vLLM {why}, but {limits}"
        )
    found = request.facts.quantization
    if found and accelerator.compute_capability < found.least_capability:
        return Refusal(
            UNSUPPORTED_ACCELERATOR,
            f"{preset.name} is quantised with {found.method}, whose kernels need compute "
            f"capability {_version(found.least_capability)}; {accelerator.name} has "
            f"{_version(accelerator.compute_capability)}",
        )
    if not accelerator.has_bf16 and request.facts.architecture in _NOT_IN_FLOAT16:
        return Refusal(
            UNSUPPORTED_ACCELERATOR,
            f"{preset.name} cannot run: it overflows float16, and {accelerator.name} has no "
            "bfloat16",
        )
    if preset.serving.uses_deep_gemm and accelerator.compute_capability < _DEEP_GEMM_CAPABILITY:
        return Refusal(
            UNSUPPORTED_ACCELERATOR,
            f"{preset.name} needs kernels for compute capability "
            f"{_version(_DEEP_GEMM_CAPABILITY)}; {accelerator.name} has "
            f"{_version(accelerator.compute_capability)}",
        )
    return None


def _number_notes(request: PlanRequest, accelerator: Accelerator) -> list[str]:
    notes = []
    if not accelerator.has_bf16:
        notes.append(f"{accelerator.name} has no bfloat16: the model is computed in float16")
    bits = request.facts.weight_bits
    method = request.facts.quantization.method if request.facts.quantization else ""
    if bits == 8 and "fp8" in method and not accelerator.has_fp8:
        notes.append(
            f"{accelerator.name} does not compute in 8-bit floats: they save memory, not time"
        )
    return notes


def _version(capability: int) -> str:
    return f"{capability // 10}.{capability % 10}"
