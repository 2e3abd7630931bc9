"""How a model's weights are quantised, and the oldest GPU whose kernels read them.

The capabilities are those of vLLM 0.32's own classes (`get_min_capability` under
vllm/model_executor/layers/quantization); a format may need more to be fast, not to run.
"""

from dataclasses import dataclass

_LEAST_CAPABILITY = {
    "awq": 75,
    "bitsandbytes": 70,
    "compressed-tensors": 75,
    "fbgemm_fp8": 80,
    "fp8": 75,
    "gptq": 75,
    "modelopt": 80,
    "modelopt_fp4": 75,
    "modelopt_mixed": 80,
    "mxfp4": 80,
    "quark": 80,
}
_DEFAULT_CAPABILITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """What config.json's quantization_config says."""

    method: str
    """Its quant_method in lower case, as the engine normalises it."""
    bits: int
    """Bits of an element of most weights."""
    format: str = ""
    """What tells kinds of one method apart, e.g. compressed-tensors' `pack-quantized`."""
    cache_bits: int = 16
    """Bits of a cache element that the checkpoint brings scales for."""

    @property
    def least_capability(self) -> int:
        """Compute capability it needs, ten times the version: 80 is 8.0 (Ampere)."""
        return _LEAST_CAPABILITY.get(self.method, _DEFAULT_CAPABILITY)
