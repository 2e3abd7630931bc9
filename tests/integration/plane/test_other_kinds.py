"""The kinds besides Workspace on a whole plane, as users of KAITO 0.12 write them, with kubectl.

Every shape is admitted, stored, listed, described, scaled and deleted; the status of what this
release does not run says so (mirrors run: test_mirrors); what is wrong is refused by one line.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kind_shapes import SHAPES, changed, shape, shape_text
from planes import RunningPlane, running_plane

from kaito.api.meta import Manifest

pytestmark = pytest.mark.timeout(240)

READY = {
    "InferenceSet": ["InferenceSetReady"],
    "RAGEngine": ["ServiceReady", "RAGEngineSucceeded"],
    "MultiRoleInference": ["Ready"],
}
DEPRECATED = "Warning: kaito.sh/v1alpha1 RAGEngine is deprecated; use kaito.sh/v1beta1 RAGEngine"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlane]:
    with running_plane(tmp_path_factory.mktemp("kinds") / "state") as plane:
        yield plane


@pytest.fixture(params=[name for name in SHAPES if not name.startswith("modelmirror")])
def applied(plane: RunningPlane, request: pytest.FixtureRequest) -> Iterator[Manifest]:
    """One shape, applied; gone afterwards."""
    plane.kubectl("apply", "-f", "-", stdin=shape_text(request.param))
    yield shape(request.param)
    plane.kubectl("delete", "-f", "-", "--timeout=10s", stdin=shape_text(request.param))


def reference(manifest: Manifest) -> str:
    """`kind.version.group/name`, as kubectl takes it."""
    group, version = manifest["apiVersion"].split("/")
    return f"{manifest['kind'].lower()}s.{version}.{group}/{manifest['metadata']['name']}"


def contains(whole: Any, part: Any) -> bool:
    """Whether everything in `part` is in `whole`, which may have more."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(contains(whole.get(k), v) for k, v in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


def test_nothing_of_a_shape_is_lost(plane: RunningPlane, applied: Manifest) -> None:
    stored = plane.get(reference(applied))
    assert contains(stored, applied)
    again = plane.kubectl("apply", "-f", "-", stdin=json.dumps(applied))
    assert again.out.endswith(" unchanged\n")


def test_the_status_and_one_event_say_that_nothing_runs_it(
    plane: RunningPlane, applied: Manifest
) -> None:
    kind, name = applied["kind"], applied["metadata"]["name"]
    for type_ in READY[kind]:
        plane.kubectl("wait", reference(applied), f"--for=condition={type_}=False", "--timeout=15s")
    found = plane.get(reference(applied))
    conditions = found["status"]["conditions"]
    assert [condition["type"] for condition in conditions] == READY[kind]
    for condition in conditions:
        assert condition["reason"] == "NotAvailable"
        assert condition["observedGeneration"] == found["metadata"]["generation"]
        assert f"this release stores {kind}" in condition["message"]
    plane.kubectl("wait", "event", f"--field-selector=involvedObject.uid={uid(found)}",
                  "--for=create", "--timeout=15s")  # fmt: skip
    events = plane.get("events", f"--field-selector=involvedObject.uid={uid(found)}")["items"]
    assert [(event["reason"], event["count"]) for event in events] == [("NotAvailable", 1)]
    assert name in plane.kubectl("describe", reference(applied)).out


def uid(manifest: Manifest) -> str:
    found: str = manifest["metadata"]["uid"]
    return found


def test_nothing_is_started_for_them(plane: RunningPlane, applied: Manifest) -> None:
    plane.kubectl("wait", reference(applied), f"--for=condition={READY[applied['kind']][0]}=False")
    # A mirror of another test starts something, and its end is not waited for there.
    plane.kubectl("wait", "pods,jobs", "--for=delete", "--all", "-A", "--timeout=30s")
    assert plane.get("pods,statefulsets,jobs,nodeclaims,workspaces", "-A")["items"] == []


