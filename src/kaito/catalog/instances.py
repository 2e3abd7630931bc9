"""Instance types by the names that manifests and nodes give them."""

from functools import cache

from kaito.base.suggest import nearest
from kaito.catalog.clouds import arc, aws, azure, gcp
from kaito.catalog.instance_type import InstanceType

INSTANCE_TYPES: tuple[InstanceType, ...] = (*azure.TYPES, *aws.TYPES, *gcp.TYPES, *arc.TYPES)


@cache
def _by_name() -> dict[str, InstanceType]:
    names: dict[str, InstanceType] = {}
    for instance in INSTANCE_TYPES:
        assert instance.name.lower() not in names, f"two types are called {instance.name!r}"
        names[instance.name.lower()] = instance
    return names


def find_instance_type(name: str) -> InstanceType | None:
    """The instance type of that name in any case, or None when it is not in the table."""
    return _by_name().get(name.lower())


def gpus_of(name: str) -> int:
    """How many GPUs a machine of that type has; 0 when the type is not in the table."""
    found = find_instance_type(name)
    return found.gpus if found else 0


def check_instance_type(name: str) -> str:
    """What is wrong with an instance type, or an empty string.

    One whose accelerator no runtime of ours uses is wrong, one that gets another runtime is not.
    """
    if not name:
        return "is required: it names the machine, such as Standard_NC24ads_A100_v4"
    found = find_instance_type(name)
    if found is None:
        near = ", ".join(_by_name()[known].name for known in nearest(name, _by_name()))
        guess = f"did you mean {near}?" if near else "see docs/reference/models.md"
        return f"Unsupported instance type {name!r}; {guess}"
    if not found.accelerator.is_servable:
        return f"{found.name} cannot serve: {found.accelerator.limits}"
    return ""
