"""From a NodeClaim to a machine and back, in simulated time, with everything that may go wrong."""

from datetime import timedelta

import pytest
from memory_cloud import NODE_LABEL, Group
from tests.integration.provisioner.worlds import A100, world

from kaito.api.core import NODES, PODS
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import CONDITIONS, NODECLAIMS, TERMINATION_FINALIZER
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import MachineRequest

NAME = "ws1a2b3c4d5"


def pod(name: str, node: str, **meta: object) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", **meta},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]},
    }


async def test_a_claim_becomes_a_machine_with_a_node_that_carries_what_was_asked() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        claim = await it.claim(NAME)
        assert [c.type for c in claim.status.conditions if c.is_true] == list(CONDITIONS)
        assert claim.status.node_name == f"node-{NAME}"
        assert claim.status.provider_id == f"memory:///{NAME}"
        assert claim.status.capacity["nvidia.com/gpu"] == "8"
        request = it.cloud.groups[NAME].request
        assert (request.instance_type, request.disk_gib, request.gpus) == (A100, 107, 1)
        node = await it.simulation.user.get(NODES, Key("", f"node-{NAME}"))
        assert node.metadata.labels == {
            NODE_LABEL: NAME,
            "kaito.sh/workspace": "phi",
            "karpenter.sh/nodepool": "kaito",
            "karpenter.azure.com/sku-name": A100,
        }
        assert [(t.key, t.value, t.effect) for t in node.spec.taints] == [
            ("sku", "gpu", "NoSchedule")
        ]


async def test_events_tell_each_step_once() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(400)
        assert [event.reason for event in await it.events()].count("Launched") == 1
        assert {e.reason for e in await it.events()} == {"Launched", "Registered", "Initialized"}


async def test_claims_of_another_class_are_left_alone() -> None:
    async with world() as it:
        await it.ask(NAME, group="karpenter.azure.com")
        await it.simulation.run(120)
        claim = await it.claim(NAME)
        assert (claim.metadata.finalizers, claim.status.conditions) == ((), ())
        assert it.cloud.calls == []


async def test_a_claim_that_names_no_single_type_is_told_so_and_costs_nothing() -> None:
    async with world() as it:
        await it.simulation.apply(
            NODECLAIMS,
            {
                "apiVersion": "karpenter.sh/v1",
                "kind": "NodeClaim",
                "metadata": {"name": NAME},
                "spec": {"nodeClassRef": {"group": "kaito.sh", "kind": "KaitoNodeClass"}},
            },
        )
        await it.simulation.run(30)
        found = await it.condition(NAME, "Launched")
        assert (found.status, found.reason) == ("False", "InvalidMachineRequest")
        assert f"NodeClaim {NAME} does not require exactly one" in found.message
        assert it.cloud.launches == []


REFUSALS = [
    # kind, status, whether Ready says so, too
    (FailureKind.CAPACITY, "False"),
    (FailureKind.QUOTA, "False"),
    (FailureKind.UNAUTHORIZED, "False"),
    (FailureKind.NOT_FOUND, "False"),
    (FailureKind.INVALID, "False"),
    (FailureKind.THROTTLED, "Unknown"),
    (FailureKind.UNAVAILABLE, "Unknown"),
]


@pytest.mark.parametrize(("kind", "status"), REFUSALS, ids=str)
async def test_a_refusal_becomes_the_condition_in_the_clouds_words_within_ten_seconds(
    kind: FailureKind, status: str
) -> None:
    async with world() as it:
        it.cloud.refuse = lambda call, _: (
            CloudFailure(kind, "the cloud's\n  own words") if call == "launch" else None
        )
        await it.ask(NAME)
        await it.simulation.run(10)
        for type_ in ("Launched", "Ready"):
            found = await it.condition(NAME, type_)
            assert (found.status, found.reason) == (status, kind.value)
            assert found.message.startswith("the cloud's own words; ")


@pytest.mark.parametrize("kind", [k for k, _ in REFUSALS if not k.is_final])
async def test_a_cloud_that_refused_is_asked_again_but_not_pestered(kind: FailureKind) -> None:
    async with world() as it:
        failures = [CloudFailure(kind, "no")] * 3
        it.cloud.refuse = lambda call, _: failures.pop() if call == "launch" and failures else None
        await it.ask(NAME)
        await it.simulation.run(3000, step=5)
        assert (await it.claim(NAME)).is_ready
        assert [call for call, _ in it.cloud.calls].count("launch") == 4
        assert len(it.cloud.launches) == 1


async def test_what_cannot_help_is_not_asked_again_until_a_restart() -> None:
    async with world() as it:
        it.cloud.refuse = lambda call, _: (
            CloudFailure(FailureKind.INVALID, "no such type") if call == "launch" else None
        )
        await it.ask(NAME)
        await it.simulation.run(3000, step=5)
        assert [call for call, _ in it.cloud.calls].count("launch") == 1
        await it.simulation.kill()
        await it.simulation.run(30)
        assert [call for call, _ in it.cloud.calls].count("launch") == 2


