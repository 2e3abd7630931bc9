"""Reading a tuning Workspace and its job's record: from its pod on this machine, else as kept."""

import aiohttp
import msgspec

from kaito.api import conditions, labels
from kaito.api.core import CONFIGMAPS, PODS, Pod
from kaito.api.meta import Key
from kaito.api.report import REPORT_PATH, PodReport
from kaito.api.tuning_ending import report_config_name
from kaito.api.tuning_job import REPORT_FILE
from kaito.api.tuning_record import TuningRecord, parse_tuning_record
from kaito.api.workspace import WORKSPACE_READY, TuningSpec, Workspace
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.workspaces import is_loopback, read_workspace
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, NotFound

_ANSWERS_WITHIN = 2.0


async def read_tuning(client: Client, key: Key) -> tuple[Workspace, TuningSpec]:
    """The Workspace and what it tunes; `UsageError` where it serves a model instead."""
    workspace = await read_workspace(client, key)
    if workspace.tuning is None:
        hint = f"see `kaito explain {key.name} -n {key.namespace}`"
        raise UsageError(f"workspace {key} does not tune a model, it serves one", hint=hint)
    return workspace, workspace.tuning


def is_over(workspace: Workspace) -> bool:
    """Whether it has come to an end as it is now; an edit since is another work."""
    told = conditions.find(workspace.status.conditions, WORKSPACE_READY)
    is_current = told is None or told.observed_generation >= workspace.metadata.generation
    return workspace.status.state in ("Succeeded", "Failed") and is_current


async def read_record(client: Client, key: Key) -> TuningRecord | None:
    """All that is known of the job: as its pod says where that can be asked, else as kept."""
    live = await _live_record(client, key)
    if live is not None:
        return live
    name = report_config_name(key.name)
    try:
        kept = await client.get(CONFIGMAPS, Key(key.namespace, name))
    except NotFound:
        return None
    if REPORT_FILE not in kept.data:
        raise KaitoError(f"ConfigMap {key.namespace}/{name} has no key {REPORT_FILE}")
    return parse_tuning_record(kept.data[REPORT_FILE].encode())


async def _live_record(client: Client, key: Key) -> TuningRecord | None:
    """A cluster's pods are out of reach from here; those of this machine are on loopback."""
    selector = f"{labels.WORKSPACE}={key.name}"
    try:
        pods = (await client.list(PODS, namespace=key.namespace, labels=selector)).items
    except ApiError:
        return None
    for pod in pods:
        if pod.status.phase == "Running" and is_loopback(pod.status.pod_ip):
            report = await _ask(pod)
            if report is not None and report.record:
                return parse_tuning_record(report.record.encode())
    return None


async def _ask(pod: Pod) -> PodReport | None:
    port = pod.metadata.annotations.get(labels.REPORT_PORT, "")
    timeout = aiohttp.ClientTimeout(total=_ANSWERS_WITHIN)
    url = f"http://{pod.status.pod_ip}:{port}{REPORT_PATH}"
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            body = await response.read()
        return msgspec.json.decode(body, type=PodReport)
    except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError):
        return None
