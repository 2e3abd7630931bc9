"""What this process can train on: a GPU or the CPU, its memory, the number formats it is fast in.

bfloat16 is used where there is hardware for it. A CPU without it computes the same, at about half
the speed of float32 (measured in docs/decisions/0011-training.md).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kaito.runtimes.tuning.ranks import count_local_ranks, count_ranks

_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_GPU_SHARE: Final = 0.94
"""Of a GPU's memory that tensors can have: the rest is its context and fragments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One rank's share of the machine."""

    kind: Literal["cpu", "cuda"]
    name: str
    memory_bytes: int
    has_bf16: bool
    ranks: int = 1

    @property
    def dtype(self) -> str:
        """What weights and activations are kept in."""
        return "bfloat16" if self.has_bf16 else "float32"

    @property
    def element_bytes(self) -> int:
        """Of that."""
        return 2 if self.has_bf16 else 4


def observe_machine(limit_bytes: int) -> Machine:
    """The machine as this rank sees it; `limit_bytes` of memory are allowed, 0: all there is."""
    import torch

    ranks = count_ranks()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(int(os.environ.get("LOCAL_RANK", "0")))
        return Machine(
            kind="cuda",
            name=str(properties.name),
            memory_bytes=int(properties.total_memory * _GPU_SHARE),
            has_bf16=torch.cuda.is_bf16_supported(),
            ranks=ranks,
        )
    return Machine(
        kind="cpu",
        name=f"cpu, {torch.get_num_threads()} threads",
        memory_bytes=(limit_bytes or _host_memory()) // count_local_ranks(),
        has_bf16=_cpu_has_bf16(),
        ranks=ranks,
    )


def _cpu_has_bf16() -> bool:
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def _host_memory() -> int:
    """The least of what the machine has and what the container may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if text.isdigit():
            memory = min(memory, int(text))
    return memory
