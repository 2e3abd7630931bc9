"""Defaults that depend on other fields."""

from typing import Any

import pytest

from kaito.api.meta import Manifest
from kaito.local.schema.builtin import apply_builtin_defaults, builtin_schema
from kaito.local.schema.validate import apply_defaults, validate


def completed(group: str, kind: str, **fields: Any) -> Manifest:
    """A valid object of the kind as it is stored."""
    schema = builtin_schema(group, "v1", kind)
    manifest = apply_defaults(schema, {"kind": kind, "metadata": {"name": "x"}, **fields})
    assert validate(schema, manifest) == ()
    return apply_builtin_defaults(group, kind, manifest)


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:00", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    pod = completed("", "Pod", spec={"containers": [{"name": "a", "image": image}]})
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_pod_requests_follow_limits_and_volumes_get_an_empty_directory() -> None:
    container = {
        "name": "a",
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}},
    }
    pod = completed("", "Pod", spec={"containers": [container], "volumes": [{"name": "v"}]})
    requests = pod["spec"]["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "1", "memory": "1Gi"}
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert pod["spec"]["enableServiceLinks"] is True


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a"}]}}
SELECTOR = {"matchLabels": {"a": "b"}}


def test_deployment_rolls_by_quarters_unless_it_recreates() -> None:
    spec = {"selector": SELECTOR, "template": TEMPLATE}
    rolling = completed("apps", "Deployment", spec=spec)["spec"]
    assert rolling["replicas"] == 1
    assert rolling["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    recreating = completed("apps", "Deployment", spec={**spec, "strategy": {"type": "Recreate"}})
    assert recreating["spec"]["strategy"] == {"type": "Recreate"}


def test_stateful_set_claims_say_what_they_are() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {}}
    spec = {
        "serviceName": "x",
        "selector": SELECTOR,
        "template": TEMPLATE,
        "volumeClaimTemplates": [claim],
    }
    stored = completed("apps", "StatefulSet", spec=spec)["spec"]
    assert stored["volumeClaimTemplates"][0]["kind"] == "PersistentVolumeClaim"
    assert stored["volumeClaimTemplates"][0]["spec"]["volumeMode"] == "Filesystem"
    assert stored["updateStrategy"]["rollingUpdate"] == {"partition": 0}


def test_job_runs_once_by_default() -> None:
    template = {"spec": {"containers": [{"name": "a"}], "restartPolicy": "Never"}}
    spec = completed("batch", "Job", spec={"template": template})["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)


def test_service_ports_target_themselves() -> None:
    spec = completed("", "Service", spec={"ports": [{"port": 80}]})["spec"]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert spec["type"] == "ClusterIP"
    assert spec["internalTrafficPolicy"] == "Cluster"


def test_namespaces_are_labelled_with_their_name() -> None:
    labels = completed("", "Namespace")["metadata"]["labels"]
    assert labels == {"kubernetes.io/metadata.name": "x"}


def test_given_manifest_is_not_changed() -> None:
    service = {"metadata": {}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}}
    apply_builtin_defaults("", "Service", service)
    assert service == {"metadata": {}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}}


def test_nulls_that_were_not_pruned_count_as_absent() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": None}
    spec = {"selector": SELECTOR, "template": TEMPLATE, "strategy": strategy}
    stored = completed("apps", "Deployment", spec=spec)["spec"]["strategy"]
    assert stored["rollingUpdate"]["maxSurge"] == "25%"
