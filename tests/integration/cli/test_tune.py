"""`kaito tune ...` as a user runs it, on wrong names, odd moments and without a terminal."""

import asyncio
import json
import signal
from typing import Any

import pytest
from tests.integration.cli.cluster import PATIENCE, Cluster, finish
from tests.integration.cli.manifests import PHI, ready, workspace_yaml

from kaito.api.core import CONFIGMAPS
from kaito.api.meta import Key
from kaito.api.report import LossPoint, TuningReport
from kaito.api.tuning_job import REPORT_FILE
from kaito.api.tuning_record import TuningRecord
from kaito.api.workspace import WORKSPACES

TEACH = Key("default", "teach")


async def apply(cluster: Cluster, **tuning: Any) -> None:
    """A tuning Workspace that no controller has looked at yet."""
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "teach"},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "teach"}},
        },
        "tuning": {
            "preset": {"name": "phi-4"},
            "method": "lora",
            "input": {"urls": ["https://example.com/a.jsonl"]},
            "output": {"image": "registry.example.com/a/b:1", "imagePushSecret": "push"},
            **tuning,
        },
    }
    found = await cluster.kaito("apply", "-f", "-", stdin=json.dumps(document))
    assert found.code == 0, found.err


async def say(cluster: Cluster, state: str, reason: str, message: str, /, **tuning: Any) -> None:
    """Write the status as the controller would, in one go."""
    live = await cluster.client.get(WORKSPACES, TEACH)
    ready = {
        "type": "WorkspaceReady",
        "status": "True" if state == "Succeeded" else "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-05-01T12:00:00Z",
        "observedGeneration": live.metadata.generation,
    }
    patch = {"status": {"state": state, "conditions": [ready], "tuning": tuning}}
    await cluster.client.patch(WORKSPACES, TEACH, patch, subresource="status")


async def next_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return (await process.stdout.readline()).decode().rstrip("\n")


@pytest.mark.extended
async def test_a_name_that_is_none_and_one_that_serves_are_told_apart(cluster: Cluster) -> None:
    await apply(cluster)
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    for verb in ("status", "report", "pause", "resume", "promote"):
        wrong, serving = await asyncio.gather(
            cluster.kaito("tune", verb, "teech"), cluster.kaito("tune", verb, "phi")
        )
        assert (wrong.code, serving.code) == (1, 2), verb
        assert "did you mean teach?" in wrong.err
        assert "workspace default/phi does not tune a model, it serves one" in serving.err
        assert len(serving.err.splitlines()) == 2, "the error and its hint"


async def test_what_has_not_started_says_so_everywhere(cluster: Cluster) -> None:
    await apply(cluster)
    status = await cluster.kaito("tune", "status", "teach")
    assert status.code == 0
    assert status.out.splitlines() == [
        "default/teach: lora of phi-4, waiting",
        "  no controller has looked at it yet",
    ]
    report, promote = await asyncio.gather(
        cluster.kaito("tune", "report", "teach"), cluster.kaito("tune", "promote", "teach")
    )
    assert (report.code, promote.code) == (1, 1)
    assert "has no record yet: its trainer has not started" in report.err
    assert "has no adapter yet: it is pending" in promote.err


async def test_a_watch_without_a_terminal_is_a_line_a_change_and_ends_with_the_job(
    cluster: Cluster,
) -> None:
    await apply(cluster)
    watching = await cluster.start("tune", "status", "teach", "--watch")
    documents = await cluster.start("tune", "status", "teach", "-w", "-o", "json")
    assert await next_line(watching) == "waiting"
    assert json.loads(await _document(documents))["state"] == "Pending"
    await say(
        cluster, "Running", "Tuning", "it runs", phase="Training", step=3, steps=9, loss="2.5"
    )
    assert await next_line(watching) == "training    step 3 of 9  loss 2.5"
    await say(cluster, "Failed", "InvalidData", "row 3: no", phase="Failed", message="row 3: no")
    ended, last = await asyncio.gather(finish(watching), finish(documents))
    assert (ended.code, last.code) == (1, 1), "as `kaito tune status` of a job that failed"
    assert ended.out.splitlines()[-1] == "failed      step 3 of 9  loss 2.5  row 3: no"
    assert '"state": "Failed"' in last.out


