"""A tuning Workspace in the embedded plane, up to where a trainer would start: no hub is there."""

import json
from collections.abc import Iterator

import pytest
from planes import RunningPlane, running_plane
from tuning_documents import tuning_workspace

from kaito.api.meta import Manifest

NAME = "tune"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlane]:
    with running_plane(tmp_path_factory.mktemp("tuning") / "state") as running:
        yield running


@pytest.fixture
def tuning(plane: RunningPlane) -> Iterator[RunningPlane]:
    """A plane with one tuning Workspace, whose pod is there; gone again afterwards."""
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(_workspace()))
    _wait(plane, "ModelUnavailable")
    yield plane
    plane.kubectl("delete", "workspace", NAME, "--timeout=60s")
    assert plane.get("jobs,pods,nodeclaims")["items"] == []


def _workspace() -> Manifest:
    tuning = {
        "method": "QLoRA",
        "input": {"urls": ["https://example.com/a.jsonl"]},
        "output": {"image": "registry.example.com/a:1", "imagePushSecret": "push"},
    }
    return tuning_workspace(NAME, "phi-3-mini-4k-instruct", tuning)


def _wait(plane: RunningPlane, reason: str) -> None:
    """Until that is the reason why the Workspace is not ready."""
    of_ready = "{.status.conditions[?(@.type=='WorkspaceReady')].reason}"
    plane.kubectl(
        "wait", f"workspace/{NAME}", f"--for=jsonpath={of_ready}={reason}", "--timeout=60s"
    )


def test_a_pause_that_would_lose_work_wants_to_be_forced(tuning: RunningPlane) -> None:
    refused = tuning.kaito("tune", "pause", NAME, check=False)
    assert refused.code == 1
    assert "no output volume" in refused.err
    assert "--force" in refused.err
    said = tuning.kaito("tune", "pause", NAME, "--force").out
    assert "without an output volume it begins anew" in said
    _wait(tuning, "TuningPaused")
    assert tuning.get("job", NAME)["spec"]["suspend"] is True
    tuning.kubectl(
        "wait", "pod", "-l", f"kaito.sh/workspace={NAME}", "--for=delete", "--timeout=60s"
    )
    assert "paused" in tuning.kaito("tune", "status", NAME).out
    tuning.kaito("tune", "resume", NAME)
    _wait(tuning, "ModelUnavailable")


def test_what_is_missing_is_told_and_the_verbs_say_what_to_do_first(tuning: RunningPlane) -> None:
    status = tuning.get("workspace", NAME)["status"]
    assert status["state"] == "Pending"
    assert status["tuning"]["phase"] == "Waiting"
    promoted = tuning.kaito("tune", "promote", NAME, check=False)
    assert promoted.code == 1
    assert "has no adapter yet: it is pending" in promoted.err
    report = tuning.kaito("tune", "report", NAME, check=False)
    assert "has no record yet" in report.err


def test_other_data_makes_the_job_anew(tuning: RunningPlane) -> None:
    before = tuning.get("job", NAME)["metadata"]["uid"]
    document = _workspace()
    document["tuning"]["input"]["urls"] = ["https://example.com/b.jsonl"]
    tuning.kubectl("apply", "-f", "-", stdin=json.dumps(document))
    tuning.kubectl("wait", "job", NAME, "--for=delete", "--timeout=60s", check=False)
    of_args = "{.spec.template.spec.containers[0].args}"
    tuning.kubectl("wait", f"job/{NAME}", f"--for=jsonpath={of_args}", "--timeout=60s")
    after = tuning.get("job", NAME)
    assert after["metadata"]["uid"] != before
    assert "b.jsonl" in str(after["spec"])


def test_verbs_of_tuning_refuse_a_workspace_that_serves(plane: RunningPlane) -> None:
    missing = plane.kaito("tune", "status", "nobody", check=False)
    assert missing.code == 1
    assert "nobody" in missing.err
