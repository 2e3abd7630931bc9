"""What a Deployment decision is made from."""

from dataclasses import dataclass

from kaito.api.core import PODS
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.local.builtin import adoption
from kaito.local.builtin.kinds import DEPLOYMENTS, REPLICASETS, Deployment, ReplicaSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A Deployment, its ReplicaSets, and how many pods each of them still has."""

    deployment: Deployment
    replicasets: tuple[ReplicaSet, ...]
    pods: dict[str, int]
    """By ReplicaSet uid: pods that have not ended, those going away included."""
    orphans: tuple[ReplicaSet, ...] = ()


def observe_deployment(reader: Reader, key: Key) -> Observed | None:
    """Everything about the Deployment that `key` names, or None when it is gone."""
    found = reader.get(DEPLOYMENTS, key)
    if found is None:
        return None
    replicasets = reader.owned(REPLICASETS, found.metadata.uid)
    return Observed(
        deployment=found,
        replicasets=replicasets,
        pods={
            r.metadata.uid: sum(not p.is_finished for p in reader.owned(PODS, r.metadata.uid))
            for r in replicasets
        },
        orphans=adoption.observe_orphans(reader, REPLICASETS, found, found.spec.selector),
    )
