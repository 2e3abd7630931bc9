"""Server-side apply and the tracking of other writes, case by case and by properties."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.api.meta import Manifest
from kaito.local.schema.builtin import builtin_schema
from kaito.local.schema.field_paths import to_display
from kaito.local.schema.managed_fields import parse_managers
from kaito.local.schema.ownership import ApplyConflict, SsaResult, apply_ssa, track_update
from kaito.local.schema.patches import PatchError
from kaito.local.schema.structure import OPEN, Schema
from kaito.local.schema.validate import apply_defaults

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Json = Any

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DEPLOYMENT = builtin_schema("apps", "v1", "Deployment")
POD = builtin_schema("", "v1", "Pod")


def applied(
    live: Manifest | None,
    config: Manifest,
    manager: str = "kubectl",
    *,
    schema: Schema = DEPLOYMENT,
    force: bool = False,
    at: datetime = NOW,
    subresource: str = "",
) -> SsaResult:
    """What an apply of the configuration leads to, checking that its inputs stay as they are."""
    before = copy.deepcopy((live, config))
    result = apply_ssa(
        live=live,
        applied=config,
        manager=manager,
        schema=schema,
        force=force,
        operation_time=at,
        api_version="apps/v1",
        subresource=subresource,
    )
    assert (live, config) == before
    return result


def updated(
    old: Manifest | None,
    new: Manifest,
    manager: str = "editor",
    *,
    schema: Schema = DEPLOYMENT,
    at: datetime = NOW,
    subresource: str = "",
) -> Manifest:
    """What a write that is no apply leads to."""
    return track_update(
        old=old,
        new=new,
        manager=manager,
        operation="Update",
        schema=schema,
        time=at,
        api_version="apps/v1",
        subresource=subresource,
    )


def owned(manifest: Manifest) -> dict[str, list[str]]:
    """The fields that each manager owns; those of appliers have a `!` before their name."""
    return {
        ("!" if m.operation == "Apply" else "") + m.name: [
            to_display(path) for path in m.fields.paths()
        ]
        for m in parse_managers(manifest)
    }


def deployment(**spec: Json) -> Manifest:
    """A configuration that states only some of the spec."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": spec,
    }


def with_containers(*containers: Manifest) -> Manifest:
    """A configuration that states the containers of the template."""
    return deployment(template={"spec": {"containers": list(containers)}})


def containers_of(manifest: Manifest) -> list[Manifest]:
    """The containers of the template."""
    found: list[Manifest] = manifest["spec"]["template"]["spec"]["containers"]
    return found


def test_apply_creates_and_owns_what_it_states() -> None:
    result = applied(None, deployment(replicas=2))
    assert result.changed
    assert owned(result.manifest) == {"!kubectl": [".spec.replicas"]}
    entry = result.manifest["metadata"]["managedFields"][0]
    assert entry == {
        "manager": "kubectl",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }


def test_applying_the_same_again_later_changes_nothing() -> None:
    config = with_containers({"name": "a", "image": "x", "ports": [{"containerPort": 80}]})
    live = apply_defaults(DEPLOYMENT, applied(None, config).manifest)
    result = applied(live, config, at=LATER)
    assert not result.changed
    assert result.manifest == live


def test_changing_a_field_of_another_is_a_conflict() -> None:
    live = updated(None, deployment(replicas=2), "kubectl-create")
    with pytest.raises(ApplyConflict) as caught:
        applied(live, deployment(replicas=3), "kubectl")
    assert str(caught.value) == (
        'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: .spec.replicas'
    )
    assert caught.value.conflicts[0].cause == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl-create" using apps/v1',
        "field": ".spec.replicas",
    }


def test_several_conflicts_are_listed_by_manager() -> None:
    live = updated(None, with_containers({"name": "a", "image": "x"}), "creator")
    live = updated(live, {**live, "status": {"replicas": 1}}, "kubelet", subresource="status")
    live = applied(live, deployment(replicas=1), "helm").manifest
    config = with_containers({"name": "a", "image": "y"})
    config["spec"]["replicas"] = 2
    config["status"] = {"replicas": 3}
    with pytest.raises(ApplyConflict) as caught:
        applied(live, config)
    assert str(caught.value) == (
        "Apply failed with 3 conflicts: "
        'conflicts with "creator" using apps/v1:\n'
        '- .spec.template.spec.containers[name="a"].image\n'
        'conflicts with "helm":\n'
        "- .spec.replicas\n"
        'conflicts with "kubelet" with subresource "status" using apps/v1:\n'
        "- .status.replicas"
    )


def test_force_takes_the_field_over() -> None:
    live = updated(None, deployment(replicas=2, paused=True), "creator")
    result = applied(live, deployment(replicas=3), force=True).manifest
    assert result["spec"]["replicas"] == 3
    assert owned(result) == {"!kubectl": [".spec.replicas"], "creator": [".spec.paused"]}


