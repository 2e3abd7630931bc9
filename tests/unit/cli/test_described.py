"""Objects in full."""

from datetime import UTC, datetime

from kaito.api.core import Event
from kaito.cli.described import render_description

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
MANIFEST = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {
        "name": "phi",
        "namespace": "default",
        "uid": "1",
        "labels": {"b": "2", "a": "1"},
        "managedFields": [{"manager": "x"}],
    },
    "inference": {"preset": {"name": "phi-4"}, "adapters": [], "notes": ["one", "two"]},
    "ready": True,
}


def test_an_object_is_described_field_by_field() -> None:
    assert render_description(MANIFEST, (), NOW).splitlines() == [
        "Name:         phi",
        "Namespace:    default",
        "Labels:       a=1",
        "              b=2",
        "Annotations:  <none>",
        "API Version:  kaito.sh/v1beta1",
        "Inference:",
        "  Notes:",
        "    one",
        "    two",
        "  Preset:",
        "    Name:  phi-4",
        "Kind:         Workspace",
        "Metadata:",
        "  UID:  1",
        "Ready:        true",
        "Events:       <none>",
    ]


def test_events_come_oldest_first_with_how_often_they_happened() -> None:
    events = (
        Event(reason="Second", message="b", count=3, last_timestamp=NOW.replace(hour=11)),
        Event(reason="First", message="a\nc", last_timestamp=NOW.replace(hour=9), type="Warning"),
    )
    assert render_description(MANIFEST, events, NOW).splitlines()[-5:] == [
        "Events:",
        "  Type     Reason  Age       Message",
        "  ----     ------  ---       -------",
        "  Warning  First   3h        a c",
        "  Normal   Second  60m (x3)  b",
    ]
