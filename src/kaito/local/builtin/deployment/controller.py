"""Watches Deployments, their ReplicaSets, and the pods of those."""

from datetime import datetime

from kaito.api.core import PODS, Pod
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key, key_of_controller
from kaito.local.builtin.deployment.decide import decide_deployment
from kaito.local.builtin.deployment.observed import Observed, observe_deployment
from kaito.local.builtin.deployment.replicasets import HASH_LABEL
from kaito.local.builtin.kinds import DEPLOYMENTS, REPLICASETS


def _key_of_deployment(pod: Pod) -> tuple[Key, ...]:
    """The Deployment behind a pod, read off its ReplicaSet's name: `<deployment>-<hash>`.

    Only a Recreate needs it, to see the last old pod go.
    """
    owner = pod.metadata.controller
    suffix = pod.metadata.labels.get(HASH_LABEL, "")
    if owner is None or owner.kind != "ReplicaSet" or not owner.name.endswith(f"-{suffix}"):
        return ()
    return (Key(pod.metadata.namespace, owner.name.removesuffix(f"-{suffix}")),)


class DeploymentController:
    """One pass per Deployment; see `decide` for what it does."""

    name = "deployment-controller"
    watches = (
        Watch(DEPLOYMENTS, its_own_key),
        Watch(REPLICASETS, key_of_controller("Deployment")),
        Watch(PODS, _key_of_deployment),
    )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The Deployment and what is its own."""
        return observe_deployment(reader, key)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_deployment`."""
        return decide_deployment(observed, now)
