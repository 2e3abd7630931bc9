"""Conditions of a NodeClaim: those that `kaito provisioner` and the embedded plane write.

Another provisioner, such as Karpenter, has reasons of its own. A Workspace repeats them as they
are, with that provisioner's words.
"""

from typing import Final

from kaito.api.reasons.entry import ConditionType, Reason

_KIND = "NodeClaim"
_LAUNCHED, _REGISTERED, _INITIALIZED = ("Launched",), ("Registered",), ("Initialized",)
_ANY = ("Launched", "Registered", "InstanceTerminating")
_SEE = "kubectl describe nodeclaim {name}"

MACHINE_TYPES: Final = (
    ConditionType(kind=_KIND, type="Launched", holds="the cloud has made the machine"),
    ConditionType(kind=_KIND, type="Registered", holds="its node has joined the cluster"),
    ConditionType(kind=_KIND, type="Initialized", holds="the node is Ready and offers its GPUs"),
    ConditionType(kind=_KIND, type="Ready", holds="all of them hold"),
    ConditionType(kind=_KIND, type="Drained", holds="no pod is left on a node that goes"),
    ConditionType(kind=_KIND, type="InstanceTerminating", holds="the cloud is ending the machine"),
)

MACHINE_REASONS: Final = (
    *(
        Reason(name=type_, kind=_KIND, on=(type_,), good=True, meaning="the condition holds")
        for type_ in ("Launched", "Registered", "Initialized", "Ready", "Drained")
    ),
    Reason(
        name="InstanceTerminating",
        kind=_KIND,
        on=("InstanceTerminating",),
        good=True,
        meaning="the cloud is ending the machine",
    ),
    Reason(
        name="AwaitingReconciliation",
        kind=_KIND,
        on=(*_REGISTERED, *_INITIALIZED),
        waits=True,
        meaning="a step before it has to hold first",
    ),
    Reason(
        name="Launching",
        kind=_KIND,
        on=_LAUNCHED,
        waits=True,
        meaning="the cloud is being asked, or has accepted and does not list the machine yet",
    ),
    Reason(
        name="InsufficientCapacity",
        kind=_KIND,
        on=_ANY,
        meaning="there is no such machine to give now",
        look=_SEE,
        then="use another zone or instance type, or wait; it is asked again by itself",
    ),
    Reason(
        name="QuotaExceeded",
        kind=_KIND,
        on=_ANY,
        meaning="the account may not have so many",
        look=_SEE,
        then="have the quota of this machine family raised; it is asked again by itself",
    ),
    Reason(
        name="Unauthorized",
        kind=_KIND,
        on=_ANY,
        meaning="the provisioner's identity may not do that, or is not believed",
        look=_SEE,
        then="give the provisioner's identity the right that the message names",
    ),
    Reason(
        name="CloudResourceNotFound",
        kind=_KIND,
        on=_ANY,
        meaning="something that the machine needs is not there: the cluster, a subnet, a role",
        look=_SEE,
        then="correct the names in the provisioner's settings",
    ),
    Reason(
        name="InvalidMachineRequest",
        kind=_KIND,
        on=_ANY,
        meaning="the cloud does not accept the request, and will not later",
        look=_SEE,
        then="correct the Workspace, or delete the NodeClaim to have it asked again",
    ),
    Reason(
        name="Throttled",
        kind=_KIND,
        on=_ANY,
        waits=True,
        meaning="too many requests, or another operation has to end first; asked again by itself",
    ),
    Reason(
        name="CloudUnavailable",
        kind=_KIND,
        on=_ANY,
        waits=True,
        meaning="the cloud does not answer, or with an error of its own; asked again by itself",
    ),
    Reason(
        name="MachineNotOurs",
        kind=_KIND,
        on=_LAUNCHED,
        meaning="the cloud has a machine of that name that this provisioner did not make",
        look=_SEE,
        then="see whether two provisioners answer the same node class",
    ),
    Reason(
        name="EarlierMachineEnding",
        kind=_KIND,
        on=_LAUNCHED,
        waits=True,
        meaning="the machine of an earlier claim of this name has to end first",
    ),
    Reason(
        name="MachineMissing",
        kind=_KIND,
        on=_LAUNCHED,
        waits=True,
        meaning="the cloud does not list the machine; it is looked for again",
    ),
    Reason(
        name="MachineVanished",
        kind=_KIND,
        on=_LAUNCHED,
        meaning="the cloud has no such machine any more",
        look=_SEE,
        then="delete this NodeClaim to have another made",
    ),
    Reason(
        name="MachineEnding",
        kind=_KIND,
        on=_LAUNCHED,
        meaning="the cloud ends the machine, and not because of this claim",
        look=_SEE,
        then="see in the cloud who ends it, such as a spot market",
    ),
    Reason(
        name="NodeNotRegistered",
        kind=_KIND,
        on=_REGISTERED,
        waits=True,
        meaning="the machine has not joined the cluster yet",
    ),
    Reason(
        name="RegistrationTimeout",
        kind=_KIND,
        on=_REGISTERED,
        meaning="the machine has not joined the cluster in time",
        look=_SEE,
        then="see whether the machine can reach the cluster and may join it",
    ),
    Reason(
        name="NodeGone",
        kind=_KIND,
        on=_REGISTERED,
        meaning="somebody deleted the Node, and its machine is still there",
        look="kubectl get nodes",
        then="delete this NodeClaim to have another machine made",
    ),
    Reason(
        name="NodeNotReady",
        kind=_KIND,
        on=_INITIALIZED,
        waits=True,
        meaning="the node is not Ready, in the kubelet's words",
        look="kubectl get nodes",
    ),
    Reason(
        name="ResourceNotRegistered",
        kind=_KIND,
        on=_INITIALIZED,
        waits=True,
        meaning="the node offers no GPU",
        look="kubectl get daemonsets -A",
        then="install NVIDIA's device plugin where it is missing",
    ),
    Reason(
        name="WaitingForPods",
        kind=_KIND,
        on=("Drained",),
        waits=True,
        meaning="pods on a node that goes are being evicted",
        look="kubectl get pods -A -o wide",
    ),
    Reason(
        name="DrainTimedOut",
        kind=_KIND,
        on=("Drained",),
        meaning="pods did not end in time; the machine is ended with them",
        look="kubectl get poddisruptionbudgets -A",
    ),
)
