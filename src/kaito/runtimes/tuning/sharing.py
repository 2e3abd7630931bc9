"""One copy of the model that all ranks hold together (FSDP2), where no GPU holds it alone.

Each rank reads its part of every weight from the files, and has a layer whole only while it
computes it. An adapter is small: every rank has all of it, its gradient is the mean of all ranks',
and its checkpoints are as without sharing. Of a model that is trained whole, the first rank gathers
weights and Adam's moments for a checkpoint, and each rank takes its part again: transformers 5.19
cannot, and refuses to save such models at intervals.

Accelerate's FSDP was not used: its release 1.15 takes no notice of it on CPUs, and reads the whole
model in each process first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from trl import SFTTrainer

from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.machine import Machine
from kaito.runtimes.tuning.ranks import is_first_rank, wait_for_all
from kaito.runtimes.tuning.trainer_settings import Applied

_OPTIMIZER: Final = "optimizer.pt"
_SCHEDULER: Final = "scheduler.pt"
_WEIGHTS: Final = "*.safetensors"


def sharing_options(machine: Machine, *, trains_all: bool) -> dict[str, Any]:
    """What `from_pretrained` is told besides."""
    from transformers.distributed import DistributedConfig

    # Weights that are trained are kept in 32 bits, and gathered in 16 where there is hardware.
    mixed = trains_all and machine.has_bf16
    config = DistributedConfig(fsdp_size=machine.ranks, fsdp_mixed_precision=mixed)
    return {"distributed_config": config}


def refuse_unshareable(applied: Applied) -> None:
    """Settings that only hold where each rank has a copy of the model.

    Raises:
        SettingRefused: one of them is set.
    """
    if applied.lora.get("modules_to_save"):
        raise SettingRefused(
            "LoraConfig.modules_to_save: layers of a model that GPUs share cannot be copied",
            hint="leave it out, or use a node with GPUs that hold the model",
        )
    if applied.training.get("load_best_model_at_end"):
        raise SettingRefused(
            "TrainingArguments.load_best_model_at_end: not for a model that several GPUs share",
            hint="leave it out",
        )


@contextmanager
def refusing_unshareable(*, is_shared: bool) -> Iterator[None]:
    """Around the loading of a model: of one that nobody knows how to divide, say so in words."""
    try:
        yield
    except ValueError as error:
        if not is_shared or "FSDP2 plan" not in str(error):
            raise
        raise SettingRefused(
            "this model cannot be shared by several GPUs: its architecture does not say how",
            hint="use method qlora, or a node with GPUs that hold it",
        ) from error


def settle_shared(model: Any, machine: Machine) -> Any:
    """A model that was loaded so, made fit for the processors it is on."""
    from torch.distributed.fsdp import FSDPModule

    if machine.kind == "cpu":
        for module in model.modules():
            if isinstance(module, FSDPModule):
                # Gloo has sums only; torch divides then.
                module.set_force_sum_reduction_for_comms(True)
    return model


def gather_weights(model: Any) -> dict[str, Any]:
    """All weights by name, on the first rank, in main memory; every rank has to ask."""
    from torch.distributed.checkpoint.state_dict import get_model_state_dict

    found: dict[str, Any] = get_model_state_dict(model, options=_whole())
    return found


def adapter_weights(model: Any) -> dict[str, Any]:
    """What is trained beside a shared model, which every rank has whole.

    Left to itself, PEFT asks every rank for its part of all weights, also where only one saves.
    """
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


class SharingTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer; where the model is shared, with checkpoints that can be gone on from."""

    @property
    def shares_all(self) -> bool:
        """Whether what is trained is spread over the ranks, too."""
        is_adapter = hasattr(self.model, "peft_config")
        return bool(self.is_distributed_loading_by_transformers) and not is_adapter

    def _sync_replicated_trainable_parameters(self, model: Any) -> None:
        """As transformers does, with a sum: not every backend has a mean."""
        from torch import distributed

        ranks = distributed.get_world_size()

        def average(parameter: Any) -> None:
            if self.accelerator.sync_gradients:
                distributed.all_reduce(parameter.grad)
                parameter.grad.div_(ranks)

        for parameter in model.parameters():
            if parameter.requires_grad and not _is_spread(parameter):
                distributed.broadcast(parameter.data, src=0)
                parameter.register_post_accumulate_grad_hook(average)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None
    ) -> None:
        if self.is_distributed_loading_by_transformers and not self.shares_all:
            state_dict = adapter_weights(self.model)
        super()._save(output_dir, state_dict)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self.shares_all:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        import torch
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

        state = get_optimizer_state_dict(self.model, _bare(self.optimizer), options=_whole())
        if is_first_rank():
            torch.save(state, Path(output_dir) / _OPTIMIZER)
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / _SCHEDULER)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if not self.shares_all or checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        import torch
        from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

        state = {}
        if is_first_rank():
            state = torch.load(Path(checkpoint) / _OPTIMIZER, weights_only=True, mmap=True)
        options = _whole(from_first=True)
        set_optimizer_state_dict(self.model, _bare(self.optimizer), state, options=options)
        scheduler = torch.load(Path(checkpoint) / _SCHEDULER, weights_only=True)
        self.lr_scheduler.load_state_dict(scheduler)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not self.shares_all:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        from safetensors.torch import load_file
        from torch.distributed.checkpoint.state_dict import set_model_state_dict

        state: dict[str, Any] = {}
        for path in sorted(Path(resume_from_checkpoint).glob(_WEIGHTS)) if is_first_rank() else ():
            state |= load_file(path)
        options = _whole(strict=False, from_first=True)
        set_model_state_dict(self.model, state, options=options)
        wait_for_all()


def _whole(*, strict: bool = True, from_first: bool = False) -> Any:
    """Gathered on the first rank; or handed out by it, for main memory has room for one copy."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(
        full_state_dict=True,
        cpu_offload=not from_first,
        strict=strict,
        broadcast_from_rank0=from_first,
    )


def _bare(optimizer: Any) -> Any:
    """Torch's own, of the one that accelerate wraps."""
    return getattr(optimizer, "optimizer", optimizer)


def _is_spread(parameter: Any) -> bool:
    from torch.distributed.tensor import DTensor

    return isinstance(parameter.data, DTensor)
