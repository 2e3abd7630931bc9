"""Whether an update is to have a machine of its own for as long as it lasts. Pure.

Only who says `surge` gets one, for it is paid for, and only where the nodes are made for the
workspace. It is asked for when an update finds no room, and wanted until the StatefulSet says that
the update is over: what is read off live objects survives whoever decided it.
"""

from collections.abc import Callable
from dataclasses import replace

from kaito.api.core import STATEFULSETS, StatefulSet
from kaito.api.meta import Manifest
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.rollout import is_replaced, mode_of
from kaito.controllers.workspace.surge import SURGE, is_other_template, is_surge
from kaito.controllers.workspace.surge_room import find_shortage
from kaito.kube.controller.decision import Patch
from kaito.provision.port import NodeSource, Wanted


def with_spare(
    observed: Observed, manifest: Manifest | None, wanted: Wanted, source: NodeSource
) -> Wanted:
    """The nodes wanted now; one more where an update needs it, and that `source` can give.

    `manifest`: the workload as it should be; None while no update can be made.
    """
    live = observed.owned
    told = source.tell_spare(wanted, observed.supply)
    if told is None or live is None or live.metadata.is_deleting or wanted.count != 1:
        return wanted
    is_asked = mode_of(observed.workspace) == SURGE
    names = tuple(f"{live.metadata.name}-{ordinal}" for ordinal in (0, 1))
    first, second = (next((p for p in observed.pods if p.metadata.name == n), None) for n in names)
    if is_surge(live):
        has_place = second is not None and bool(second.spec.node_name)
        needs = is_asked and not has_place and _is_full(observed, wanted)
        return replace(wanted, has_spare=bool(told) or needs)
    serves = first is not None and first.is_ready and not first.metadata.is_deleting
    if not (is_asked and serves and manifest is not None and _is_surged(live, manifest)):
        return wanted
    return replace(wanted, has_spare=bool(told) or _is_full(observed, wanted))


def tell_shortage(observed: Observed, wanted: Wanted, source: NodeSource) -> Callable[[], str]:
    """What a second pod lacks, and how far the machine for it is; empty where it has room."""

    def tell() -> str:
        shortage = find_shortage(wanted, observed.supply, observed.crowd)
        if not shortage or not wanted.has_spare:
            return shortage
        told = source.tell_spare(wanted, observed.supply)
        return f"{shortage}; a machine for the update: {told or 'is asked for'}"

    return tell


def same_workload(observed: Observed) -> tuple[Patch, ...]:
    """Changes nothing, and fails where the StatefulSet is not the one that was seen.

    A machine that is given back by an outdated view could be the one whose pod answers by now.
    """
    live = observed.owned
    if live is None:
        return ()
    patch = {"metadata": {"resourceVersion": live.metadata.resource_version}}
    return (Patch(resource=STATEFULSETS, key=live.key, patch=patch),)


def _is_surged(live: StatefulSet, manifest: Manifest) -> bool:
    """Whether it becomes another by a surge."""
    if int(manifest["spec"]["replicas"]) != 1 or is_replaced(live, manifest):
        return False
    return is_other_template(live, manifest)


def _is_full(observed: Observed, wanted: Wanted) -> bool:
    return bool(find_shortage(wanted, observed.supply, observed.crowd))
