"""Waiting for one adapter of a Workspace, which may have been ready without it all the time."""

import asyncio

from kaito.api import conditions
from kaito.api.meta import Key
from kaito.api.workspace import ADAPTERS_READY, INFERENCE_READY, AdapterStatus, Workspace
from kaito.base.clock import format_age
from kaito.base.errors import KaitoError
from kaito.cli.waiting import states_of
from kaito.kube.client import Client


async def wait_for_adapter(client: Client, key: Key, name: str, *, seconds: float) -> None:
    """Return once the engine answers under that name.

    Raises:
        KaitoError: the adapter fails, or is not there in time.
    """
    said = "nobody has looked at it yet"
    try:
        async with asyncio.timeout(seconds):
            async for workspace in states_of(client, key):
                found = _current(workspace, name)
                if found is None:
                    continue
                if found.state == "Ready":
                    return
                said = ": ".join(filter(None, (found.state or "Pending", found.message)))
                if found.state == "Failed" and not _is_replaced(workspace):
                    raise _not_served(key, name, said)
    except TimeoutError:
        late = f"not served after {format_age(seconds)}: {said}"
        raise _not_served(key, name, late) from None


def _current(workspace: Workspace, name: str) -> AdapterStatus | None:
    """What is said of it since the Workspace was written last."""
    told = conditions.find(workspace.status.conditions, ADAPTERS_READY)
    if told is None or told.observed_generation < workspace.metadata.generation:
        return None
    return next((one for one in workspace.status.adapters if one.name == name), None)


def _is_replaced(workspace: Workspace) -> bool:
    """Whether another pod is on its way: one from before cannot have a new adapter's volume."""
    found = conditions.find(workspace.status.conditions, INFERENCE_READY)
    return found is not None and found.reason.startswith("Rollout")


def _not_served(key: Key, name: str, why: str) -> KaitoError:
    return KaitoError(
        f"adapter {name} of workspace {key}: {why}",
        hint=f"see `kaito explain {key.name} -n {key.namespace}`",
    )
