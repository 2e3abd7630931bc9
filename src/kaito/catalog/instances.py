"""GPU instance types: how many GPUs each has and how much memory they have together.

Sources: the clouds' public instance pages; the types of KAITO 0.12 (spec section 2.3) and the older
ones that manifests still name. Memory in GiB over all GPUs of the instance.
"""

from dataclasses import dataclass

from kaito.base.quantity import GIB


@dataclass(frozen=True, slots=True)
class InstanceType:
    """What one machine of a type has."""

    name: str
    gpus: int
    gpu_memory_bytes: int
    """Of all its GPUs together."""
    gpu: str


def _types(gpu: str, *rows: tuple[str, int, int]) -> tuple[InstanceType, ...]:
    return tuple(InstanceType(name, gpus, gib * GIB, gpu) for name, gpus, gib in rows)


_AZURE = (
    *_types(
        "V100",
        ("Standard_NC6s_v3", 1, 16),
        ("Standard_NC12s_v3", 2, 32),
        ("Standard_NC24s_v3", 4, 64),
        ("Standard_NC24rs_v3", 4, 64),
        ("Standard_ND40rs_v2", 8, 256),
    ),
    *_types(
        "T4",
        ("Standard_NC4as_T4_v3", 1, 16),
        ("Standard_NC8as_T4_v3", 1, 16),
        ("Standard_NC16as_T4_v3", 1, 16),
        ("Standard_NC64as_T4_v3", 4, 64),
    ),
    *_types("A10", ("Standard_NV36ads_A10_v5", 1, 24), ("Standard_NV72ads_A10_v5", 2, 48)),
    *_types(
        "A100",
        ("Standard_NC24ads_A100_v4", 1, 80),
        ("Standard_NC48ads_A100_v4", 2, 160),
        ("Standard_NC96ads_A100_v4", 4, 320),
        ("Standard_ND96asr_A100_v4", 8, 320),
        ("Standard_ND96amsr_A100_v4", 8, 640),
    ),
    *_types(
        "H100",
        ("Standard_NC40ads_H100_v5", 1, 94),
        ("Standard_NC80adis_H100_v5", 2, 188),
        ("Standard_ND96isr_H100_v5", 8, 640),
        ("Standard_NCC40ads_H100_v5", 1, 94),
    ),
    *_types("H200", ("Standard_ND96isr_H200_v5", 8, 1128)),
)
_AWS = (
    *_types("L4", *((f"g6.{size}", 1, 24) for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge"))),
    *_types("L4", ("g6.12xlarge", 4, 96), ("g6.24xlarge", 4, 96), ("g6.48xlarge", 8, 192)),
    *_types(
        "A10G", *((f"g5.{size}", 1, 24) for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge"))
    ),
    *_types("A10G", ("g5.12xlarge", 4, 96), ("g5.24xlarge", 4, 96), ("g5.48xlarge", 8, 192)),
    *_types("A100", ("p4d.24xlarge", 8, 320), ("p4de.24xlarge", 8, 640)),
    *_types("H100", ("p5.48xlarge", 8, 640)),
    *_types("H200", ("p5e.48xlarge", 8, 1128), ("p5en.48xlarge", 8, 1128)),
)
_BY_NAME = {instance.name.lower(): instance for instance in (*_AZURE, *_AWS)}


def find_instance_type(name: str) -> InstanceType | None:
    """The instance type of that name in any case, or None when it is not in the table."""
    return _BY_NAME.get(name.lower())


def gpus_of(name: str) -> int:
    """How many GPUs a machine of that type has; 0 when the type is not in the table."""
    found = find_instance_type(name)
    return found.gpus if found else 0
