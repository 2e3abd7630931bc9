"""Makes vLLM's CPU build decide as on an H100, where there is none: nothing can be computed.

The engine chooses attention backends, block sizes and the shapes of weights and caches from its
platform class; this puts its own CUDA platform in the CPU one's place, with what that asks of the
hardware answered from a data sheet. Compiled kernels that the build lacks are stand-ins that only
say that they are there. Import before anything else of vLLM, in a process of its own.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

import torch

CAPABILITY = (9, 0)
MEMORY_BYTES = 85_520_809_984
"""What an H100's driver reports."""
_PROCESSORS = 132
_GPUS = 8
# torchvision is not in the CPU setup; models that also see import it.
_ABSENT = (
    "cuda",
    "torchvision",
    "vllm._C_stable_libtorch",
    "vllm._moe_C_stable_libtorch",
    "vllm.third_party.deep_gemm",
    "vllm.third_party.flashmla",
    "vllm.third_party.pynvml",
    "vllm.vllm_flash_attn._vllm_fa2_C",
    "vllm.vllm_flash_attn._vllm_fa3_C",
)


class _Open(type):
    """A class with every attribute that is asked of it."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class Anything(metaclass=_Open):
    """Takes any call and has any attribute: each is another of these."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __call__(self, *_: object, **__: object) -> "Anything":
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class _Operator(Anything):
    """A compiled operator; asked whether the GPU has something, it says yes."""

    def __call__(self, *_: object, **__: object) -> Any:
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class _AbsentModule(ModuleType):
    """Has whatever is imported from it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class AbsentModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules that the setup lacks, as empty shells."""

    def __init__(self, names: tuple[str, ...] = _ABSENT) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A shell for each of ours and what is below it."""
        if any(fullname == name or fullname.startswith(f"{name}.") for name in self._names):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The shell."""
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing runs."""


class _Properties:
    major, minor = CAPABILITY
    name = "NVIDIA H100 80GB HBM3"
    multi_processor_count = _PROCESSORS
    total_memory = MEMORY_BYTES
    shared_memory_per_block_optin = 232_448
    warp_size = 32


def pretend() -> None:
    """Put the platform in place."""
    # It looks for torchvision when it is imported: let it find none, as it is.
    importlib.import_module("transformers")
    sys.meta_path.insert(0, AbsentModules())
    import vllm.platforms

    vllm.platforms._current_platform = _platform()
    _pretend_torch()
    # It registers what the build has, and has to see what it lacks.
    importlib.import_module("vllm._custom_ops")
    _pretend_kernels()


class _Gpu:
    """What vLLM's CUDA platform asks of a driver."""

    device_type = "meta"
    """Where tensors have shapes and no memory."""

    @classmethod
    def get_device_capability(cls, device_id: int = 0) -> Any:
        """As an H100's."""
        from vllm.platforms.interface import DeviceCapability

        return DeviceCapability(*CAPABILITY)

    @classmethod
    def has_device_capability(cls, capability: tuple[int, int] | int, device_id: int = 0) -> bool:
        """Whether an H100 has it."""
        wanted = capability if isinstance(capability, tuple) else divmod(capability, 10)
        return wanted <= CAPABILITY

    @classmethod
    def get_device_name(cls, device_id: int = 0) -> str:
        """Its name."""
        return _Properties.name

    @classmethod
    def get_device_total_memory(cls, device_id: int = 0) -> int:
        """Its memory."""
        return MEMORY_BYTES

    @classmethod
    def is_fully_connected(cls, device_ids: list[int]) -> bool:
        """NVLink between all."""
        return True

    @classmethod
    def num_compute_units(cls, device_id: int = 0) -> int:
        """Its processors."""
        return _PROCESSORS

    @classmethod
    def device_count(cls) -> int:
        """As many as one machine has."""
        return _GPUS

    @classmethod
    def current_device(cls) -> Any:
        """The one that is not there."""
        return torch.device(cls.device_type)

    @classmethod
    def import_kernels(cls) -> None:
        """There are none."""


def _platform() -> Any:
    from vllm.platforms.cuda import CudaPlatformBase

    return type("PretendCuda", (_Gpu, CudaPlatformBase), {})()


def _pretend_torch() -> None:
    torch.version.cuda = "12.9"
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: _GPUS
    torch.cuda.current_device = lambda: 0
    torch.cuda.Stream = torch.cuda.Event = Anything
    torch.cuda.current_stream = Anything
    torch.cuda.get_device_properties = lambda *_: _Properties
    torch.cuda.get_device_capability = lambda *_: CAPABILITY
    torch.accelerator.device_count = lambda: _GPUS
    torch.accelerator.current_device_index = lambda: 0
    torch.accelerator.empty_cache = lambda: None


def _pretend_kernels() -> None:
    """Compiled operators that are asked whether they exist: they do."""
    from torch._ops import _OpNamespace

    find = _OpNamespace.__getattr__

    def find_or_pretend(namespace: Any, name: str) -> Any:
        try:
            return find(namespace, name)
        except AttributeError:
            if namespace.name.startswith("_") and not name.startswith("__"):
                return _Operator()
            raise

    _OpNamespace.__getattr__ = find_or_pretend
    import vllm.triton_utils

    class Config:
        """A tuning choice, as kernels list them when they are imported."""

        def __init__(self, kwargs: Any = None, *, num_warps: int = 4, num_stages: int = 1) -> None:
            self.kwargs, self.num_warps, self.num_stages = kwargs or {}, num_warps, num_stages

    vllm.triton_utils.triton.Config = Config
