"""One status, saying that nothing will come of the object yet. Pure."""

from datetime import datetime

import msgspec

from kaito.api import conditions
from kaito.api.meta import Condition
from kaito.controllers.announced.kinds import Announced, AnnouncedObject
from kaito.kube.controller.decision import NOTHING, Decision, Note, StatusWrite

REASON = "NotAvailable"


def decide(kind: Announced, item: AnnouncedObject, now: datetime) -> Decision:
    """Say it where it is not said yet, and again for every new generation."""
    if item.metadata.is_deleting:
        return NOTHING
    message = explain(kind, item)
    wanted = tuple(
        Condition(type=type_, status="False", reason=REASON, message=message)
        for type_ in kind.conditions
    )
    before = item.status.conditions
    merged = conditions.merge(before, wanted, now=now, generation=item.metadata.generation)
    if merged == before:
        return NOTHING
    return Decision(
        status=StatusWrite(
            resource=kind.resource,
            key=item.key,
            resource_version=item.metadata.resource_version,
            # A status at its default is left out on the wire, and Kubernetes insists on one.
            status={"conditions": [{"status": c.status, **msgspec.to_builtins(c)} for c in merged]},
        ),
        notes=_news(item, wanted),
        why=(message,),
    )


def explain(kind: Announced, item: AnnouncedObject) -> str:
    """What does not happen, to which object, and what to do."""
    return (
        f"this release stores {kind.resource.kind} {item.key} and does not run it yet; nothing is "
        f"started for it; {kind.instead}"
    )


def _news(item: AnnouncedObject, wanted: tuple[Condition, ...]) -> tuple[Note, ...]:
    """One event, however many conditions say the same; none where they said it before."""
    if all(_is_said(item, one) for one in wanted):
        return ()
    return (Note(about=item, reason=REASON, message=wanted[0].message, type="Warning"),)


def _is_said(item: AnnouncedObject, wanted: Condition) -> bool:
    found = conditions.find(item.status.conditions, wanted.type)
    return found is not None and (found.status, found.reason) == (wanted.status, wanted.reason)
