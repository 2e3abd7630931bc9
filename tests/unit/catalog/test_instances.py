"""Instance types by name, the accelerators in them, and what can be served on which."""

from datetime import date

import pytest

from kaito.base.quantity import GIB
from kaito.catalog.accelerators import ACCELERATORS, MIG_PROFILES, find_accelerator, find_by_product
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import (
    INSTANCE_TYPES,
    check_instance_type,
    find_instance_type,
    gpus_of,
)

# KAITO 0.12's table (spec section 2.3): GPUs and GiB of all of them.
KAITO_TYPES = {
    "Standard_NV36ads_A10_v5": (1, 24),
    "Standard_NV72ads_A10_v5": (2, 48),
    "Standard_NC24ads_A100_v4": (1, 80),
    "Standard_NC48ads_A100_v4": (2, 160),
    "Standard_NC96ads_A100_v4": (4, 320),
    "Standard_ND96asr_A100_v4": (8, 320),
    "Standard_ND96amsr_A100_v4": (8, 640),
    "Standard_NC40ads_H100_v5": (1, 94),
    "Standard_NC80adis_H100_v5": (2, 188),
    "Standard_ND96isr_H100_v5": (8, 640),
    "Standard_NCC40ads_H100_v5": (1, 94),
    "Standard_ND96isr_H200_v5": (8, 1128),
    "Standard_NG32ads_V620_v1": (1, 32),
    "Standard_NG32adms_V620_v1": (1, 32),
    "p4d.24xlarge": (8, 320),
    "p4de.24xlarge": (8, 640),
    "p5.48xlarge": (8, 640),
    "p5e.48xlarge": (8, 1128),
    "p5en.48xlarge": (8, 1128),
    **{f"g6.{size}xlarge": (1, 24) for size in ("", "2", "4", "8", "16")},
    "gr6.4xlarge": (1, 24),
    "gr6.8xlarge": (1, 24),
    "g6.12xlarge": (4, 96),
    "g6.24xlarge": (4, 96),
    "g6.48xlarge": (8, 192),
    **{f"g5.{size}xlarge": (1, 24) for size in ("", "2", "4", "8", "16")},
    "g5.12xlarge": (4, 96),
    "g5.24xlarge": (4, 96),
    "g5.48xlarge": (8, 192),
    "g4ad.xlarge": (1, 8),
    "g4ad.2xlarge": (1, 8),
    "g4ad.4xlarge": (1, 8),
    "g4ad.8xlarge": (2, 16),
    "g4ad.16xlarge": (4, 32),
    "trn1.2xlarge": (1, 32),
    "trn1.32xlarge": (16, 512),
    "trn1n.32xlarge": (16, 512),
    "inf2.xlarge": (1, 32),
    "inf2.8xlarge": (1, 32),
    "inf2.24xlarge": (6, 192),
    "inf2.48xlarge": (12, 384),
    **{f"Standard_NC{size}_{gpu}": (1, 16) for size in (4, 8) for gpu in ("A2", "A16")},
    **{f"Standard_NC{size}_{gpu}": (2, 32) for size in (16, 32) for gpu in ("A2", "A16")},
}
KAITO_NVME = {
    *(f"Standard_NC{size}ads_A100_v4" for size in (24, 48, 96)),
    *("Standard_ND96amsr_A100_v4", "Standard_NC40ads_H100_v5", "Standard_NC80adis_H100_v5"),
    *("Standard_ND96isr_H100_v5", "Standard_ND96isr_H200_v5"),
}


def found(name: str) -> InstanceType:
    instance = find_instance_type(name)
    assert instance is not None
    return instance


