"""What a tuning Job on several nodes has besides: numbered pods that find and wait for each other.

    Job `<name>`               Indexed: pods `<name>-0`, `<name>-1`, ... each told its number
    Service `<name>-headless`  names them, ready or not: all meet at `<name>-0.<name>-headless`

One pod a node. A failure ends all pods' trainers, and counts one restart for each.
"""

import hashlib

from kaito.api import labels, runtime
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.render.services import headless_name, render_headless

BACKOFF_LIMIT = 6
"""How often a trainer is started again: Kubernetes' own default, as in KAITO 0.12."""


def job_limits(nodes: int) -> Manifest:
    """How many pods the Job has, and when it is given up."""
    limits: Manifest = {
        "backoffLimit": backoff_limit(nodes),
        "parallelism": nodes,
        "completions": nodes,
    }
    if nodes == 1:
        return limits
    return {
        **limits,
        "completionMode": "Indexed",
        # A pod that is still saving must not have another one of its number beside it.
        "podReplacementPolicy": "Failed",
        # The first delivers the result: one of the others that is lost then has nothing to do.
        # Kubernetes before 1.31 takes no notice of it.
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]},
    }


def backoff_limit(nodes: int) -> int:
    """Restarts, of all pods together, after which the Job is given up."""
    return BACKOFF_LIMIT * nodes


def pod_identity(workspace: Workspace, nodes: int) -> Manifest:
    """Of the pod template: a name within the Service, and a node for each pod."""
    if nodes == 1:
        return {}
    apart = {
        "labelSelector": {"matchLabels": {labels.WORKSPACE: workspace.metadata.name}},
        "topologyKey": labels.HOSTNAME,
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}
    return {"subdomain": headless_name(workspace), "affinity": {"podAntiAffinity": required}}


def first_node(workspace: Workspace) -> str:
    """Where the pods of a job meet."""
    meta = workspace.metadata
    host = f"{meta.name}-0.{headless_name(workspace)}.{meta.namespace}.svc"
    return f"{host}:{runtime.RENDEZVOUS_PORT}"


def group_key(workspace: Workspace) -> str:
    """What the pods of a job have to know to meet: guessed by nobody, the same for all of them.

    It is no Secret: whoever may read the Workspace or its pods can reckon it.
    """
    return hashlib.sha256(f"tuning group of {workspace.metadata.uid}".encode()).hexdigest()[:32]


def render_group_service(workspace: Workspace, nodes: int) -> Manifest | None:
    """The headless Service; one pod alone needs none."""
    return render_headless(workspace) if nodes > 1 else None
