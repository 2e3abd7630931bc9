"""What a node of one's own has, from the labels that NVIDIA's GPU feature discovery puts on it.

Labels: https://github.com/NVIDIA/k8s-device-plugin/tree/main/docs/gpu-feature-discovery. Sizes on
a label are MiB of one device. Under the single MIG strategy a slice is labelled as a GPU, under the
mixed one slices come beside the GPUs (spec section 2.3).
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from kaito.base.quantity import MIB
from kaito.catalog.accelerator import Accelerator, MigProfile
from kaito.catalog.accelerators import MIG_PROFILES, find_by_product
from kaito.catalog.instance_type import InstanceType, MigSlices
from kaito.catalog.instances import find_instance_type

_PREFIX = "nvidia.com/"
PRODUCT, COUNT, MEMORY = f"{_PREFIX}gpu.product", f"{_PREFIX}gpu.count", f"{_PREFIX}gpu.memory"
_MAJOR, _MINOR = f"{_PREFIX}cuda.compute.major", f"{_PREFIX}cuda.compute.minor"
_OLD_MAJOR, _OLD_MINOR = f"{_PREFIX}gpu.compute.major", f"{_PREFIX}gpu.compute.minor"
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_SLICE = re.compile(r"nvidia\.com/mig-(\d+g\.\d+gb)\.count")
_DIGITS = re.compile(r"\d{1,9}")


def from_node_labels(labels: Mapping[str, str]) -> InstanceType:
    """The machine that a node's labels describe; `ValueError` names the label that is not right.

    What the labels do not say (processors, disk, network) is taken from the instance type where
    the node carries a known one, but for its price: an owned node has none.
    """
    for key in (PRODUCT, COUNT, MEMORY):
        if not labels.get(key):
            raise ValueError(
                f"label {key} is missing: install NVIDIA's GPU feature discovery or set it"
            )
    product = labels[PRODUCT]
    mebibytes = _number(labels, MEMORY)
    known = find_by_product(product) or _unknown(labels, product)
    accelerator = replace(
        known,
        memory_bytes=mebibytes * MIB,
        nominal_gib=max(round(mebibytes / 1024), 1),
        bandwidth_gb=_bandwidth(known, product, mebibytes * MIB),
    )
    name = labels.get(_INSTANCE_TYPE) or product
    like = find_instance_type(name)
    machine = like or InstanceType(name=name, cloud="on-premises", accelerator=accelerator, gpus=1)
    return replace(
        machine,
        name=name,
        cloud="on-premises",
        accelerator=accelerator,
        gpus=_number(labels, COUNT),
        price=None,
        mig=_slices(labels),
    )


def is_mig_ready(labels: Mapping[str, str]) -> bool:
    """Whether the node is cut into slices and the cut is done."""
    config = labels.get(f"{_PREFIX}mig.config", "")
    state = labels.get(f"{_PREFIX}mig.config.state", "")
    return config not in ("", "all-disabled") and state == "success"


def _bandwidth(known: Accelerator, product: str, memory_bytes: int) -> int:
    """A slice's share of the memory's bandwidth is its share of the memory."""
    if "-MIG-" not in product or memory_bytes >= known.memory_bytes:
        return known.bandwidth_gb
    return known.bandwidth_gb * memory_bytes // known.memory_bytes


def _unknown(labels: Mapping[str, str], product: str) -> Accelerator:
    """A GPU that the table does not have; only its labels speak for it."""
    major = labels.get(_MAJOR) or labels.get(_OLD_MAJOR) or ""
    minor = labels.get(_MINOR) or labels.get(_OLD_MINOR) or "0"
    if not _DIGITS.fullmatch(major) or not _DIGITS.fullmatch(minor):
        raise ValueError(
            f"label {PRODUCT}={_short(product)!r} names no GPU we know and {_MAJOR} is no number"
        )
    return Accelerator(
        name=_short(product),
        vendor="nvidia",
        memory_bytes=0,
        nominal_gib=0,
        compute_capability=int(major) * 10 + int(minor),
    )


def _slices(labels: Mapping[str, str]) -> tuple[MigSlices, ...]:
    found = []
    for key in sorted(labels):
        match = _SLICE.fullmatch(key)
        if match is None or match[1] not in MIG_PROFILES or labels[key] == "0":
            continue
        profile = MigProfile(match[1])
        memory = key.removesuffix(".count") + ".memory"
        size = _number(labels, memory) * MIB if memory in labels else profile.memory_bytes
        found.append(MigSlices(profile=profile, count=_number(labels, key), memory_bytes=size))
    return tuple(found)


def _number(labels: Mapping[str, str], key: str) -> int:
    text = labels[key]
    if not _DIGITS.fullmatch(text) or int(text) == 0:
        raise ValueError(f"label {key}={_short(text)!r} is not a whole number above zero")
    return int(text)


def _short(text: str) -> str:
    """A label's value as it may stand in a message."""
    return text if len(text) <= 63 else text[:60] + "..."