async def _document(process: asyncio.subprocess.Process) -> str:
    lines = [await next_line(process)]
    while lines[-1] != "}":
        lines.append(await next_line(process))
    return "\n".join(lines)


async def test_a_watch_is_not_ended_by_how_the_work_before_an_edit_ended(cluster: Cluster) -> None:
    await apply(cluster)
    await say(cluster, "Succeeded", "workspaceSucceeded", "", phase="Done", step=9, steps=9)
    assert (await cluster.kaito("tune", "status", "teach", "--watch")).code == 0
    await apply(cluster, input={"urls": ["https://example.com/other.jsonl"]})
    watching = await cluster.start("tune", "status", "teach", "--watch")
    assert (await next_line(watching)).startswith("done")
    await say(cluster, "Running", "Tuning", "it runs", phase="Preflight", message="reading")
    assert (await next_line(watching)) == "preflight   step 9 of 9  reading"
    watching.send_signal(signal.SIGINT)
    interrupted = await finish(watching)
    assert (interrupted.code, interrupted.err) == (130, "")


async def test_a_watch_of_what_is_deleted_ends_in_words(cluster: Cluster) -> None:
    await apply(cluster)
    watching = await cluster.start("tune", "status", "teach", "--watch")
    assert await next_line(watching) == "waiting"
    await cluster.client.delete(WORKSPACES, TEACH)
    ended = await finish(watching)
    assert ended.code == 1
    assert "default/teach" in ended.err
    assert "deleted" in ended.err


async def test_a_pause_needs_a_volume_or_force_and_nothing_that_has_ended(cluster: Cluster) -> None:
    await apply(cluster)
    await say(cluster, "Running", "Tuning", "it runs", phase="Training", step=3, steps=9)
    refused = await cluster.kaito("tune", "pause", "teach")
    assert refused.code == 1
    assert "has no output volume: a pause loses its 3 steps" in refused.err
    assert "is not paused" in (await cluster.kaito("tune", "resume", "teach")).out
    assert (await cluster.kaito("tune", "pause", "teach", "--force")).code == 0
    assert "paused already" in (await cluster.kaito("tune", "pause", "teach")).out
    await say(cluster, "Failed", "InvalidData", "row 3: no", phase="Failed")
    resumed = await cluster.kaito("tune", "resume", "teach")
    assert resumed.out == "workspace default/teach is not paused any more; it has failed already\n"
    late = await cluster.kaito("tune", "pause", "teach", "--force")
    assert (late.code, "has failed already" in late.err) == (1, True)


async def test_a_job_that_goes_on_although_its_edit_is_refused_can_be_paused(
    cluster: Cluster,
) -> None:
    await apply(cluster)
    await say(cluster, "Running", "InvalidConfig", "no key", phase="Training", step=3, steps=9)
    assert (await cluster.kaito("tune", "pause", "teach", "--force")).code == 0


@pytest.mark.extended
@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("no/such/folder/page.html", "no/such/folder/page.html"),
        (".", "is a directory"),
    ],
)
async def test_a_report_that_cannot_be_written_is_one_line(
    cluster: Cluster, output: str, said: str
) -> None:
    await apply(cluster)
    await _keep(cluster, TuningRecord(state="Training").to_json().decode())
    found = await cluster.kaito("tune", "report", "teach", "-o", output)
    assert found.code == 1
    assert said in found.err
    assert "Traceback" not in found.err


async def _keep(cluster: Cluster, text: str) -> None:
    meta = {"name": "teach-tuning-report", "namespace": "default"}
    await cluster.client.create(CONFIGMAPS, {"metadata": meta, "data": {REPORT_FILE: text}})


@pytest.mark.extended
async def test_a_report_is_a_page_and_a_record_of_a_volume_needs_no_cluster(
    cluster: Cluster,
) -> None:
    await apply(cluster)
    progress = TuningReport(step=2, steps=2, curve=(LossPoint(step=1, loss=2.0),))
    record = TuningRecord(state="Done", preset="org/model", progress=progress)
    await _keep(cluster, record.to_json().decode())
    written = await cluster.kaito("tune", "report", "teach")
    assert (written.code, (cluster.folder / "teach-tuning.html").exists()) == (0, True)
    cluster.write("kaito-tuning.json", record.to_json().decode())
    cluster.write("broken.json", '{"state": "Dancing"}')
    page, broken, missing = await asyncio.gather(
        *(
            cluster.kaito("tune", "report", "--record", name, "--kubeconfig", "none")
            for name in ("kaito-tuning.json", "broken.json", "absent.json")
        )
    )
    assert (page.code, (cluster.folder / "org-model-tuning.html").exists()) == (0, True)
    assert (broken.code, missing.code) == (1, 1)
    assert "the tuning record cannot be read" in broken.err
    assert "absent.json" in missing.err


