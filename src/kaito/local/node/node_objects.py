"""What the agent says about its machine's nodes: objects, status and leases. Pure.

The machine's own node is whole here. A virtual node belongs to whoever made it for a claim; of it
the agent only fills in what a kubelet knows: that it is ready, its addresses, its software.
"""

import platform
import sys
from collections.abc import Iterable
from datetime import datetime

import msgspec

from kaito import __version__
from kaito.api import labels
from kaito.api.core import NODES as ALL_NODES
from kaito.api.meta import Condition, Manifest, Object, Wire
from kaito.api.resources import Resource, reading
from kaito.base.clock import to_rfc3339, to_rfc3339_micro
from kaito.base.quantity import MIB
from kaito.local.node.kit import HOST_IP
from kaito.planner.machine import Machine

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
"""The kubelet's default; renewed four times as often."""
_MOST_PODS = "110"
_HEALTH = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID"),
    ("Ready", "True", "KubeletReady"),
)


class NodeStatus(Wire):
    """What was last reported of a node."""

    capacity: dict[str, str] = {}
    allocatable: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[Manifest, ...] = ()
    node_info: Manifest = {}


class Node(Object):
    """A node of this machine."""

    status: NodeStatus = NodeStatus()


NODES: Resource[Node] = reading(ALL_NODES, Node)


def is_on(machine: Machine, node: Object) -> bool:
    """Whether this machine is behind a node."""
    return node.metadata.labels.get(labels.MACHINE) == machine.name


def render_machine_node(machine: Machine) -> Manifest:
    """The node that is the machine itself."""
    return {
        "apiVersion": NODES.api_version,
        "kind": NODES.kind,
        "metadata": {
            "name": machine.name,
            "labels": {
                labels.HOSTNAME: machine.name,
                labels.OS: "linux",
                labels.ARCH: architecture(),
                labels.MACHINE: machine.name,
            },
        },
        "spec": {"providerID": f"kaito-local://{machine.name}"},
    }


def plan_node_status(machine: Machine, node: Node, gpus: int, now: datetime) -> Manifest:
    """The fields of a node's status that differ from what it should say; empty when none does."""
    wanted: Manifest = {
        "addresses": [
            {"type": "InternalIP", "address": HOST_IP},
            {"type": "Hostname", "address": node.metadata.name},
        ],
        "nodeInfo": _software(),
        "conditions": _conditions(node.status.conditions, now),
    }
    if node.metadata.name == machine.name:
        wanted["capacity"] = _amounts(machine, machine.memory_bytes, gpus)
        wanted["allocatable"] = _amounts(machine, machine.allocatable_bytes, gpus)
    known: Manifest = msgspec.to_builtins(node.status)
    known["addresses"] = list(node.status.addresses)
    known["conditions"] = [_to_manifest(condition) for condition in node.status.conditions]
    return {name: value for name, value in wanted.items() if known.get(name) != value}


def render_lease(node: Node, now: datetime) -> Manifest:
    """The heartbeat of a node, to be applied."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": node.metadata.name,
            "namespace": LEASE_NAMESPACE,
            "ownerReferences": [
                {
                    "apiVersion": NODES.api_version,
                    "kind": NODES.kind,
                    "name": node.metadata.name,
                    "uid": node.metadata.uid,
                }
            ],
        },
        "spec": {
            "holderIdentity": node.metadata.name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": to_rfc3339_micro(now),
        },
    }


def architecture() -> str:
    """The machine's processor in Kubernetes' words."""
    name = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


def _amounts(machine: Machine, memory_bytes: int, gpus: int) -> Manifest:
    amounts = {
        "cpu": str(machine.cpus),
        # Rounded down: a machine must not offer more than it has.
        "memory": f"{memory_bytes // MIB}Mi",
        "pods": _MOST_PODS,
    }
    return {**amounts, **({labels.NVIDIA_GPU: str(gpus)} if gpus else {})}


def _software() -> Manifest:
    return {
        "architecture": architecture(),
        "bootID": "",
        "containerRuntimeVersion": f"kaito-process://{__version__}",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": f"kaito-{__version__}",
        "kubeletVersion": f"kaito-{__version__}",
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": f"{platform.system()} (Python {sys.version.split()[0]})",
        "systemUUID": "",
    }


def _conditions(last: Iterable[Condition], now: datetime) -> list[Manifest]:
    known = {condition.type: condition for condition in last}
    found: list[Manifest] = []
    for kind, status, reason in _HEALTH:
        before = known.pop(kind, None)
        is_same = before is not None and before.status == status
        since = before.last_transition_time if before is not None and is_same else now
        message = "kaito's node agent is ready" if kind == "Ready" else ""
        found.append(
            _to_manifest(
                Condition(
                    type=kind,
                    status=status,
                    reason=reason,
                    message=message,
                    last_transition_time=since,
                )
            )
        )
    return [*found, *(_to_manifest(condition) for condition in known.values())]


def _to_manifest(condition: Condition) -> Manifest:
    found: Manifest = {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
    }
    if condition.last_transition_time:
        found["lastTransitionTime"] = to_rfc3339(condition.last_transition_time)
    return found
