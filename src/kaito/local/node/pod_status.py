"""What of a pod's status is ours, what it was last, and what has to be written."""

from collections.abc import Iterable

import msgspec

from kaito.api.meta import Manifest
from kaito.local.node.lifecycle.conditions import OWNED as OWNED_CONDITIONS
from kaito.local.node.pod import LastStatus

OWNED_FIELDS = (
    *("phase", "reason", "message", "conditions", "startTime"),
    *("hostIP", "hostIPs", "podIP", "podIPs"),
    *("containerStatuses", "initContainerStatuses"),
)


def plan_patch(last: Manifest, wanted: Manifest) -> Manifest:
    """The fields of `status` that differ, as a merge patch; empty when nothing has to be said."""
    patch: Manifest = {}
    for name in OWNED_FIELDS:
        if name in wanted:
            if last.get(name) != wanted[name]:
                patch[name] = wanted[name]
        elif name in last:
            patch[name] = None
    return patch


def merge_last(watched: Manifest, written: Manifest) -> Manifest:
    """What the API server has: what was watched, overlaid with what we wrote since.

    The watch lags behind our own writes; but a phase that ends the pod, and conditions of others,
    come only from there.
    """
    if not written:
        return watched
    merged = {**watched, **written}
    if watched.get("phase") in ("Succeeded", "Failed"):
        merged["phase"] = watched["phase"]
    own = [c for c in written.get("conditions") or () if c["type"] in OWNED_CONDITIONS]
    foreign = [c for c in watched.get("conditions") or () if c["type"] not in OWNED_CONDITIONS]
    return {**merged, "conditions": [*own, *foreign]}


def parse_last(status: Manifest) -> LastStatus:
    """The typed view of a status; what cannot be read counts as never written."""
    try:
        return msgspec.convert(status, LastStatus)
    except msgspec.ValidationError:
        return LastStatus()


def find_container(statuses: Iterable[Manifest], name: str) -> Manifest:
    """One container's entry; empty when there is none."""
    return next((entry for entry in statuses if entry.get("name") == name), {})
