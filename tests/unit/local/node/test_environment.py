"""Which variables a container gets, and what is said when one cannot be had."""

from typing import Any

import pytest
from tests.unit.local.node.pods import PLACE, Known, make_pod

from kaito.local.node.environment import Surroundings, plan_environment
from kaito.local.node.errors import NotStartable

MACHINE = {"PATH": "/bin", "HOME": "/root", "HF_TOKEN": "mine", "PIP_INDEX_URL": "http://i"}


def environment(container: dict[str, Any], *, meta: Any = None, **known: Any) -> dict[str, str]:
    pod = make_pod(container, meta=meta)
    around = Surroundings(place=PLACE, sources=Known(**known), machine=MACHINE)
    return plan_environment(pod, pod.spec.containers[0], around)


def from_field(path: str) -> dict[str, Any]:
    return {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}]}


def from_resource(resource: str, **more: str) -> dict[str, Any]:
    reference = {"resource": resource, **more}
    return {"env": [{"name": "X", "valueFrom": {"resourceFieldRef": reference}}]}


def from_key(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    reference = {"name": name, "key": key, **more}
    return {"env": [{"name": "X", "valueFrom": {f"{kind}KeyRef": reference}}]}


def test_the_machine_lends_only_what_programs_need_to_find_their_way() -> None:
    found = environment({})
    assert found == {
        "PATH": "/bin",
        "HOME": "/root",
        "PIP_INDEX_URL": "http://i",
        "HOSTNAME": "web",
    }


def test_later_entries_win_over_earlier_ones() -> None:
    found = environment(
        {
            "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
            "env": [{"name": "THREE", "value": "env"}],
        },
        config_maps={"a": {"ONE": "map", "TWO": "map"}},
        secrets={"b": {"TWO": "secret", "THREE": "secret"}},
    )
    assert (found["ONE"], found["TWO"], found["THREE"]) == ("map", "secret", "env")


def test_values_may_refer_to_what_stands_before_them() -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2$(C)"},
        {"name": "C", "value": "3"},
    ]
    assert environment({"env": env})["B"] == "12$(C)"


def test_a_secret_is_never_expanded() -> None:
    found = environment(from_key("secret", "s", "k"), secrets={"s": {"k": "$(PATH)"}})
    assert found["X"] == "$(PATH)"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app.io/x']", "y"),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "box"),
        ("spec.serviceAccountName", "default"),
        ("status.podIP", "127.64.0.9"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_fields_of_the_pod_are_variables(path: str, wanted: str) -> None:
    assert environment(from_field(path), meta={"labels": {"app.io/x": "y"}})["X"] == wanted


def test_a_field_that_cannot_be_passed_is_named() -> None:
    with pytest.raises(NotStartable, match=r"spec\.containers"):
        environment(from_field("spec.containers"))


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        (from_resource("limits.cpu"), "2"),
        (from_resource("limits.cpu", divisor="1m"), "1500"),
        (from_resource("requests.memory", divisor="1Mi"), "100"),
        (from_resource("limits.memory", divisor="1Gi"), "8"),
        (from_resource("requests.nvidia.com/gpu"), "0"),
    ],
)
def test_amounts_are_rounded_up_and_limits_fall_back_to_the_node(
    reference: dict[str, Any], wanted: str
) -> None:
    resources = {"limits": {"cpu": "1500m"}, "requests": {"memory": "100Mi"}}
    assert environment({**reference, "resources": resources})["X"] == wanted


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (from_key("configMap", "none", "k"), 'configmap "none" not found'),
        (from_key("secret", "s", "none"), "couldn't find key none in Secret shop/s"),
        ({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found'),
    ],
)
def test_a_missing_reference_keeps_the_container_from_starting(
    container: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotStartable) as caught:
        environment(container, secrets={"s": {"k": "v"}})
    assert (caught.value.reason, str(caught.value)) == ("CreateContainerConfigError", message)


def test_an_optional_reference_may_lead_nowhere() -> None:
    container = {
        **from_key("secret", "none", "k", optional=True),
        "envFrom": [{"configMapRef": {"name": "none", "optional": True}}],
    }
    assert "X" not in environment(container)