async def test_a_machine_that_fails_is_ended_told_and_asked_for_again() -> None:
    async with world() as it:
        failures = [CloudFailure(FailureKind.CAPACITY, "no p5 in this zone")]
        it.cloud.break_down = lambda _: failures.pop() if failures else None
        await it.ask(NAME)
        await it.simulation.run(80)
        found = await it.condition(NAME, "Launched")
        assert (found.status, found.reason) == ("False", "InsufficientCapacity")
        assert found.message.startswith("no p5 in this zone; ")
        await it.simulation.run(600, step=5)
        assert (await it.claim(NAME)).is_ready
        assert len(it.cloud.launches) == 2


async def test_a_machine_that_vanishes_is_told_and_not_replaced_behind_peoples_back() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        del it.cloud.groups[NAME]
        await it.simulation.run(400, step=5)
        for type_ in ("Launched", "Ready"):
            found = await it.condition(NAME, type_)
            assert (found.status, found.reason) == ("False", "MachineVanished")
        assert found.message == (
            f"memory has no machine {NAME} any more; delete this NodeClaim to have another made"
        )
        assert len(it.cloud.launches) == 1


async def test_a_machine_that_is_missing_for_a_moment_is_believed_to_be_there() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(40)
        kept = it.cloud.groups.pop(NAME)
        await it.simulation.run(10)
        assert (await it.condition(NAME, "Launched")).reason == "MachineMissing"
        it.cloud.groups[NAME] = kept
        await it.simulation.run(120)
        assert (await it.claim(NAME)).is_ready
        assert len(it.cloud.launches) == 1


async def test_a_node_that_never_comes_is_told_after_a_quarter_of_an_hour() -> None:
    async with world() as it:
        it.agents.registers = lambda _: False
        await it.ask(NAME)
        await it.simulation.run(120)
        found = await it.condition(NAME, "Registered")
        assert (found.status, found.reason) == ("Unknown", "NodeNotRegistered")
        assert (
            found.message == f"the machine is running; no Node with label {NODE_LABEL}={NAME} yet"
        )
        await it.simulation.run(900, step=5)
        found = await it.condition(NAME, "Ready")
        assert (found.status, found.reason) == ("False", "RegistrationTimeout")


async def test_a_node_that_is_not_ready_speaks_through_the_claim() -> None:
    async with world() as it:
        it.agents.is_ready = lambda _: False
        await it.ask(NAME)
        await it.simulation.run(120)
        found = await it.condition(NAME, "Initialized")
        assert found.message == f"node node-{NAME} is not Ready: container runtime is down"
        assert (await it.condition(NAME, "Registered")).is_true


async def test_a_gpu_machine_without_a_device_plugin_is_not_ready() -> None:
    async with world() as it:
        it.agents.gpus = lambda _: 0
        await it.ask(NAME)
        await it.simulation.run(120)
        found = await it.condition(NAME, "Ready")
        assert (found.status, found.reason) == ("Unknown", "ResourceNotRegistered")
        it.agents.gpus = lambda _: 8
        await it.simulation.run(30)
        assert (await it.claim(NAME)).is_ready


async def test_a_cloud_that_does_not_answer_changes_nothing_of_what_was_known() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        it.cloud.refuse = lambda _, __: CloudFailure(FailureKind.UNAVAILABLE, "down")
        await it.simulation.run(900, step=5)
        assert (await it.claim(NAME)).is_ready


async def test_a_deleted_claim_drains_then_ends_its_machine_then_goes() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        await it.simulation.apply(
            PODS, pod("phi-0", f"node-{NAME}", finalizers=["example.com/stays"])
        )
        agent = [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "d"}]
        await it.simulation.apply(PODS, pod("agent", f"node-{NAME}", ownerReferences=agent))
        await it.release(NAME)
        await it.simulation.run(30)
        found = await it.condition(NAME, "Drained")
        assert (found.status, found.reason) == ("Unknown", "WaitingForPods")
        assert found.message.startswith("waits for 1 pod: default/phi-0 to end, until ")
        node = await it.simulation.user.get(NODES, Key("", f"node-{NAME}"))
        assert node.spec.unschedulable
        assert it.cloud.groups[NAME].state == "running"
        end: Manifest = {"metadata": {"finalizers": []}}
        await it.simulation.user.patch(PODS, Key("default", "phi-0"), end)
        await it.simulation.run(20)
        assert (await it.condition(NAME, "InstanceTerminating")).is_true
        assert it.cloud.groups[NAME].state == "deleting"
        await it.simulation.run(60)
        assert await it.claims() == ()
        assert it.cloud.groups == {}
        assert not (await it.simulation.user.list(NODES)).items


async def test_pods_that_do_not_go_are_waited_for_five_minutes_and_named() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        await it.simulation.apply(
            PODS, pod("phi-0", f"node-{NAME}", finalizers=["example.com/stays"])
        )
        await it.release(NAME)
        await it.simulation.run(290)
        assert it.cloud.groups[NAME].state == "running"
        await it.simulation.run(90)
        assert await it.claims() == ()
        told = [e.message for e in await it.events() if e.reason == "DrainTimedOut"]
        assert told == [f"machine {NAME} ends with pods on it: 1 pod: default/phi-0"]