def test_both_versions_of_an_inferenceset_are_served(plane: RunningPlane) -> None:
    older = changed(shape("inferenceset"), apiVersion="kaito.sh/v1alpha1", metadata__name="older")
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(older))
    for version in ("v1alpha1", "v1beta1"):
        found = plane.get(f"inferencesets.{version}.kaito.sh/older")
        assert found["apiVersion"] == f"kaito.sh/{version}"
        assert contains(found["spec"], older["spec"])
    plane.kubectl("delete", "is/older", "--timeout=10s")


def test_flat_storage_survives_the_way_through_the_newer_version(plane: RunningPlane) -> None:
    flat = shape("ragengine-v1alpha1")
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(flat))
    newer = plane.get("ragengines.v1beta1.kaito.sh/ragengine-flat")
    newer["spec"]["inferenceService"]["contextWindowSize"] = 8000
    plane.kubectl("replace", "-f", "-", stdin=json.dumps(newer))
    stored = plane.get("ragengines.v1alpha1.kaito.sh/ragengine-flat")
    assert contains(stored["spec"]["storage"], flat["spec"]["storage"])
    assert stored["spec"]["queryServiceName"] == "query"
    plane.kubectl("delete", "rag/ragengine-flat", "--timeout=10s")


def test_only_the_older_ragengine_is_called_deprecated(plane: RunningPlane) -> None:
    for name, warned in (("ragengine-v1alpha1", True), ("ragengine", False)):
        done = plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=shape_text(name))
        assert (DEPRECATED in done.err) is warned


@pytest.mark.parametrize(
    ("asked", "name", "head", "row"),
    [
        (
            ("is", "isets", "inferenceset"),
            "inferenceset",
            ["NAME", "REPLICAS", "READYREPLICAS", "AGE"],
            ["llama-3-1-8b", "2"],
        ),
        (
            ("rag", "ragengine"),
            "ragengine",
            ["NAME", "INSTANCE", "RESOURCEREADY", "SERVICEREADY", "AGE"],
            ["ragengine-start", "Standard_NV36ads_A10_v5", "False"],
        ),
        (
            ("modelmirror", "modelmirrors"),
            "modelmirror",
            ["NAME", "MODEL", "PHASE", "AGE"],
            ["7aceaf", "microsoft/phi-4"],
        ),
        (
            ("mri", "kaito"),
            "multiroleinference",
            ["NAME", "MODEL", "READY", "AGE"],
            ["deepseek-v3-pd", "deepseek-ai/DeepSeek-V3", "False"],
        ),
    ],
)
def test_short_names_categories_and_columns_are_those_that_users_know(
    plane: RunningPlane, asked: tuple[str, ...], name: str, head: list[str], row: list[str]
) -> None:
    manifest = shape(name)
    plane.kubectl("apply", "-f", "-", stdin=shape_text(name))
    for condition in READY.get(manifest["kind"], ()):
        plane.kubectl("wait", reference(manifest), f"--for=condition={condition}=False")
    for word in asked:
        first, second = plane.kubectl("get", word).out.splitlines()
        assert first.split() == head
        assert second.split()[: len(row)] == row
    plane.kubectl("delete", "-f", "-", "--timeout=10s", stdin=shape_text(name))


