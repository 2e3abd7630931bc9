"""What to write so that the StatefulSet becomes the rendered one: made, changed, surged. Pure."""

from collections.abc import Callable
from datetime import datetime

from kaito.api import labels
from kaito.api.core import STATEFULSETS
from kaito.api.meta import Manifest
from kaito.controllers.workspace.by_hand import is_rescaled
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.predecessor import tell_stranger
from kaito.controllers.workspace.rollout import is_replaced, mode_of, what_changed
from kaito.controllers.workspace.surge import (
    NO_ROOM,
    WITHOUT_ROOM,
    Rollout,
    View,
    begin_surge,
    go_on,
)
from kaito.kube.controller.decision import Apply, Delete, Note
from kaito.render.stamp import is_current

BY_HAND = ", as it was before somebody scaled it"
NOBODY_ANSWERS = "no request is answered until all of them are ready"


def decide_workload(
    observed: Observed, wanted: Manifest, *, find_shortage: Callable[[], str], now: datetime
) -> Rollout:
    """One step towards it. `find_shortage` says what a second pod lacks, empty where nothing."""
    live, workspace = observed.statefulset, observed.workspace
    name = workspace.metadata.name
    if live is None:
        text = f"StatefulSet {name} created{tell_stranger(observed)}"
        note = Note(about=workspace, reason="WorkloadCreated", message=text)
        return Rollout(actions=(Apply(resource=STATEFULSETS, manifest=wanted, note=note),))
    if live.metadata.is_deleting:
        return Rollout()
    if is_replaced(live, wanted):
        text = f"StatefulSet {name} is made anew: {what_changed(live, wanted)}"
        note = Note(about=workspace, reason="WorkloadReplaced", message=text)
        uid = live.metadata.uid
        return Rollout(actions=(Delete(resource=STATEFULSETS, key=live.key, uid=uid, note=note),))
    view = View(observed=observed, live=live, wanted=wanted, mode=mode_of(workspace), now=now)
    if int(wanted["spec"]["replicas"]) == 1:
        return _update_single(view, find_shortage)
    if not is_current(live, wanted):
        return _update(view, why=_of_several(view))
    return _update(view, why=BY_HAND) if is_rescaled(live, wanted) else Rollout()


def _update_single(view: View, find_shortage: Callable[[], str]) -> Rollout:
    if view.is_surging:
        return _resume(view)
    if is_current(view.live, view.wanted):
        return _update(view, why=BY_HAND) if is_rescaled(view.live, view.wanted) else Rollout()
    is_same = view.live_hash == view.wanted_hash
    if is_same or view.mode == "replace" or not view.serves(0):
        return _update(view)
    shortage = find_shortage()
    if shortage and view.mode == "auto":
        return _update(view, why=f", in place: {shortage}")
    if shortage:
        message = f"pod {view.name_of(0)} answers; the update waits for room: {shortage}"
        return Rollout(reason=NO_ROOM, message=f"{message}; {WITHOUT_ROOM}")
    if view.service is None or view.target != 0:
        # It is put right first, in this very pass; its change brings us back.
        return Rollout()
    return begin_surge(view)


def _of_several(view: View) -> str:
    """That a model on several pods is not there while they change: a second group is never made."""
    if view.observed.preset is None:
        return ""
    count = int(view.wanted["spec"]["replicas"])
    beside = f", for {labels.ROLLOUT}=surge is for one pod" if view.mode == "surge" else ""
    return f"; the {count} pods of the model are replaced in place{beside}: {NOBODY_ANSWERS}"


def _resume(view: View) -> Rollout:
    if view.service is None:
        return Rollout(ordinal=0 if view.serves(0) or not view.serves(1) else 1)
    return go_on(view)


def _update(view: View, *, why: str = "") -> Rollout:
    """Write it; the pods follow at once, and nothing answers until they are ready."""
    name = view.live.metadata.name
    text = f"StatefulSet {name} updated: {what_changed(view.live, view.wanted)}{why}"
    note = Note(about=view.observed.workspace, reason="WorkloadUpdated", message=text)
    return Rollout(actions=(Apply(resource=STATEFULSETS, manifest=view.wanted, note=note),))
