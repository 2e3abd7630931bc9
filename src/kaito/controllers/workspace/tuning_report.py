"""The ConfigMap in which a job's record outlives its pod: what `kaito tune report` reads.

It is written when something worth keeping happened, a checkpoint, an evaluation, the end, and not
for each step that was logged.
"""

from kaito.api import labels
from kaito.api.core import CONFIGMAPS
from kaito.api.meta import owner_reference
from kaito.api.tuning_ending import report_config_name
from kaito.api.tuning_job import REPORT_FILE
from kaito.api.tuning_record import TuningRecord, parse_tuning_record
from kaito.base.errors import KaitoError
from kaito.controllers.workspace.observed import Observed
from kaito.kube.controller.decision import Apply
from kaito.render.stamp import content_hash

_MOST_CHARACTERS = 900_000
"""An object may have about 1 MiB."""


def keep_report(observed: Observed) -> tuple[Apply, ...]:
    """Write what the pod says now, where it is news."""
    said = (r.record for r in observed.reports if r.program == "tuning" and r.record)
    text = next(said, "")
    if not text or len(text) > _MOST_CHARACTERS:
        return ()
    try:
        digest = content_hash(_essence(parse_tuning_record(text.encode())))
    except KaitoError:
        return ()  # of another release; the pod still shows it to whoever asks
    live, workspace = observed.tuning_report, observed.workspace
    owner = live.metadata.controller if live else None
    is_foreign = live is not None and (owner is None or owner.uid != workspace.metadata.uid)
    if is_foreign or (live and live.metadata.annotations.get(labels.TEMPLATE_HASH) == digest):
        return ()
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": report_config_name(workspace.metadata.name),
            "namespace": workspace.metadata.namespace,
            "labels": {labels.WORKSPACE: workspace.metadata.name},
            "annotations": {labels.TEMPLATE_HASH: digest},
            "ownerReferences": [owner_reference(workspace)],
        },
        "data": {REPORT_FILE: text},
    }
    return (Apply(resource=CONFIGMAPS, manifest=manifest),)


def _essence(record: TuningRecord) -> tuple[object, ...]:
    progress = record.progress
    return (
        record.state,
        record.attempts,
        record.dataset.digest,
        progress.checkpoint,
        progress.evaluation,
        record.result,
        record.failure,
    )