def test_an_inferenceset_can_be_scaled(plane: RunningPlane) -> None:
    plane.kubectl("apply", "-f", "-", stdin=shape_text("inferenceset"))
    plane.kubectl("scale", "is/llama-3-1-8b", "--current-replicas=2", "--replicas=5")
    found = plane.get("is/llama-3-1-8b")
    assert found["spec"]["replicas"] == 5
    refused = plane.kubectl("patch", "is/llama-3-1-8b", "--subresource=scale", "--type=merge",
                            "-p", '{"spec": {"replicas": -1}}', check=False)  # fmt: skip
    assert refused.code == 1
    assert "must be 0 or more" in refused.err
    plane.kubectl("delete", "is/llama-3-1-8b", "--timeout=10s")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("inferencesets.spec.autoUpgrade.maintenanceWindow", "schedule\t<string> -required-"),
        ("ragengines.spec.storage", "Deprecated, from v1alpha1"),
        ("modelmirrors.spec", "Cannot be changed."),
        ("mri.spec.roles", "enum: decode, prefill"),
    ],
)
def test_kubectl_explains_every_kind(plane: RunningPlane, field: str, said: str) -> None:
    assert said in plane.kubectl("explain", field).out


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown field": (
        "inferenceset",
        {"spec__template__inferense": {}},
        'unknown field "spec.template.inferense"',
    ),
    "cron": (
        "inferenceset",
        {"spec__autoUpgrade__maintenanceWindow__schedule": "every sunday"},
        "spec.autoUpgrade.maintenanceWindow.schedule: invalid cron expression: expected 5 fields",
    ),
    "duration": (
        "inferenceset",
        {"spec__autoUpgrade__maintenanceWindow__duration": "-1h"},
        "spec.autoUpgrade.maintenanceWindow.duration: '-1h' must be a positive duration",
    ),
    "model of a replica": (
        "inferenceset",
        {"spec__template__inference__preset__name": "llama-3.1-8b-instuct"},
        "'llama-3.1-8b-instuct'; did you mean llama-3.1-8b-instruct",
    ),
    "replicas": (
        "inferenceset",
        {"spec__replicas": -1},
        "spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal",
    ),
    "no template": ("inferenceset", {"spec__template": None}, "spec.template: Required value"),
    "one role": ("multiroleinference", {"spec__roles": [{"type": "prefill"}]}, "spec.roles: "),
    "twice the same role": (
        "multiroleinference",
        {"spec__roles": [{"type": "prefill"}, {"type": "prefill"}]},
        "spec.roles: missing decode role: exactly one prefill and one decode role required",
    ),
    "selects nothing": (
        "multiroleinference",
        {"spec__labelSelector": {}},
        "spec.labelSelector: labelSelector must have at least one matchLabels or",
    ),
    "no embedding": ("ragengine", {"spec__embedding": None}, "spec.embedding: Required value"),
    "two embeddings": (
        "ragengine",
        {"spec__embedding__remote": {"url": "http://embed"}},
        "spec.embedding: Either remote embedding or local embedding must be specified, but not",
    ),
    "url": (
        "ragengine",
        {"spec__inferenceService__url": "workspace/v1"},
        "spec.inferenceService.url: URL input error: must be an http or https address",
    ),
    "static with a source": (
        "modelmirror",
        {"spec__mode": "Static", "spec__storage": None},
        "spec.source: must not be set with mode Static",
    ),
    "size": (
        "modelmirror",
        {"spec__storage__size": "lots"},
        "spec.storage.size: must be a quantity such as 107Gi, not 'lots'",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_by_one_line(
    plane: RunningPlane, case: tuple[str, dict[str, Any], str]
) -> None:
    name, values, said = case
    manifest = changed(shape(name), **values)
    done = plane.kubectl("apply", "-f", "-", stdin=json.dumps(manifest), check=False)
    assert done.code == 1
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert plane.kubectl("get", reference(manifest), check=False).code == 1


def test_what_may_not_change_stays(plane: RunningPlane) -> None:
    for name, values, said in (
        ("modelmirror", {"spec__storage__size": "1Gi"}, "spec: ModelMirror spec is immutable"),
        ("multiroleinference", {"spec__model__name": "a/b"}, "spec.model.name: model name is imm"),
        ("ragengine", {"spec__compute": None}, "spec.compute: Compute resources cannot be removed"),
    ):
        plane.kubectl("apply", "-f", "-", stdin=shape_text(name))
        new = json.dumps(changed(shape(name), **values))
        done = plane.kubectl("apply", "-f", "-", stdin=new, check=False)
        assert (done.code, said in done.err) == (1, True)
        plane.kubectl("delete", "-f", "-", "--timeout=10s", stdin=shape_text(name))