@pytest.mark.extended
async def test_a_record_that_this_release_cannot_read_costs_the_curve_alone(
    cluster: Cluster,
) -> None:
    await apply(cluster)
    await _keep(cluster, '{"state": 7}')
    await say(cluster, "Running", "Tuning", "it runs", phase="Training", step=3, steps=9)
    status, report = await asyncio.gather(
        cluster.kaito("tune", "status", "teach"), cluster.kaito("tune", "report", "teach")
    )
    assert (status.code, "step 3 of 9" in status.out) == (0, True)
    assert (report.code, "cannot be read" in report.err) == (1, True)


async def test_promotion_refuses_what_would_not_serve(cluster: Cluster) -> None:
    await apply(cluster)
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml(preset="phi-4-mini-instruct"))
    await say(cluster, "Succeeded", "workspaceSucceeded", "", phase="Done", result="r")
    other, itself, timeout = await asyncio.gather(
        cluster.kaito("tune", "promote", "teach", "--to", "phi"),
        cluster.kaito("tune", "promote", "teach", "--to", "teach"),
        cluster.kaito("tune", "promote", "teach", "--wait", "--timeout", "soon"),
    )
    assert (other.code, itself.code, timeout.code) == (2, 2, 2)
    assert "and the adapter is of phi-4" in other.err
    assert "tunes; it cannot serve" in itself.err
    named = await cluster.kaito("tune", "promote", "teach", "--as", "Not A Name!")
    assert named.code == 1
    assert len(named.err.strip().splitlines()) <= 2
    dry = await cluster.kaito("tune", "promote", "teach", "--dry-run", "-o", "json")
    assert json.loads(dry.out)["inference"]["preset"]["name"] == "phi-4"
    assert (await cluster.kaito("get", "workspace", "teach-serving")).code == 1
    made = await cluster.kaito("tune", "promote", "teach")
    again = await cluster.kaito("tune", "promote", "teach")
    assert ("created" in made.err, "configured" in again.err) == (True, True)


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [("Ready", 0, ""), ("Failed", 1, "adapter teach of workspace default/phi: Failed: no rank")],
)
async def test_a_promotion_to_what_is_ready_already_waits_for_its_adapter(
    cluster: Cluster, state: str, code: int, said: str
) -> None:
    await apply(cluster)
    await say(cluster, "Succeeded", "workspaceSucceeded", "", phase="Done", result="r")
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    await cluster.report(PHI, ready())
    waiting = await cluster.start("tune", "promote", "teach", "--to", "phi", "--wait")
    assert waiting.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while "configured" not in (await waiting.stderr.readline()).decode():
            continue
    await cluster.report(PHI, ready())
    assert waiting.returncode is None, "it answered before, without the adapter"
    loaded = {"type": "AdaptersReady", "status": "False", "reason": "AdaptersPending"}
    rolling = {"type": "InferenceReady", "status": "True", "reason": "RolloutProgressing"}
    generation = (await cluster.client.get(WORKSPACES, PHI)).metadata.generation
    stamp = {"lastTransitionTime": "2026-05-01T12:00:00Z", "observedGeneration": generation}
    # The pod of before has not the adapter's volume; it fails, and is about to be replaced.
    for conditions, told in (([ready()[0], rolling, ready()[2]], "Failed"), (ready(), state)):
        patch = {
            "conditions": [{**stamp, **one} for one in (*conditions, loaded)],
            "adapters": [{"name": "teach", "state": told, "message": "no rank"}],
        }
        await cluster.client.patch(WORKSPACES, PHI, {"status": patch}, subresource="status")
    done = await finish(waiting)
    assert (done.code, said in done.err) == (code, True)
