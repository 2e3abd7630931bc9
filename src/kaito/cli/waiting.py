"""Waiting for a Workspace to answer, saying how far it is.

The object is watched; nothing is polled. The time a wait may take is the caller's.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from kaito.api.core import PODS
from kaito.api.explain import Explanation, explain_workspace
from kaito.api.meta import Key
from kaito.api.runtime import Progress
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.base.clock import Clock, SystemClock, format_age
from kaito.base.errors import KaitoError
from kaito.base.quantity import format_gib
from kaito.cli.history import History, model_of
from kaito.cli.progress import Lines, Tracker
from kaito.cli.reporting import first_known
from kaito.cli.stages import Stage, observe_standing
from kaito.cli.start_text import render_rate
from kaito.cli.streams import lines_of
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, Gone, NotFound

_TICK = 0.5
"""Seconds between two looks at the clock: how late a wait may end, and a terminal's refresh."""
_STALE_WITHIN = 2.0
"""Seconds within which a controller has looked again at what was there before we came."""
_WEIGHTS_CONTAINER = "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How to wait."""

    history: History
    seconds: float
    """The longest it may take."""
    lines: Lines
    clock: Clock = field(default_factory=SystemClock)


async def wait_until_ready(client: Client, key: Key, waiting: Waiting) -> None:
    """Return once the Workspace is ready.

    Raises:
        KaitoError: it fails for good, is deleted, or is not ready in time.
    """
    workspace = await client.get(WORKSPACES, key)
    model = model_of(workspace)
    typical = dict(waiting.history.typical(model))
    tracker = Tracker(waiting.lines, waiting.clock, typical)
    try:
        async with asyncio.TaskGroup() as tasks:
            ticking = tasks.create_task(_tick(key, tracker, waiting))
            details = tasks.create_task(_follow_weights(client, key, tracker, waiting))
            await _follow(client, key, tracker)
            ticking.cancel()
            details.cancel()
    except ExceptionGroup as group:
        raise first_known(group) from group
    finally:
        waiting.lines.leave()
    waiting.history.record(model, tracker.durations)


async def _follow(client: Client, key: Key, tracker: Tracker) -> None:
    """Pass every state on to the tracker until the Workspace is ready."""
    stage = None
    async for workspace in states_of(client, key):
        standing = observe_standing(workspace, reached=stage or Stage.NODE)
        # What stands there at the first look may be older than what was just applied beside it,
        # such as a corrected ConfigMap; `_tick` gives that a moment.
        if workspace.metadata.is_deleting or (standing.is_permanent and stage is not None):
            raise _failure(key, explain_workspace(workspace))
        tracker.observe_start(workspace.status.start_up)
        tracker.observe(standing, advice=explain_workspace(workspace).then)
        stage = standing.stage
        if stage is Stage.READY:
            return


def _failure(key: Key, explanation: Explanation) -> KaitoError:
    return KaitoError(
        f"workspace {key}: {explanation.reason}: {explanation.message}",
        hint=explanation.then or f"see: {explanation.look}",
    )


async def states_of(client: Client, key: Key) -> AsyncIterator[Workspace]:
    """The Workspace as it is and then each time it changes; `NotFound` once it is deleted."""
    fields = f"metadata.name={key.name},metadata.namespace={key.namespace}"
    while True:
        listing = await client.list(WORKSPACES, namespace=key.namespace, fields=fields)
        if not listing.items:
            raise _deleted(key)
        yield listing.items[0]
        revision = listing.resource_version
        try:
            query = {"fieldSelector": fields}
            async for event in client.watch(WORKSPACES, revision=revision, query=query):
                if event.type == "DELETED":
                    raise _deleted(key)
                if event.type != "BOOKMARK":
                    yield event.object
        except Gone:
            continue


async def _tick(key: Key, tracker: Tracker, waiting: Waiting) -> None:
    while tracker.elapsed < waiting.seconds:
        await waiting.clock.sleep(min(_TICK, max(waiting.seconds - tracker.elapsed, 0.0)))
        tracker.refresh()
        standing = tracker.standing
        if standing.is_permanent and tracker.elapsed >= _STALE_WITHIN:
            raise KaitoError(
                f"workspace {key}: {standing.reason}: {standing.message}",
                hint=f"see `kaito explain {key.name} -n {key.namespace}`",
            )
    standing = tracker.standing
    because = ": ".join(filter(None, (standing.reason, standing.message)))
    raise KaitoError(
        f"workspace {key} is not ready after {format_age(waiting.seconds)}: still waiting for "
        f"{standing.stage} ({because})",
        hint=f"it goes on by itself; see `kaito explain {key.name} -n {key.namespace}`",
    )


async def _follow_weights(client: Client, key: Key, tracker: Tracker, waiting: Waiting) -> None:
    """Show how many bytes are there; only where a line can be rewritten."""
    if not waiting.lines.in_place:
        return
    while True:
        if tracker.standing.stage is Stage.WEIGHTS:
            await _show_bytes(client, key, tracker)
        await waiting.clock.sleep(_TICK)


async def _show_bytes(client: Client, key: Key, tracker: Tracker) -> None:
    path = PODS.path(Key(key.namespace, f"{key.name}-0"), subresource="log")
    query = {"container": _WEIGHTS_CONTAINER, "follow": "true", "tailLines": "1"}
    try:
        async with client.open("GET", path, query=query) as response:
            async for line in lines_of(response):
                if (progress := Progress.parse_line(line)) is not None:
                    tracker.refresh(detail=_to_detail(progress))
    except ApiError:
        # The container is not there yet, or no longer: the conditions say so anyway.
        return


def _to_detail(progress: Progress) -> str:
    parts = [f"{progress.stage} {progress.item}".strip()]
    if progress.total:
        parts.append(f"{format_gib(progress.done)} of {format_gib(progress.total)}")
        parts.append(render_rate(progress.total - progress.done, progress.eta))
    elif progress.done:
        parts.append(format_gib(progress.done))
    if progress.eta >= 0:
        parts.append(f"about {format_age(progress.eta)} left")
    return ", ".join(filter(None, parts))


def _deleted(key: Key) -> NotFound:
    return NotFound(f"workspace {key} is gone: it was deleted meanwhile", status=404)
