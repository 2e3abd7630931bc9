"""What every provisioner must keep, whichever way it makes nodes appear."""

from dataclasses import replace

import msgspec
import pytest

from kaito.api.core import Node
from kaito.api.meta import Manifest, Object, ObjectMeta
from kaito.api.nodeclaim import CONDITIONS, NodeClaim
from kaito.provision.nodeclaim import NodeClaimProvisioner, NodeClass
from kaito.provision.port import Provisioner, Wanted

PROVISIONERS: tuple[Provisioner, ...] = (
    NodeClaimProvisioner(NodeClass(group="kaito.sh", kind="KaitoNodeClass")),
)
WANTED = Wanted(
    owner=Object(metadata=ObjectMeta(name="w", namespace="ns", uid="u1")),
    count=2,
    instance_type="Standard_NC6s_v3",
    labels=(("apps", "w"),),
    memory_bytes=4 * 1024**3,
    storage_bytes=80 * 1024**3,
)

provisioners = pytest.mark.parametrize("provisioner", PROVISIONERS, ids=lambda p: type(p).__name__)


def claims_of(provisioner: Provisioner, wanted: Wanted = WANTED) -> list[Manifest]:
    return [dict(manifest) for manifest in provisioner.render_claims(wanted)]


def parsed(manifests: list[Manifest]) -> tuple[NodeClaim, ...]:
    return tuple(msgspec.convert(manifest, NodeClaim) for manifest in manifests)


def ready(manifest: Manifest, node: str) -> Manifest:
    conditions = [{"type": type_, "status": "True"} for type_ in CONDITIONS]
    return {**manifest, "status": {"nodeName": node, "conditions": conditions}}


def failed(manifest: Manifest) -> Manifest:
    condition = {
        "type": "Launched",
        "status": "False",
        "reason": "QuotaExceeded",
        "message": "quota NC6s_v3 is 0 in westeurope",
    }
    return {**manifest, "status": {"conditions": [condition]}}


def node(name: str, status: str = "True") -> Node:
    document = {
        "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": status}]},
    }
    return msgspec.convert(document, Node)


@provisioners
def test_the_same_wish_asks_for_the_same_machines_and_another_owner_for_others(
    provisioner: Provisioner,
) -> None:
    names = [claim["metadata"]["name"] for claim in claims_of(provisioner)]
    assert names == [claim["metadata"]["name"] for claim in claims_of(provisioner)]
    assert len(set(names)) == 2
    again = replace(WANTED, owner=Object(metadata=ObjectMeta(name="w", namespace="ns", uid="u2")))
    assert not set(names) & {c["metadata"]["name"] for c in claims_of(provisioner, again)}


@provisioners
def test_growing_keeps_the_machines_that_are_there(provisioner: Provisioner) -> None:
    grown = claims_of(provisioner, replace(WANTED, count=3))
    assert grown[:2] == claims_of(provisioner)


@provisioners
def test_nodes_are_ready_only_when_every_one_is(provisioner: Provisioner) -> None:
    first, second = claims_of(provisioner)
    waiting = provisioner.assess(WANTED, parsed([ready(first, "n1"), second]), (node("n1"),))
    assert waiting.state == "claims pending"
    assert second["metadata"]["name"] in waiting.message
    both = parsed([ready(first, "n1"), ready(second, "n2")])
    half = provisioner.assess(WANTED, both, (node("n1"), node("n2", "False")))
    assert (half.state, half.nodes) == ("nodes pending", ("n1",))
    assert "n2" in half.message
    done = provisioner.assess(WANTED, both, (node("n1"), node("n2")))
    assert (done.state, done.nodes) == ("ready", ("n1", "n2"))


@provisioners
def test_a_failure_is_told_in_the_providers_words_at_once(provisioner: Provisioner) -> None:
    first, second = claims_of(provisioner)
    found = provisioner.assess(WANTED, parsed([ready(first, "n1"), failed(second)]), (node("n1"),))
    assert (found.state, found.reason) == ("failed", "QuotaExceeded")
    assert "quota NC6s_v3 is 0 in westeurope" in found.message


@provisioners
def test_what_is_not_wanted_any_more_is_surplus_and_what_is_going_is_not(
    provisioner: Provisioner,
) -> None:
    first, second = claims_of(provisioner)
    smaller = replace(WANTED, count=1)
    assert [c.metadata.name for c in provisioner.surplus(smaller, parsed([first, second]))] == [
        second["metadata"]["name"]
    ]
    second["metadata"] = {**second["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert provisioner.surplus(smaller, parsed([first, second])) == ()


@provisioners
def test_a_machine_that_runs_is_kept_when_the_wish_changes_and_an_unlaunched_one_is_not(
    provisioner: Provisioner,
) -> None:
    claims = parsed([ready(claims_of(provisioner)[0], "n1"), claims_of(provisioner)[1]])
    other = replace(WANTED, memory_bytes=8 * 1024**3)
    assert provisioner.surplus(other, claims) == (claims[1],)
