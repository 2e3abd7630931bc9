"""Every built-in controller, for the composition root."""

from collections.abc import Callable
from typing import Any

from kaito.api.core import (
    CONFIGMAPS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    SERVICES,
    STATEFULSETS,
)
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.kube.controller.runner import Controller
from kaito.local.builtin.claims import ClaimController
from kaito.local.builtin.collector.controller import CollectorController
from kaito.local.builtin.deployment.controller import DeploymentController
from kaito.local.builtin.endpoints.controller import EndpointsController
from kaito.local.builtin.job.controller import JobController
from kaito.local.builtin.kinds import (
    CLAIMS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    REPLICASETS,
)
from kaito.local.builtin.live import Live
from kaito.local.builtin.machines.controller import MachinesController
from kaito.local.builtin.machines.observed import MachineFacts
from kaito.local.builtin.namespaces import SERVICE_ACCOUNTS, NamespaceController
from kaito.local.builtin.nodelifecycle import NodeLifecycleController
from kaito.local.builtin.replicaset import ReplicaSetController
from kaito.local.builtin.scheduler.controller import SchedulerController
from kaito.local.builtin.statefulset.controller import StatefulSetController

COLLECTED: tuple[Resource[Any], ...] = (
    CLAIMS,
    CONFIGMAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINTS,
    ENDPOINT_SLICES,
    JOBS,
    LEASES,
    NAMESPACES,
    NODECLAIMS,
    NODES,
    PODS,
    REPLICASETS,
    SECRETS,
    SERVICES,
    SERVICE_ACCOUNTS,
    STATEFULSETS,
)
"""The built-in kinds that own or are owned. Events are neither, and many."""


def builtin_controllers(
    machine: MachineFacts,
    *,
    workspaces: Resource[Any],
    gpus_of: Callable[[str], int],
    live: Live,
    custom: tuple[Resource[Any], ...] = (),
) -> tuple[Controller[Any], ...]:
    """What a `Runner` runs for the plane.

    `workspaces` is the kind that events about machines are told to; `custom` are further kinds that
    own or are owned. Every kind named here must be served before the runner starts, since it waits
    for the first list of each.
    """
    collected = tuple({str(r): r for r in (*COLLECTED, workspaces, *custom)}.values())
    return (
        SchedulerController(),
        NamespaceController(tuple(r for r in collected if r.namespaced), live=live),
        CollectorController(collected, live=live),
        StatefulSetController(),
        ReplicaSetController(),
        DeploymentController(),
        JobController(),
        EndpointsController(),
        ClaimController(),
        NodeLifecycleController(live=live),
        MachinesController(machine, workspaces=workspaces, gpus_of=gpus_of),
    )
