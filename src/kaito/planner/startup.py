"""How long a server needs from `kubectl apply` to its first answer: an estimate by stages.

Sources, measured by others (spec section 7.2): a node joins in 3 to 8 minutes, an image is pulled
in 1 to 2, vLLM with Ray is up in about 60 s, weights stream into a GPU at 1.92 GiB/s and 3.8 GiB/s
over two. 7B weights of the hub took 31 s (kaito#982), a mirror gave 61 GiB in 8 minutes. Figures
for machines without a GPU are estimates.
"""

from dataclasses import dataclass

from kaito.base.quantity import GIB
from kaito.catalog.instance_type import InstanceType
from kaito.planner.plan import StartUp

_NODE_SECONDS = 300
_IMAGE_SECONDS = 90
_DOWNLOAD_RATE = 200_000_000
"""Bytes a second from the hub, between the mirror's 137 MB/s and the 450 MB/s of kaito#982."""
_GPU_RATE = int(1.92 * GIB)
_NVME_RATE = int(3.8 * GIB)
_DISK_RATE = GIB // 2
"""A network disk, as measured for NFS."""
_ENGINE_SECONDS = {"vllm": 60, "transformers": 30}
"""Import, compilation with an empty cache, the first request."""
_CPU_ENGINE_SECONDS = {"vllm": 40, "transformers": 20}
"""The same on two cores without a GPU; an estimate, not a measurement."""
_LINE_RATE = 25_000_000
"""Bytes a second of a line of 200 Mbit/s, for a machine of which nothing is known."""
_EAGER_SECONDS = 35
"""Without compilation and graphs."""
_GRAPH_SECONDS = 0.25
"""To capture one graph."""
_RAY_SECONDS = 60
_IMAGE_BYTES = 25 * GIB
"""A serving image with CUDA's libraries, its layers packed and unpacked."""
_ROOM_BYTES = 15 * GIB
"""Compilation caches, logs, adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUpFacts:
    """What the estimate depends on."""

    weights_bytes: int
    runtime: str
    nodes: int
    gpus_per_node: int
    graphs: int


def estimate_start_up(facts: StartUpFacts, instance: InstanceType) -> StartUp:
    """Seconds of each stage on a new machine of that type."""
    network = instance.network_gbit * 125_000_000 or _DOWNLOAD_RATE
    disk = _NVME_RATE if instance.has_nvme else _DISK_RATE
    # Each node reads its own part of the model, and no faster than its GPUs take it.
    load = min(disk, facts.gpus_per_node * _GPU_RATE)
    engine = _ENGINE_SECONDS.get(facts.runtime, 60)
    if facts.runtime == "vllm" and not facts.graphs:
        engine = _EAGER_SECONDS
    engine += int(facts.graphs * _GRAPH_SECONDS) + (_RAY_SECONDS if facts.nodes > 1 else 0)
    return StartUp(
        node=0 if instance.cloud == "on-premises" else _NODE_SECONDS,
        image=_IMAGE_SECONDS,
        weights=facts.weights_bytes // min(_DOWNLOAD_RATE, network) + 1,
        load=facts.weights_bytes // facts.nodes // load + 1,
        engine=engine,
    )


def estimate_on_machine(weights_bytes: int, runtime: str, *, at_hand: bool) -> StartUp:
    """Seconds of each stage on one machine without a GPU, where no node and no image is awaited.

    `at_hand`: the weights are on its disk already.
    """
    return StartUp(
        node=0,
        image=0,
        weights=1 if at_hand else weights_bytes // _LINE_RATE + 1,
        load=weights_bytes // _DISK_RATE + 1,
        engine=_CPU_ENGINE_SECONDS.get(runtime, 40),
    )


def disk_bytes(weights_bytes: int) -> int:
    """Disk one node needs: all weights, the image, room to work."""
    return weights_bytes + _IMAGE_BYTES + _ROOM_BYTES
