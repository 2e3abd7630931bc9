"""What fits where: every model on one machine or GPU, and one model on every kind of GPU."""

from collections.abc import Iterable
from dataclasses import dataclass

from kaito.base.errors import KaitoError
from kaito.base.suggest import nearest
from kaito.catalog.accelerator import Accelerator
from kaito.catalog.accelerators import ACCELERATORS, find_accelerator
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.preset import Preset
from kaito.planner.on_instance import plan_on_instance
from kaito.planner.plan import Plan, PlanRequest, Refusal

_COUNTS = (1, 2, 4, 8)
"""GPUs of one machine, as they are sold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A model, and how it runs on what was asked about."""

    preset: Preset
    outcome: Plan | Refusal | None
    """None: nothing is known of the model."""

    @property
    def plan(self) -> Plan | None:
        """The plan where there is one."""
        return self.outcome if isinstance(self.outcome, Plan) else None


def fit_all(presets: Iterable[Preset], machines: tuple[InstanceType, ...]) -> tuple[Fit, ...]:
    """Each model on the first of the machines that holds it on one node, else on the last."""
    return tuple(Fit(preset=preset, outcome=_fit(preset, machines)) for preset in presets)


def _fit(preset: Preset, machines: tuple[InstanceType, ...]) -> Plan | Refusal | None:
    if preset.facts is None:
        return None
    outcome: Plan | Refusal | None = None
    for machine in machines:
        outcome = plan_on_instance(PlanRequest(preset=preset, facts=preset.facts, instance=machine))
        if isinstance(outcome, Plan) and outcome.nodes == 1:
            break
    return outcome


def machines_with(gpu: str) -> tuple[InstanceType, ...]:
    """Machines with 1 to 8 GPUs of that name; `KaitoError` suggests near ones."""
    accelerator = find_accelerator(gpu)
    if accelerator is None:
        names = {known.name.lower(): known.name for known in ACCELERATORS}
        near = ", ".join(names[name] for name in nearest(gpu, names))
        hint = f"did you mean {near}?" if near else f"one of: {', '.join(names.values())}"
        raise KaitoError(f"there is no GPU {gpu!r}", hint=hint)
    return tuple(_machine(accelerator, count) for count in _COUNTS)


def _machine(accelerator: Accelerator, gpus: int) -> InstanceType:
    sold = [one for one in INSTANCE_TYPES if one.accelerator == accelerator]
    return InstanceType(
        name=f"{gpus} x {accelerator.name}",
        cloud="on-premises",
        accelerator=accelerator,
        gpus=gpus,
        has_nvlink=any(one.has_nvlink for one in sold if one.gpus >= gpus),
    )


def best_by_cloud(ranked: Iterable[Plan]) -> tuple[Plan, ...]:
    """The first plan of each cloud, in the order they come."""
    found: dict[str, Plan] = {}
    for plan in ranked:
        if plan.instance is not None:
            found.setdefault(plan.instance.cloud, plan)
    return tuple(found.values())


def best_by_gpu(ranked: Iterable[Plan]) -> tuple[Plan, ...]:
    """The first plan of each kind of GPU, those with the least memory first."""
    found: dict[str, Plan] = {}
    for plan in ranked:
        if plan.instance is not None:
            found.setdefault(plan.instance.gpu, plan)
    return tuple(sorted(found.values(), key=_gpu_memory))


def _gpu_memory(plan: Plan) -> tuple[int, str]:
    assert plan.instance is not None
    return plan.instance.accelerator.memory_bytes, plan.instance.gpu