def test_same_value_is_shared() -> None:
    live = applied(None, deployment(replicas=2), "one").manifest
    shared = applied(live, deployment(replicas=2), "two").manifest
    assert owned(shared) == {"!one": [".spec.replicas"], "!two": [".spec.replicas"]}
    given_up = applied(shared, deployment(), "two").manifest
    assert given_up["spec"]["replicas"] == 2
    gone = applied(given_up, deployment(), "one").manifest
    assert "replicas" not in gone["spec"]


def test_field_no_longer_applied_is_removed_with_its_defaults() -> None:
    first = with_containers({"name": "a", "image": "x"}, {"name": "b", "image": "y"})
    live = apply_defaults(DEPLOYMENT, applied(None, first).manifest)
    result = applied(live, with_containers({"name": "a"})).manifest
    (container,) = containers_of(result)
    assert container["name"] == "a"
    assert "image" not in container
    assert container["terminationMessagePath"] == "/dev/termination-log"


def test_field_of_an_updater_survives_when_the_applier_gives_it_up() -> None:
    live = applied(None, deployment(replicas=2, paused=True)).manifest
    live = updated(live, {**live, "spec": {**live["spec"], "replicas": 5}}, "scaler")
    result = applied(live, deployment(paused=True)).manifest
    assert result["spec"] == {"replicas": 5, "paused": True}
    assert owned(result) == {"!kubectl": [".spec.paused"], "scaler": [".spec.replicas"]}


def test_items_of_others_stay_where_they_are() -> None:
    live = updated(None, with_containers({"name": "sidecar"}, {"name": "b"}), "injector")
    result = applied(live, with_containers({"name": "a"}, {"name": "b", "image": "x"})).manifest
    assert [c["name"] for c in containers_of(result)] == ["sidecar", "a", "b"]


def test_labels_and_finalizers_are_merged_but_selectors_replaced() -> None:
    base = deployment(selector={"matchLabels": {"a": "1"}})
    base["metadata"] |= {"labels": {"a": "1"}, "finalizers": ["x/one"]}
    live = updated(None, base, "creator")
    config = deployment(selector={"matchLabels": {"b": "2"}})
    config["metadata"] |= {"labels": {"b": "2"}, "finalizers": ["x/two"]}
    result = applied(live, config, force=True).manifest
    assert result["metadata"]["labels"] == {"a": "1", "b": "2"}
    assert result["metadata"]["finalizers"] == ["x/one", "x/two"]
    assert result["spec"]["selector"] == {"matchLabels": {"b": "2"}}


def test_ports_are_told_apart_by_their_defaulted_protocol() -> None:
    port = {"containerPort": 80, "protocol": "TCP"}
    live = updated(None, with_containers({"name": "a", "ports": [port]}), "creator")
    config = with_containers({"name": "a", "ports": [{"containerPort": 80, "name": "http"}]})
    assert containers_of(applied(live, config).manifest)[0]["ports"] == [{**port, "name": "http"}]


def test_metadata_of_the_server_is_never_taken_from_a_configuration() -> None:
    live = updated(None, deployment(replicas=1), "creator")
    live["metadata"] |= {"uid": "1", "resourceVersion": "7", "generation": 3}
    config = deployment(replicas=1)
    config["metadata"] |= {"uid": "2", "resourceVersion": "6", "creationTimestamp": None}
    result = applied(live, config).manifest
    assert result["metadata"]["uid"] == "1"
    assert result["metadata"]["resourceVersion"] == "7"
    assert owned(result)["!kubectl"] == [".spec.replicas"]


def test_object_without_managers_belongs_to_whoever_was_before() -> None:
    with pytest.raises(
        ApplyConflict, match=r'"before-first-apply" using apps/v1: \.spec\.replicas'
    ):
        applied(deployment(replicas=1), deployment(replicas=2))


def test_status_is_applied_apart_from_the_rest() -> None:
    live = applied(None, deployment(replicas=1)).manifest
    config = {**deployment(replicas=9), "status": {"readyReplicas": 1}}
    result = applied(live, config, subresource="status").manifest
    assert result["spec"]["replicas"] == 1
    entries = result["metadata"]["managedFields"]
    assert [entry.get("subresource") for entry in entries] == [None, "status"]
    assert entries[1]["fieldsV1"] == {"f:status": {"f:readyReplicas": {}}}


def test_nulls_in_a_configuration_state_nothing() -> None:
    live = applied(None, deployment(replicas=1)).manifest
    result = applied(live, deployment(replicas=None, paused=True)).manifest
    assert result["spec"] == {"paused": True}


def test_quantity_given_as_a_number_is_the_same_as_its_text() -> None:
    live = updated(None, with_containers({"name": "a", "resources": {"limits": {"cpu": "1"}}}))
    config = with_containers({"name": "a", "resources": {"limits": {"cpu": 1}}})
    assert containers_of(applied(live, config).manifest) == containers_of(live)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            with_containers({"name": "a"}, {"name": "a"}),
            r'duplicate entries for key \[name="a"\]',
        ),
        ({"metadata": {"managedFields": [{}]}}, "metadata.managedFields must be nil"),
    ],
)
def test_configuration_that_cannot_be_applied_is_refused(config: Manifest, said: str) -> None:
    live = updated(None, with_containers({"name": "a"}), "creator")
    with pytest.raises(PatchError, match=said):
        applied(live, config)