@pytest.mark.parametrize(("name", "expected"), KAITO_TYPES.items())
def test_every_type_of_kaitos_is_there_with_its_figures(
    name: str, expected: tuple[int, int]
) -> None:
    instance = found(name)
    assert (instance.gpus, instance.kaito_gpu_memory_bytes // GIB) == expected
    is_nvme = name in KAITO_NVME or (instance.cloud == "aws" and not name.startswith("inf2"))
    assert instance.has_nvme is is_nvme


@pytest.mark.parametrize("instance", INSTANCE_TYPES, ids=lambda instance: instance.name)
def test_every_type_is_found_in_any_case_and_is_plausible(instance: InstanceType) -> None:
    assert find_instance_type(instance.name.upper()) is instance
    assert 0 < instance.gpus <= 16
    # The driver keeps some memory to itself, and never shows more than is on the box.
    box = instance.kaito_gpu_memory_bytes
    assert 0.88 * box <= instance.gpu_memory_bytes <= 1.02 * box
    assert instance.has_nvme <= (instance.disk_bytes > 0)
    assert instance.has_nvlink <= (instance.gpus > 1)
    if instance.price is not None:
        assert 0 < instance.price.usd_per_hour < 1000
        assert instance.price.source.startswith("https://")
        assert date.fromisoformat(instance.price.as_of) >= date(2026, 1, 1)
        assert instance.price.region


def test_the_seeds_machine_is_there_and_gets_the_runtime_that_still_supports_it() -> None:
    instance = found("Standard_NC6s_v3")
    assert (instance.gpus, instance.gpu, instance.kaito_gpu_memory_bytes) == (
        1,
        "V100-16GB",
        16 * GIB,
    )
    assert instance.runtime == "transformers"
    assert "7.0: the transformers runtime serves instead" in instance.accelerator.limits
    assert not instance.accelerator.has_bf16
    assert check_instance_type("Standard_NC6s_v3") == ""
    assert instance.price is not None


@pytest.mark.parametrize(
    ("gpu", "runtime", "bf16", "fp8", "fp4"),
    [
        ("K80", None, False, False, False),
        ("P100", "transformers", False, False, False),
        ("T4", "vllm", False, False, False),
        ("A100-80GB", "vllm", True, False, False),
        ("L4", "vllm", True, True, False),
        ("H100-80GB", "vllm", True, True, False),
        ("B200", "vllm", True, True, True),
        ("MI300X", None, False, False, False),
        ("Trainium", None, False, False, False),
    ],
)
def test_what_an_accelerator_can_do_follows_from_its_capability(
    gpu: str, runtime: str | None, bf16: bool, fp8: bool, fp4: bool
) -> None:
    accelerator = find_accelerator(gpu)
    assert accelerator is not None
    assert accelerator.runtime == runtime
    assert (accelerator.has_bf16, accelerator.has_fp8, accelerator.has_fp4) == (bf16, fp8, fp4)
    assert bool(accelerator.limits) is (runtime != "vllm")


def test_accelerators_have_names_of_their_own() -> None:
    names = [accelerator.name.lower() for accelerator in ACCELERATORS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("gpu", "slices", "first", "memory_gib"),
    [
        ("A30", 3, "1g.6gb", 6),
        ("A100-40GB", 5, "1g.5gb", 5),
        ("A100-80GB", 6, "1g.10gb", 10),
        ("H100-NVL", 6, "1g.12gb", 12),
        ("H200", 6, "1g.18gb", 18),
        ("B200", 6, "1g.23gb", 23),
    ],
)
def test_gpus_are_cut_as_nvidia_cuts_them(
    gpu: str, slices: int, first: str, memory_gib: int
) -> None:
    accelerator = find_accelerator(gpu)
    assert accelerator is not None
    profiles = accelerator.mig_profiles
    assert (len(profiles), profiles[0].name) == (slices, first)
    assert (profiles[0].compute_slices, profiles[0].memory_bytes) == (1, memory_gib * GIB)
    assert profiles[0].resource == f"nvidia.com/mig-{first}"


def test_kaitos_profiles_are_known() -> None:
    listed = """
        1g.6gb 2g.12gb 4g.24gb
        1g.5gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb
        1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb
        1g.12gb 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb
        3g.48gb 4g.48gb 7g.96gb
        1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb
        1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb
    """
    assert frozenset(listed.split()) == MIG_PROFILES


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is required"),
        ("Standard_NC24ads_A100", "did you mean Standard_NC24ads_A100_v4"),
        ("Standard_D4s_v5", "Unsupported instance type 'Standard_D4s_v5'"),
        ("g4ad.xlarge", "g4ad.xlarge cannot serve: our images are built for NVIDIA's CUDA"),
        ("inf2.xlarge", "Inferentia2 is a chip of AWS"),
        ("Standard_NC6", "K80 has compute capability 3.7, which no current engine supports"),
        ("Standard_NC24ads_A100_v4", ""),
    ],
)
def test_a_type_that_cannot_be_used_is_refused_with_a_reason(name: str, problem: str) -> None:
    message = check_instance_type(name)
    assert problem in message
    assert bool(problem) is bool(message)


def test_the_number_of_gpus_is_none_where_the_type_is_unknown() -> None:
    assert gpus_of("standard_nc96ads_a100_v4") == 4
    assert gpus_of("Standard_D4s_v5") == 0


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Tesla-V100-PCIE-16GB", "V100-16GB"),
        ("Tesla-V100-SXM2-32GB", "V100-32GB"),
        ("Tesla-T4", "T4"),
        ("NVIDIA-A10-24Q", "A10"),
        ("NVIDIA-A10G", "A10G"),
        ("NVIDIA-A100-80GB-PCIe", "A100-80GB"),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.10gb", "A100-40GB"),
        ("NVIDIA-L4-SHARED", "L4"),
        ("NVIDIA-L40S", "L40S"),
        ("NVIDIA-H100-80GB-HBM3", "H100-80GB"),
        ("NVIDIA-H100-NVL", "H100-NVL"),
        ("NVIDIA-RTX-6000-Ada-Generation", "RTX-6000-Ada"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX-PRO-6000"),
        ("NVIDIA-GeForce-RTX-4090", "RTX-4090"),
        ("Something-Else", None),
    ],
)
def test_a_products_label_names_its_gpu(label: str, name: str | None) -> None:
    accelerator = find_by_product(label)
    assert (accelerator.name if accelerator else None) == name
