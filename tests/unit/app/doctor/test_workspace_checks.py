"""What the doctor says of one Workspace in a cluster."""

from typing import Any

import msgspec
import pytest
from tests.unit.app.doctor.cases import A100, cluster, facts, node, states, workspace

from kaito.api.core import ConfigMap, Namespace
from kaito.api.meta import ObjectMeta
from kaito.app.doctor.cluster_facts import ClusterFacts, Named, Subject
from kaito.app.doctor.finding import Finding, Unseen
from kaito.app.doctor.objects import Quota
from kaito.app.doctor.stage import in_cluster, out_of_reach
from kaito.app.doctor.subject_checks import check_subject
from kaito.app.operator.options import OperatorOptions

TOKEN = Named(name="hub", purpose="opens the model on the hub", key="HF_TOKEN")
DYING = Namespace(status=msgspec.structs.replace(Namespace().status, phase="Terminating"))


def quota(hard: str, used: str = "0") -> Quota:
    name = "requests.nvidia.com/gpu"
    return msgspec.convert(
        {"metadata": {"name": "team"}, "status": {"hard": {name: hard}, "used": {name: used}}},
        Quota,
    )


def checked(
    *,
    of: Any = None,
    where: ClusterFacts | None = None,
    options: OperatorOptions | None = None,
    **changes: Any,
) -> list[Finding]:
    subject = Subject(where="phi.yaml:1", manifest=of or workspace())
    stage = in_cluster(where or cluster(), options or OperatorOptions())
    return list(check_subject(facts(subject=subject, **changes), stage))


def test_a_workspace_that_will_run_gets_nothing_to_do() -> None:
    found = checked()
    assert {finding.state for finding in found} == {"ok"}
    assert {"manifest", "rights", "namespace", "instance", "plan", "capacity", "quota"} == set(
        states(found)
    )


@pytest.mark.parametrize(
    ("changes", "check", "state"),
    [
        ({"may_create": False}, "rights", "missing"),
        ({"may_create": Unseen("denied")}, "rights", "unknown"),
        ({"namespace": None}, "namespace", "missing"),
        ({"namespace": DYING}, "namespace", "missing"),
        ({"namespace": Unseen("denied")}, "namespace", "unknown"),
        ({"namespace": None, "beside": frozenset({("Namespace", "default")})}, "namespace", "ok"),
        ({"secrets": (TOKEN,)}, "secret", "missing"),
        ({"secrets": (TOKEN,), "beside": frozenset({("Secret", "hub")})}, "secret", "ok"),
        ({"quotas": (quota("1", "1"),)}, "quota", "missing"),
        ({"quotas": (quota("1"),)}, "quota", "ok"),
        ({"quotas": Unseen("denied")}, "quota", "unknown"),
        ({"live": workspace(), "quotas": (quota("1", "1"),)}, "manifest", "ok"),
    ],
)
def test_its_surroundings(changes: dict[str, Any], check: str, state: str) -> None:
    assert states(checked(**changes))[check] == state


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        (frozenset({"HF_TOKEN"}), "ok"),
        (frozenset({"token"}), "missing"),
        (None, "missing"),
        (Unseen("not permitted to get secrets"), "unknown"),
    ],
)
def test_a_secret_must_have_its_key(keys: Any, state: str) -> None:
    secret = Named(name="hub", purpose="opens the model", key="HF_TOKEN", keys=keys)
    assert states(checked(secrets=(secret,)))["secret"] == state


def test_every_fault_of_the_manifest_is_told_and_nothing_is_planned() -> None:
    broken = workspace(inference={"preset": {"name": "nothing"}}, bogus=1)
    found = checked(of=broken)
    assert states(found)["manifest"] == "missing"
    assert any("bogus" in finding.what for finding in found)
    assert "plan" not in states(found)


def test_an_instance_type_of_another_cloud_is_found() -> None:
    where = cluster(nodes=(node("a", gpus=0, provider="aws:///x/i-1"),))
    found = states(checked(where=where, options=OperatorOptions(cloud="aws")))
    assert found["instance"] == "missing"


def test_a_model_that_is_too_large_is_refused_with_the_way_out() -> None:
    options = {"modelAccessSecret": "hub"}
    small = workspace(
        resource={**workspace()["resource"], "instanceType": "Standard_NC6s_v3"},
        inference={"preset": {"name": "llama-3.3-70b-instruct", "presetOptions": options}},
    )
    found = {finding.check: finding for finding in checked(of=small)}
    assert (found["manifest"].state, found["plan"].state) == ("ok", "missing")
    assert found["plan"].next == "kaito plan llama-3.3-70b-instruct --all"
    assert "capacity" not in found


def test_nodes_that_are_there_are_used_before_any_is_asked_for() -> None:
    there = node(
        "mine",
        labels={
            **A100,
            "apps": "phi",
            "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4",
        },
    )
    found = {f.check: f.what for f in checked(where=cluster(nodes=(there,)))}
    assert found["capacity"] == "fits on mine"
    found = {f.check: f.what for f in checked(where=cluster(nodes=()))}
    assert found["capacity"] == "1 new Standard_NC24ads_A100_v4 would be asked for"


def test_without_anybody_who_makes_nodes_those_that_are_there_must_do() -> None:
    own = workspace(resource={"labelSelector": {"matchLabels": {"apps": "phi"}}})
    byo = OperatorOptions(provisioner="byo")
    short = checked(of=own, where=cluster(nodes=(), definitions={}), options=byo)
    assert states(short)["plan"] == "missing"
    there = cluster(nodes=(node("mine", labels={**A100, "apps": "phi"}),), definitions={})
    assert states(checked(of=own, where=there, options=byo))["capacity"] == "ok"


def test_a_config_is_wanted_read_and_followed() -> None:
    named = workspace(inference={"preset": {"name": "phi-4"}, "config": "settings"})
    absent = states(checked(of=named))
    assert (absent["config"], absent["plan"]) == ("missing", "unknown")
    named_so = ObjectMeta(name="settings", namespace="default")
    unread = {f.check: f for f in checked(of=named, config=Unseen("denied"))}
    assert (unread["config"].state, unread["plan"].state) == ("unknown", "unknown")
    assert "does not exist" not in unread["plan"].what
    good = ConfigMap(
        metadata=named_so, data={"inference_config.yaml": "vllm:\n  max-model-len: 4096\n"}
    )
    found = {f.check: f for f in checked(of=named, config=good)}
    assert (found["config"].state, found["plan"].state) == ("ok", "ok")
    assert "4096" in found["plan"].what
    bad = ConfigMap(metadata=named_so, data={"inference_config.yaml": "vllm: [1]\n"})
    assert states(checked(of=named, config=bad))["manifest"] == "missing"


def test_out_of_reach_only_the_manifest_and_its_plan_are_judged() -> None:
    subject = Subject(where="phi.yaml:1", manifest=workspace())
    stage = out_of_reach(cluster().now)
    found = states(check_subject(facts(subject=subject, is_offline=True), stage))
    assert found == {"manifest": "ok", "plan": "ok", "capacity": "unknown"}
