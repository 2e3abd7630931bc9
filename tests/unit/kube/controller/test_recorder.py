"""Events on the real API server."""

from datetime import UTC, datetime

from kaito.api.core import CONFIGMAPS, EVENTS, NODES, ConfigMap, Event
from kaito.api.meta import Object, ObjectMeta
from kaito.base.clock import ManualClock
from kaito.kube.client import Client
from kaito.kube.controller.decision import Note
from kaito.kube.controller.recorder import Recorder


async def configmap(client: Client) -> Object:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"},
    }
    return await client.create(CONFIGMAPS, manifest)


async def events(client: Client) -> tuple[Event, ...]:
    return (await client.list(EVENTS, namespace="default")).items


async def test_equal_events_become_one_with_a_count(client: Client) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    recorder = Recorder(client, component="test", clock=clock)
    note = Note(about=await configmap(client), reason="Happened", message="it did")

    await recorder.record(note)
    await clock.advance(60)
    await recorder.record(note)

    (event,) = await events(client)
    assert (event.reason, event.message, event.count) == ("Happened", "it did", 2)
    assert event.first_timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.last_timestamp == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


async def test_what_is_said_again_at_once_is_counted_with_the_next(client: Client) -> None:
    clock = ManualClock()
    recorder = Recorder(client, component="test", clock=clock)
    note = Note(about=await configmap(client), reason="Unhealthy", message="refused")

    for _ in range(5):
        await recorder.record(note)
        await clock.advance(1)
    (first,) = await events(client)
    await clock.advance(10)
    await recorder.record(note)

    (event,) = await events(client)
    assert (first.count, event.count) == (1, 6)


async def test_different_messages_are_different_events(client: Client) -> None:
    recorder = Recorder(client, component="test", clock=ManualClock())
    about = await configmap(client)

    for message in ("one", "two"):
        await recorder.record(Note(about=about, reason="Happened", message=message))

    assert sorted(event.message for event in await events(client)) == ["one", "two"]


async def test_events_about_the_cluster_live_in_default(client: Client) -> None:
    node = await client.create(
        NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    )
    recorder = Recorder(client, component="test", clock=ManualClock())

    await recorder.record(Note(about=node, reason="Happened", message="it did"))

    (event,) = await events(client)
    assert (event.involved_object.kind, event.involved_object.namespace) == ("Node", "")


async def test_a_long_message_is_cut_to_what_the_server_takes(client: Client) -> None:
    recorder = Recorder(client, component="test", clock=ManualClock())
    note = Note(about=await configmap(client), reason="Happened", message="x" * 5000)

    await recorder.record(note)

    (event,) = await events(client)
    assert len(event.message) == 1024


async def test_an_event_that_cannot_be_written_stops_nothing(client: Client) -> None:
    about = Object(
        api_version="v1", kind="Pod", metadata=ObjectMeta(name="p", namespace="no-such-namespace")
    )
    recorder = Recorder(client, component="test", clock=ManualClock())

    await recorder.record(Note(about=about, reason="Happened", message="it did"))

    assert (await client.list(EVENTS)).items == ()


async def test_an_object_of_the_longest_name_has_events_too(client: Client) -> None:
    name = "a" * 235 + "-" + "b" * 17
    about = ConfigMap(metadata=ObjectMeta(name=name, namespace="default", uid="u"))
    recorder = Recorder(client, component="test", clock=ManualClock())
    await recorder.record(Note(about=about, reason="Happened", message="it did"))
    (event,) = await events(client)
    assert event.involved_object.name == name