def test_create_owns_everything_but_identity() -> None:
    pod = {
        "metadata": {"name": "p", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}]},
    }
    assert owned(updated(None, pod, "kubectl-run", schema=POD))["kubectl-run"] == [
        ".metadata.labels",
        ".metadata.labels.a",
        '.spec.containers[name="a"]',
        '.spec.containers[name="a"].env',
        '.spec.containers[name="a"].env[name="X"]',
        '.spec.containers[name="a"].env[name="X"].name',
        '.spec.containers[name="a"].env[name="X"].value',
        '.spec.containers[name="a"].name',
    ]


def test_update_takes_over_what_it_changes_and_frees_what_it_removes() -> None:
    live = updated(None, deployment(replicas=1, paused=True, minReadySeconds=3), "creator")
    new = {**live, "spec": {"replicas": 2, "minReadySeconds": 3}}
    result = updated(live, new, "editor", at=LATER)
    assert owned(result) == {"creator": [".spec.minReadySeconds"], "editor": [".spec.replicas"]}
    times = {entry["manager"]: entry["time"] for entry in result["metadata"]["managedFields"]}
    assert times == {"creator": "2026-01-01T00:00:00Z", "editor": "2026-01-01T01:00:00Z"}


def test_update_that_changes_nothing_leaves_the_entries_alone() -> None:
    live = updated(None, deployment(replicas=1), "creator")
    assert updated(live, live, "editor", at=LATER) == live


def test_update_of_a_status_has_an_entry_of_its_own() -> None:
    live = updated(None, deployment(replicas=1), "operator")
    result = updated(live, {**live, "status": {"replicas": 1}}, "operator", subresource="status")
    assert [e.get("subresource") for e in result["metadata"]["managedFields"]] == [None, "status"]


def test_client_that_leaves_managed_fields_out_does_not_delete_them() -> None:
    live = updated(None, deployment(replicas=1), "creator")
    result = updated(live, deployment(replicas=1), "forgetful")
    assert owned(result) == {"creator": [".spec.replicas"]}


def test_client_may_write_managed_fields_itself_or_reset_them() -> None:
    live = updated(None, deployment(replicas=1), "kubectl-client-side-apply")
    entry = {**live["metadata"]["managedFields"][0], "manager": "kubectl", "operation": "Apply"}
    migrated = updated(
        live, {**live, "metadata": {**live["metadata"], "managedFields": [entry]}}, "kubectl"
    )
    assert owned(migrated) == {"!kubectl": [".spec.replicas"]}
    reset = updated(live, {**live, "metadata": {**live["metadata"], "managedFields": [{}]}}, "x")
    assert owned(reset) == {}


NAMES = st.sampled_from("abcd")
SPECS = st.recursive(
    st.integers(0, 2) | st.text("xy", max_size=1) | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.dictionaries(NAMES, SPECS, max_size=3)


def config_of(spec: Json) -> Manifest:
    """A configuration of an object whose shape nobody knows."""
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}


@PROPERTY
@given(CONFIGS, CONFIGS)
def test_applying_any_configuration_twice_is_the_same_as_once(first: Json, second: Json) -> None:
    live = applied(None, config_of(first), schema=OPEN).manifest
    once = applied(live, config_of(second), schema=OPEN).manifest
    assert not applied(once, config_of(second), schema=OPEN, at=LATER).changed


@PROPERTY
@given(CONFIGS, CONFIGS)
def test_a_sole_applier_always_gets_exactly_what_it_applied_last(first: Json, second: Json) -> None:
    live = applied(None, config_of(first), schema=OPEN).manifest
    result = applied(live, config_of(second), schema=OPEN).manifest
    assert result["spec"] == second


@PROPERTY
@given(CONFIGS, CONFIGS, CONFIGS)
def test_managers_of_different_fields_never_conflict(
    first: Json, second: Json, third: Json
) -> None:
    live = applied(None, config_of({"one": first}), "one", schema=OPEN).manifest
    live = applied(live, config_of({"two": second}), "two", schema=OPEN).manifest
    result = applied(live, config_of({"two": third}), "two", schema=OPEN).manifest
    assert result["spec"] == {"one": first, "two": third}


@PROPERTY
@given(CONFIGS, CONFIGS, CONFIGS)
def test_updates_leave_every_field_with_at_most_one_updater(
    first: Json, second: Json, third: Json
) -> None:
    live = None
    for manager, spec in (("one", first), ("two", second), ("three", third)):
        live = updated(live, {**(live or {}), **config_of(spec)}, manager, schema=OPEN)
    fields = [set(paths) for paths in owned(live or {}).values()]
    assert sum(map(len, fields)) == len(set().union(*fields))
