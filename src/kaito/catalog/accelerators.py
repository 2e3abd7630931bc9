"""The accelerators that clouds and own machines have, as a table.

Memory as the driver reports it: nvidia-smi's total, for A10G, L4, L40S, B200 and B300 the figure of
EC2's DescribeInstanceTypes (Karpenter's instance-types page, v1.14). Bandwidth from the vendors'
data sheets, capability from https://developer.nvidia.com/cuda-gpus, MIG profiles as in spec 2.3.
"""

from typing import NamedTuple

from kaito.base.quantity import GIB, MIB
from kaito.catalog.accelerator import Accelerator, MigProfile

_MIG_40 = "1g.5gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb"
_MIG_80 = "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"
_MIG_94 = "1g.12gb 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb"
_MIG_96 = "1g.12gb 1g.24gb 2g.24gb 3g.48gb 4g.48gb 7g.96gb"
_MIG_141 = "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb"
_MIG_180 = "1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb"


class _Nvidia(NamedTuple):
    name: str
    memory_mib: int
    nominal_gib: int
    bandwidth_gb: int
    capability: int
    label: str
    """Words that are all in the label nvidia.com/gpu.product."""
    mig: str = ""


_NVIDIA = (
    _Nvidia("K80", 11_441, 12, 240, 37, "k80"),
    _Nvidia("M60", 8_129, 8, 160, 52, "m60"),
    _Nvidia("P40", 22_919, 24, 346, 61, "p40"),
    _Nvidia("P100", 16_280, 16, 732, 60, "p100"),
    _Nvidia("V100-16GB", 16_160, 16, 900, 70, "v100 16gb"),
    _Nvidia("V100-32GB", 32_510, 32, 900, 70, "v100 32gb"),
    _Nvidia("T4", 15_360, 16, 320, 75, "t4"),
    _Nvidia("RTX-8000", 46_080, 48, 672, 75, "rtx 8000"),
    _Nvidia("A2", 15_356, 16, 200, 86, "a2"),
    _Nvidia("A10", 23_028, 24, 600, 86, "a10"),
    _Nvidia("A10G", 22_888, 24, 600, 86, "a10g"),
    _Nvidia("A16", 15_356, 16, 200, 86, "a16"),
    _Nvidia("A30", 24_576, 24, 933, 80, "a30", "1g.6gb 2g.12gb 4g.24gb"),
    _Nvidia("A40", 46_068, 48, 696, 86, "a40"),
    _Nvidia("A100-40GB", 40_960, 40, 1555, 80, "a100 40gb", _MIG_40),
    _Nvidia("A100-80GB", 81_920, 80, 2039, 80, "a100 80gb", _MIG_80),
    _Nvidia("RTX-3090", 24_576, 24, 936, 86, "rtx 3090"),
    _Nvidia("RTX-4090", 24_564, 24, 1008, 89, "rtx 4090"),
    _Nvidia("RTX-5090", 32_607, 32, 1792, 120, "rtx 5090"),
    _Nvidia("RTX-A6000", 46_068, 48, 768, 86, "rtx a6000"),
    _Nvidia("RTX-6000-Ada", 46_068, 48, 960, 89, "rtx 6000 ada"),
    _Nvidia("RTX-PRO-4500", 32_623, 32, 896, 120, "rtx pro 4500"),
    _Nvidia("RTX-PRO-6000", 97_887, 96, 1597, 120, "rtx pro 6000"),
    _Nvidia("L4", 22_888, 24, 300, 89, "l4"),
    _Nvidia("L40", 46_068, 48, 864, 89, "l40"),
    _Nvidia("L40S", 45_776, 48, 864, 89, "l40s"),
    _Nvidia("H100-80GB", 81_559, 80, 3350, 90, "h100 80gb", _MIG_80),
    _Nvidia("H100-PCIe", 81_559, 80, 2039, 90, "h100 pcie", _MIG_80),
    _Nvidia("H100-NVL", 95_830, 94, 3938, 90, "h100 nvl", _MIG_94),
    _Nvidia("GH200", 97_871, 96, 4000, 90, "gh200", _MIG_96),
    _Nvidia("H200", 143_771, 141, 4800, 90, "h200", _MIG_141),
    _Nvidia("B200", 183_359, 180, 8000, 100, "b200", _MIG_180),
    _Nvidia("B300", 275_040, 270, 8000, 103, "b300"),
)
_LABELS = tuple((frozenset(row.label.split()), row.name) for row in _NVIDIA)


def _to_accelerator(row: _Nvidia) -> Accelerator:
    return Accelerator(
        name=row.name,
        vendor="nvidia",
        memory_bytes=row.memory_mib * MIB,
        nominal_gib=row.nominal_gib,
        bandwidth_gb=row.bandwidth_gb,
        compute_capability=row.capability,
        mig_profiles=tuple(MigProfile(name) for name in row.mig.split()),
    )


_AMD = tuple(
    Accelerator(name=name, vendor="amd", memory_bytes=gib * GIB, nominal_gib=gib, bandwidth_gb=rate)
    for name, gib, rate in (("V520", 8, 512), ("V620", 32, 512), ("MI300X", 192, 5300))
)
# Memory of one device as EC2 counts it: an Inferentia2 or Trainium chip has 32 GiB.
_AWS = tuple(
    Accelerator(name=name, vendor="aws", memory_bytes=gib * GIB, nominal_gib=gib, bandwidth_gb=rate)
    for name, gib, rate in (
        ("Inferentia", 8, 0),
        ("Inferentia2", 32, 820),
        ("Trainium", 32, 820),
        ("Trainium2", 96, 2900),
    )
)
ACCELERATORS: tuple[Accelerator, ...] = (*map(_to_accelerator, _NVIDIA), *_AMD, *_AWS)
_BY_NAME = {accelerator.name.lower(): accelerator for accelerator in ACCELERATORS}

MIG_PROFILES: frozenset[str] = frozenset(
    profile.name for accelerator in ACCELERATORS for profile in accelerator.mig_profiles
)
"""Every profile that some GPU of the table has."""


def find_accelerator(name: str) -> Accelerator | None:
    """The accelerator of that name, in any case."""
    return _BY_NAME.get(name.lower())


def find_by_product(label: str) -> Accelerator | None:
    """The accelerator that the label nvidia.com/gpu.product names; the most exact one wins.

    Shapes: `Tesla-V100-PCIE-16GB`, `NVIDIA-A100-SXM4-80GB-MIG-1g.10gb`, `NVIDIA-L4-SHARED`.
    """
    words = frozenset(label.lower().replace("_", "-").replace(" ", "-").split("-"))
    fitting = [(len(wanted), name) for wanted, name in _LABELS if wanted <= words]
    return find_accelerator(max(fitting)[1]) if fitting else None
