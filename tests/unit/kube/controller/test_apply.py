"""The executor against the real API server: what is done twice is done once."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaito.api.core import CONFIGMAPS, EVENTS, PODS, STATEFULSETS, StatefulSet
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import reading
from kaito.base.clock import SystemClock
from kaito.kube import errors
from kaito.kube.cache import FixedReader
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.kube.controller.apply import Executor
from kaito.kube.controller.decision import (
    Action,
    Apply,
    Create,
    Decision,
    Delete,
    Note,
    Patch,
    StatusWrite,
)
from kaito.kube.controller.recorder import Recorder
from kaito.local.apiserver.server import ApiServer

A = Key("default", "a")


def configmap(name: str = "a", **data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


async def apply(client: Client, decision: Decision) -> None:
    """What a loop does with a decision, its events written at once."""
    recorder = Recorder(client, component="test", clock=SystemClock())
    for note in await Executor(client, manager="test").apply(decision):
        await recorder.record(note)


async def carry_out(client: Client, *actions: Action) -> None:
    await apply(client, Decision(actions=actions))


async def data(client: Client) -> dict[str, str]:
    return (await client.get(CONFIGMAPS, A)).data


async def reasons(client: Client) -> list[str]:
    return [event.reason for event in (await client.list(EVENTS, namespace="default")).items]


async def statefulset(client: Client) -> StatefulSet:
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
    }
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template},
    }
    return await client.create(STATEFULSETS, manifest)


async def test_creating_what_is_there_changes_nothing_and_says_nothing(client: Client) -> None:
    about = await client.create(CONFIGMAPS, configmap("other"))
    note = Note(about=about, reason="Created", message="made it")
    await carry_out(client, Create(resource=CONFIGMAPS, manifest=configmap(x="1"), note=note))
    await carry_out(
        client,
        Create(
            resource=CONFIGMAPS,
            manifest=configmap(x="2"),
            note=Note(about=about, reason="CreatedAgain", message="made it"),
        ),
    )

    assert await data(client) == {"x": "1"}
    assert await reasons(client) == ["Created"]


async def test_applying_owns_exactly_the_fields_that_are_named(client: Client) -> None:
    await client.create(CONFIGMAPS, configmap(theirs="1"), manager="someone")
    await carry_out(client, Apply(resource=CONFIGMAPS, manifest=configmap(x="1", y="1")))
    await carry_out(client, Apply(resource=CONFIGMAPS, manifest=configmap(x="2")))

    assert await data(client) == {"theirs": "1", "x": "2"}


async def test_applying_what_should_be_new_leaves_alone_what_is_there(client: Client) -> None:
    await client.create(CONFIGMAPS, configmap(theirs="1"), manager="someone")
    ours = Apply(resource=CONFIGMAPS, manifest=configmap(theirs="2"), is_new=True)
    with pytest.raises(errors.AlreadyExists):
        await carry_out(client, ours)
    assert await data(client) == {"theirs": "1"}


async def test_what_was_applied_as_new_loses_a_field_that_is_named_no_more(client: Client) -> None:
    new = Apply(resource=CONFIGMAPS, manifest=configmap(x="1", y="1"), is_new=True)
    await carry_out(client, new)
    assert await data(client) == {"x": "1", "y": "1"}
    await carry_out(client, Apply(resource=CONFIGMAPS, manifest=configmap(x="2")))
    assert await data(client) == {"x": "2"}


@pytest.mark.parametrize(
    "action",
    [
        Patch(resource=CONFIGMAPS, key=A, patch={"data": {"x": "1"}}),
        Delete(resource=CONFIGMAPS, key=A, uid="any"),
    ],
)
async def test_what_is_gone_needs_no_change(client: Client, action: Action) -> None:
    await carry_out(client, action)

    assert (await client.list(CONFIGMAPS, namespace="default")).items == ()


def gate(patch: Manifest) -> Patch:
    return Patch(resource=STATEFULSETS, key=A, patch={"metadata": patch}, is_gate=True)


FINALIZER: Manifest = {"finalizers": ["example.com/mine"]}
BEHIND_IT = Create(resource=CONFIGMAPS, manifest=configmap("behind"))


async def is_behind_made(client: Client) -> bool:
    return bool((await client.list(CONFIGMAPS, namespace="default")).items)


async def test_behind_a_gate_the_status_is_written_onto_what_the_gate_has_made(
    client: Client,
) -> None:
    found = await statefulset(client)
    revision = found.metadata.resource_version
    write = StatusWrite(
        resource=STATEFULSETS, key=A, resource_version=revision, status={"replicas": 1}
    )
    opening = gate({**FINALIZER, "resourceVersion": revision})
    executor = Executor(client, manager="test")

    await executor.apply(Decision(actions=(opening, BEHIND_IT), status=write))

    live = await client.get(STATEFULSETS, A)
    assert (live.metadata.finalizers, live.status.replicas) == (("example.com/mine",), 1)
    assert await is_behind_made(client)
    assert executor.is_ahead_of(FixedReader([(STATEFULSETS, [found])]), A)
    assert not executor.is_ahead_of(FixedReader([(STATEFULSETS, [live])]), A)


async def test_a_cache_between_the_gate_and_the_status_is_as_outdated(client: Client) -> None:
    found = await statefulset(client)
    write = StatusWrite(
        resource=STATEFULSETS,
        key=A,
        resource_version=found.metadata.resource_version,
        status={"replicas": 1},
    )
    between: list[StatefulSet] = []

    async def look(_: object) -> None:
        between.append(await client.get(STATEFULSETS, A))

    executor = Executor(client, manager="test", carry_out=look)
    await executor.apply(Decision(actions=(gate(FINALIZER),), effects=(None,), status=write))

    assert between[0].metadata.finalizers
    assert executor.is_ahead_of(FixedReader([(STATEFULSETS, between)]), A)


async def test_nothing_is_made_behind_a_gate_for_what_is_gone(client: Client) -> None:
    with pytest.raises(errors.Conflict, match="is gone"):
        await carry_out(client, gate(FINALIZER), BEHIND_IT)
    assert not await is_behind_made(client)


async def test_nothing_is_made_behind_a_gate_for_what_is_being_deleted(client: Client) -> None:
    await statefulset(client)
    await client.patch(STATEFULSETS, A, {"metadata": {"finalizers": ["example.com/theirs"]}})
    await client.delete(STATEFULSETS, A)
    with pytest.raises(errors.Conflict, match="being deleted"):
        await carry_out(client, gate({"labels": {"x": "y"}}), BEHIND_IT)
    assert not await is_behind_made(client)


async def test_nothing_is_made_behind_a_gate_for_an_outdated_reading(client: Client) -> None:
    found = await statefulset(client)
    await client.patch(STATEFULSETS, A, {"metadata": {"labels": {"x": "y"}}})
    outdated = gate({**FINALIZER, "resourceVersion": found.metadata.resource_version})
    with pytest.raises(errors.Conflict):
        await carry_out(client, outdated, BEHIND_IT)
    assert not await is_behind_made(client)


async def test_a_successor_of_the_same_name_is_not_deleted(client: Client) -> None:
    await client.create(CONFIGMAPS, configmap())

    with pytest.raises(errors.Conflict):
        await carry_out(client, Delete(resource=CONFIGMAPS, key=A, uid="another"))

    assert (await client.get(CONFIGMAPS, A)).metadata.name == "a"


async def test_a_status_for_an_outdated_reading_is_refused_after_the_actions_were_done(
    client: Client,
) -> None:
    found = await statefulset(client)
    await client.patch(STATEFULSETS, A, {"metadata": {"labels": {"x": "y"}}})
    write = StatusWrite(
        resource=STATEFULSETS,
        key=A,
        resource_version=found.metadata.resource_version,
        status={"replicas": 1},
    )
    note = Note(about=found, reason="TooEarly", message="must not be told")
    create = Create(resource=CONFIGMAPS, manifest=configmap())

    with pytest.raises(errors.Conflict):
        await apply(client, Decision(actions=(create,), status=write, notes=(note,)))

    assert await data(client) == {}
    assert await reasons(client) == []


async def test_a_status_is_merged_and_events_follow_it(client: Client) -> None:
    found = await statefulset(client)
    await client.patch(STATEFULSETS, A, {"status": {"readyReplicas": 1}}, subresource="status")
    found = await client.get(STATEFULSETS, A)
    write = StatusWrite(
        resource=STATEFULSETS,
        key=A,
        resource_version=found.metadata.resource_version,
        status={"replicas": 1},
    )
    note = Note(about=found, reason="Reported", message="one replica")

    await apply(client, Decision(status=write, notes=(note,)))

    status = (await client.get(STATEFULSETS, A)).status
    assert (status.replicas, status.ready_replicas) == (1, 1)
    assert await reasons(client) == ["Reported"]


async def test_the_first_error_stops_what_comes_after(client: Client) -> None:
    broken = {**configmap("b"), "data": "no mapping"}

    with pytest.raises(errors.Invalid):
        await carry_out(
            client,
            Create(resource=CONFIGMAPS, manifest=broken),
            Create(resource=CONFIGMAPS, manifest=configmap()),
        )

    assert (await client.list(CONFIGMAPS, namespace="default")).items == ()


@pytest.mark.parametrize(("status", "reason"), [("False", "WriteRefused"), ("True", "Fine")])
async def test_what_is_refused_is_in_the_status_of_what_does_not_run_for_want_of_it(
    client: Client, status: str, reason: str
) -> None:
    live = await statefulset(client)
    conditions = [
        {"type": "Nodes", "status": "False", "reason": "Fine"},
        {"type": "Ready", "status": status, "reason": "Fine"},
    ]
    write = StatusWrite(
        resource=STATEFULSETS,
        key=live.key,
        resource_version=live.metadata.resource_version,
        status={"replicas": 0, "conditions": conditions},
        verdict="Ready",
    )
    broken = Create(resource=CONFIGMAPS, manifest={**configmap(), "data": 3})
    with pytest.raises(errors.Invalid) as refused:
        await apply(client, Decision(actions=(broken,), status=write))

    found = (await client.request("GET", STATEFULSETS.path(live.key))).decode()
    told = {c["type"]: c for c in json.loads(found)["status"]["conditions"]}
    assert (told["Nodes"]["reason"], told["Ready"]["reason"]) == ("Fine", reason)
    if reason == "WriteRefused":
        assert told["Ready"]["message"] == str(refused.value)


async def test_an_outdated_reading_is_nobodys_verdict(client: Client) -> None:
    live = await statefulset(client)
    write = StatusWrite(
        resource=STATEFULSETS,
        key=live.key,
        resource_version=live.metadata.resource_version,
        status={"conditions": [{"type": "Ready", "status": "False", "reason": "Fine"}]},
        verdict="Ready",
    )
    await client.create(CONFIGMAPS, configmap())
    taken = Apply(resource=CONFIGMAPS, manifest=configmap(), is_new=True)
    with pytest.raises(errors.AlreadyExists):
        await apply(client, Decision(actions=(taken,), status=write))
    assert (await client.get(STATEFULSETS, live.key)).metadata == live.metadata


class Counting(Client):
    """A client that counts what it patches."""

    patches = 0

    async def patch(self, *args: Any, **kwargs: Any) -> Any:
        self.patches += 1
        return await super().patch(*args, **kwargs)


async def test_what_the_server_does_not_keep_of_a_status_is_not_written_again(
    tmp_path: Path, server: ApiServer
) -> None:
    async with Counting(on_socket(tmp_path / "api.sock")) as client:
        executor = Executor(client, manager="test")

        async def passes(live: StatefulSet) -> tuple[int, int]:
            """Requests and events of three passes that see the status as it is stored."""
            before, told = client.patches, 0
            for _ in range(3):
                write = StatusWrite(
                    resource=STATEFULSETS,
                    key=live.key,
                    resource_version=live.metadata.resource_version,
                    status={"replicas": 1, "plan": {"nodes": 1}},
                )
                note = Note(about=live, reason="Planned", message="one node")
                told += len(await executor.apply(Decision(status=write, notes=(note,))))
                live = await client.get(STATEFULSETS, A)
            return client.patches - before, told

        # The first is kept in part; the second shows that there is nothing new in it.
        assert await passes(await statefulset(client)) == (2, 1)
        await client.patch(STATEFULSETS, A, {"metadata": {"labels": {"x": "y"}}})
        # Of another revision nobody knows that.
        assert await passes(await client.get(STATEFULSETS, A)) == (1, 0)


async def test_a_namespace_that_is_gone_is_told_like_a_right_that_is_missing(
    client: Client,
) -> None:
    live = await statefulset(client)
    write = StatusWrite(
        resource=STATEFULSETS,
        key=live.key,
        resource_version=live.metadata.resource_version,
        status={"replicas": 0, "conditions": [{"type": "Ready", "status": "False"}]},
        verdict="Ready",
    )
    elsewhere = configmap()
    elsewhere["metadata"]["namespace"] = "gone"
    action = Create(resource=CONFIGMAPS, manifest=elsewhere)
    with pytest.raises(errors.NotFound):
        await apply(client, Decision(actions=(action,), status=write))
    found = (await client.request("GET", STATEFULSETS.path(live.key))).decode()
    (told,) = json.loads(found)["status"]["conditions"]
    assert (told["reason"], told["message"]) == ("WriteRefused", 'namespaces "gone" not found')


async def test_an_eviction_of_a_pod_that_is_gone_is_done(client: Client) -> None:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "gone", "namespace": "default"},
    }
    await carry_out(
        client,
        Create(resource=reading(PODS, Object), manifest=eviction, subresource="eviction"),
        Create(resource=CONFIGMAPS, manifest=configmap(after="it")),
    )
    assert await data(client) == {"after": "it"}
