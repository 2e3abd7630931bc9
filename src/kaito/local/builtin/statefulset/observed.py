"""What a StatefulSet decision is made from."""

import re
from dataclasses import dataclass

from kaito.api.core import PODS, STATEFULSETS, Pod, StatefulSet
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.local.builtin import adoption
from kaito.local.builtin.kinds import CLAIMS, CONTROLLER_REVISIONS, ControllerRevision

_ORDINAL = re.compile(r"-(\d+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A StatefulSet, its pods by ordinal, its revisions, and the claims that exist."""

    statefulset: StatefulSet
    pods: dict[int, Pod]
    revisions: tuple[ControllerRevision, ...] = ()
    claims: frozenset[str] = frozenset()
    orphans: tuple[Pod, ...] = ()
    orphan_revisions: tuple[ControllerRevision, ...] = ()


def ordinal_of(statefulset: StatefulSet, name: str) -> int | None:
    """Which of the set's pods has this name; None when none would."""
    found = _ORDINAL.search(name)
    if found is None or name[: found.start()] != statefulset.metadata.name:
        return None
    return int(found[1])


def observe_statefulset(reader: Reader, key: Key) -> Observed | None:
    """Everything about the set that `key` names, or None when it is gone."""
    found = reader.get(STATEFULSETS, key)
    if found is None:
        return None
    owned = {
        ordinal: pod
        for pod in reader.owned(PODS, found.metadata.uid)
        if (ordinal := ordinal_of(found, pod.metadata.name)) is not None
    }
    selector = found.spec.selector
    return Observed(
        statefulset=found,
        pods=owned,
        revisions=reader.owned(CONTROLLER_REVISIONS, found.metadata.uid),
        claims=_observe_claims(reader, found),
        orphans=tuple(
            pod
            for pod in adoption.observe_orphans(reader, PODS, found, selector)
            if ordinal_of(found, pod.metadata.name) is not None
        ),
        orphan_revisions=adoption.observe_orphans(reader, CONTROLLER_REVISIONS, found, selector),
    )


def _observe_claims(reader: Reader, found: StatefulSet) -> frozenset[str]:
    if not found.spec.volume_claim_templates:
        return frozenset()
    return frozenset(
        claim.metadata.name for claim in reader.list(CLAIMS, namespace=found.metadata.namespace)
    )
