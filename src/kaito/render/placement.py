"""Which nodes a workspace's pods may run on, and which taints they bear."""

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.catalog.instances import find_instance_type


def place(workspace: Workspace, pod: Manifest, *, gpu_resource: str) -> Manifest:
    """The pod with what keeps it on the workspace's own nodes, added to what it brought."""
    required = [
        {"key": key, "operator": "In", "values": [value]} for key, value in node_labels(workspace)
    ]
    if machine := _machine_names(workspace):
        required.append({"key": labels.INSTANCE_TYPE, "operator": "In", "values": machine})
    affinity = dict(pod.get("affinity") or {})
    node = dict(affinity.get("nodeAffinity") or {})
    node["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [{"matchExpressions": required}]
    }
    own = _tolerations(gpu_resource)
    theirs = [t for t in pod.get("tolerations") or () if t not in own]
    return {**pod, "affinity": {**affinity, "nodeAffinity": node}, "tolerations": [*theirs, *own]}


def node_labels(workspace: Workspace) -> tuple[tuple[str, str], ...]:
    """The labels of the workspace's nodes: its matchLabels without the reserved ones, sorted."""
    selector = workspace.resource.label_selector if workspace.resource else None
    found = dict(selector.match_labels) if selector else {}
    for term in selector.match_expressions if selector else ():
        if term.operator == "In" and len(term.values) == 1:
            found.setdefault(term.key, term.values[0])
    return tuple(sorted((k, v) for k, v in found.items() if k not in labels.RESERVED_SELECTOR_KEYS))


def _machine_names(workspace: Workspace) -> list[str]:
    """The instance type as the user and as the cloud spells it: a node's label has one of them."""
    wanted = workspace.resource.instance_type if workspace.resource else ""
    known = find_instance_type(wanted)
    return sorted({wanted, known.name if known else wanted} - {""})


def _tolerations(gpu_resource: str) -> list[Manifest]:
    resources = sorted({labels.NVIDIA_GPU, gpu_resource})
    return [
        *({"key": r, "operator": "Exists", "effect": "NoSchedule"} for r in resources),
        {
            "key": labels.GPU_TAINT_KEY,
            "operator": "Equal",
            "value": labels.GPU_TAINT_VALUE,
            "effect": "NoSchedule",
        },
        {
            "key": labels.AZURE_SPOT,
            "operator": "Equal",
            "value": "spot",
            "effect": "NoSchedule",
        },
    ]