@pytest.mark.parametrize("kind", [FailureKind.UNAUTHORIZED, FailureKind.UNAVAILABLE])
async def test_a_claim_stays_until_the_cloud_has_ended_its_machine(kind: FailureKind) -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        it.cloud.refuse = lambda call, _: (
            CloudFailure(kind, "may not") if call == "terminate" else None
        )
        await it.release(NAME)
        await it.simulation.run(60)
        found = await it.condition(NAME, "InstanceTerminating")
        assert (found.is_true, found.reason) == (False, kind.value)
        assert TERMINATION_FINALIZER in (await it.claim(NAME)).metadata.finalizers
        it.cloud.refuse = lambda _, __: None
        await it.simulation.run(600, step=5)
        assert (await it.claims(), it.cloud.groups) == ((), {})


async def test_a_claim_whose_machine_was_never_made_goes_at_once() -> None:
    async with world() as it:
        it.cloud.refuse = lambda call, _: (
            CloudFailure(FailureKind.QUOTA, "no") if call == "launch" else None
        )
        await it.ask(NAME)
        await it.simulation.run(10)
        await it.release(NAME)
        await it.simulation.run(5)
        assert await it.claims() == ()


async def test_an_orphaned_machine_is_ended_once_it_is_old_enough() -> None:
    async with world() as it:
        request = MachineRequest(name="wsorphan", claim_uid="gone", instance_type=A100)
        it.cloud.groups["wsorphan"] = Group(request, "gone", it.simulation.clock.now())
        it.sweep()
        await it.simulation.run(200)
        assert it.cloud.groups["wsorphan"].state == "running"
        await it.simulation.run(300)
        assert it.cloud.groups == {}
        told = [e for e in await it.events() if e.reason == "OrphanedMachine"]
        assert [e.involved_object.name for e in told] == ["wsorphan"]


async def test_a_sweep_leaves_machines_alone_that_have_a_claim_or_are_not_ours() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(10)
        old = it.simulation.clock.now() - timedelta(days=1)
        request = MachineRequest(name="system", claim_uid="", instance_type=A100)
        it.cloud.groups["system"] = Group(request, "", old, state="running")
        it.sweep()
        await it.simulation.run(900, step=5)
        assert {g.state for g in it.cloud.groups.values()} == {"running"}


async def test_a_name_that_somebody_else_took_is_told_and_never_ended() -> None:
    async with world() as it:
        request = MachineRequest(name=NAME, claim_uid="", instance_type=A100)
        it.cloud.groups[NAME] = Group(request, "", it.simulation.clock.now(), state="running")
        await it.ask(NAME)
        await it.simulation.run(20)
        found = await it.condition(NAME, "Launched")
        assert (found.status, found.reason) == ("False", "MachineNotOurs")
        assert found.message.endswith("is another provisioner answering KaitoNodeClass?")
        await it.release(NAME)
        await it.simulation.run(30)
        assert await it.claims() == ()
        assert it.cloud.groups[NAME].state == "running"


async def test_the_machine_of_an_earlier_claim_of_that_name_ends_before_another_is_made() -> None:
    async with world() as it:
        request = MachineRequest(name=NAME, claim_uid="earlier", instance_type=A100)
        it.cloud.groups[NAME] = Group(request, "earlier", it.simulation.clock.now())
        await it.ask(NAME)
        await it.simulation.run(10)
        assert (await it.condition(NAME, "Launched")).reason == "EarlierMachineEnding"
        await it.simulation.run(180)
        assert (await it.claim(NAME)).is_ready
        uid = (await it.claim(NAME)).metadata.uid
        assert it.cloud.launches == [uid]


async def test_what_another_provisioner_launched_for_a_claim_is_taken_over() -> None:
    async with world() as it:
        request = MachineRequest(name=NAME, claim_uid="", instance_type=A100)
        it.cloud.groups[NAME] = Group(request, "", it.simulation.clock.now(), state="running")
        await it.simulation.operator.stop()
        await it.ask(NAME)
        launched = {"type": "Launched", "status": "True", "reason": "Launched"}
        await it.simulation.user.patch(
            NODECLAIMS, Key("", NAME), {"status": {"conditions": [launched]}}, subresource="status"
        )
        await it.simulation.kill()
        await it.simulation.run(30)
        assert (await it.claim(NAME)).is_ready
        await it.release(NAME)
        await it.simulation.run(90)
        assert (await it.claims(), it.cloud.groups) == ((), {})


async def test_a_served_claim_costs_the_cloud_one_question_in_five_minutes() -> None:
    async with world() as it:
        await it.ask(NAME)
        await it.simulation.run(120)
        it.cloud.calls.clear()
        writes = it.simulation.server.store.revision
        await it.simulation.run(3000, step=5)
        assert 9 <= len(it.cloud.calls) <= 12
        assert it.simulation.server.store.revision == writes
