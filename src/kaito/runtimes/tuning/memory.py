"""How much memory training has taken, and running out of it in words that help."""

import resource
from typing import Final

from kaito.base.quantity import GIB
from kaito.runtimes.ending import Ending
from kaito.runtimes.tuning.errors import NoRoom, PeersGone, SettingRefused
from kaito.runtimes.tuning.plan import Plan
from kaito.runtimes.tuning.ranks import is_lost_peer
from kaito.runtimes.tuning.settings import Settings

_SIGNS: Final = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_cpu",
    "std::bad_alloc",
    "failed to cuda calloc",
    "failed to cuda malloc",
    "failed to cuda host alloc",
    "cublas_status_alloc_failed",
)
"""The last four: NCCL's (src/include/alloc.h, https://github.com/NVIDIA/nccl) and cuBLAS's."""
_FULL_SIGNS: Final = ("no space left", "disk quota exceeded", "pytorchstreamwriter failed writing")


def explain_failure(error: BaseException, settings: Settings, plan: Plan | None) -> BaseException:
    """What a library raised, as an ending where it says that something ran out or went away."""
    # NCCL's words for memory or a disk that ran out here are like those for a peer that is gone.
    if is_out_of_memory(error):
        return out_of_memory(settings, plan, peak_memory())
    if is_out_of_disk(error):
        return NoRoom(" (shared memory)" if "shared memory" in str(error).lower() else "")
    return PeersGone() if is_lost_peer(error) else error


def peak_memory() -> int:
    """The most bytes this process has held: on the GPU where there is one."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; only its text tells on a CPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def is_out_of_disk(error: BaseException) -> bool:
    """Whether an error of the libraries' own kinds says that the disk is full."""
    return any(sign in str(error).lower() for sign in _FULL_SIGNS)


def out_of_memory(settings: Settings, plan: Plan | None, used: int) -> Ending:
    """The ending that says which setting would fit."""
    return SettingRefused(
        f"out of memory while training (about {used / GIB:.1f} GiB used)",
        hint=what_would_fit(settings, plan),
    )


def what_would_fit(settings: Settings, plan: Plan | None) -> str:
    """The first setting that takes less memory and is not set yet."""
    if plan is not None and plan.batch > 1:
        return f"set TrainingArguments.per_device_train_batch_size: {max(plan.batch // 2, 1)}"
    if plan is not None and not plan.checkpoints_activations:
        return "set TrainingArguments.gradient_checkpointing: true"
    if settings.method == "full":
        return "use method lora or qlora"
    if settings.method == "lora":
        return "use method qlora"
    return "set a smaller TrainingArguments.max_length, or use a node with more memory"
