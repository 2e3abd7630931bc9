"""What an accelerator is: memory, bandwidth, number formats, slices, the runtime that uses it.

The table of known ones is `accelerators`. Memory is what the driver reports, not what is on the
box.
"""

from dataclasses import dataclass
from typing import Literal

from kaito.base.quantity import GIB
from kaito.catalog.preset import RuntimeName

Vendor = Literal["nvidia", "amd", "aws"]

VLLM_LEAST_CAPABILITY = 75
"""vLLM's CUDA wheels are built from 7.5 (Turing) on; Volta and older get transformers."""
TRANSFORMERS_LEAST_CAPABILITY = 50
"""PyTorch's CUDA 12.6 wheels are built from 5.0 (Maxwell) on, its CUDA 13 wheels from 7.5.

A serving image for the GPUs between the two therefore carries the former.
"""


@dataclass(frozen=True, slots=True)
class MigProfile:
    """One size of the slices that a GPU can be cut into."""

    name: str
    """As NVIDIA writes it: `1g.10gb`."""

    @property
    def compute_slices(self) -> int:
        """Sevenths of the GPU's processors; fourths of an A30's."""
        return int(self.name.partition("g.")[0])

    @property
    def memory_bytes(self) -> int:
        """By the name. The driver reports up to a tenth less: 16.0 GiB of H200's `1g.18gb`."""
        return int(self.name.partition("g.")[2].removesuffix("gb")) * GIB

    @property
    def resource(self) -> str:
        """The device plugin's resource under the mixed strategy."""
        return f"nvidia.com/mig-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One GPU, or one chip of another kind."""

    name: str
    """Short and unique: `A100-80GB`."""
    vendor: Vendor
    memory_bytes: int
    """What its driver reports, with error correction on."""
    nominal_gib: int
    """What its name says, read as GiB: KAITO's figure (spec section 2.3)."""
    bandwidth_gb: int = 0
    """10^9 bytes a second between its memory and its processors; 0: unknown."""
    compute_capability: int = 0
    """CUDA's, ten times the version: 80 is 8.0 (Ampere); 0 for other vendors or unknown."""
    mig_profiles: tuple[MigProfile, ...] = ()

    @property
    def has_bf16(self) -> bool:
        """Whether it computes in bfloat16; without, weights are served as float16."""
        return self.compute_capability >= 80

    @property
    def has_fp8(self) -> bool:
        """Whether it computes in 8-bit floats; without, such weights are unpacked on the way."""
        return self.compute_capability >= 89

    @property
    def has_fp4(self) -> bool:
        """Whether it computes in 4-bit floats."""
        return self.compute_capability >= 100

    @property
    def runtime(self) -> RuntimeName | None:
        """The runtime of ours that uses it: the default, the other where vLLM cannot, or none."""
        if self.vendor != "nvidia":
            return None
        if self.compute_capability >= VLLM_LEAST_CAPABILITY:
            return "vllm"
        if self.compute_capability >= TRANSFORMERS_LEAST_CAPABILITY:
            return "transformers"
        return None

    @property
    def is_servable(self) -> bool:
        """Whether any runtime of ours uses it."""
        return self.runtime is not None

    @property
    def limits(self) -> str:
        """Why vLLM does not use it and what does instead; empty where vLLM does."""
        if self.vendor != "nvidia":
            return (
                f"our images are built for NVIDIA's CUDA, and {self.name} is {_OTHER[self.vendor]}"
            )
        version = f"{self.compute_capability // 10}.{self.compute_capability % 10}"
        if self.runtime == "transformers":
            return (
                f"vLLM needs compute capability 7.5 and {self.name} has {version}: the "
                "transformers runtime serves instead"
            )
        if self.runtime is None:
            return f"{self.name} has compute capability {version}, which no current engine supports"
        return ""


_OTHER: dict[Vendor, str] = {"amd": "AMD's", "aws": "a chip of AWS"}
