"""Stopping a tuning job, and letting it go on: an annotation that the controller follows."""

from kaito.api import labels
from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES, TuningSpec, Workspace
from kaito.base.errors import KaitoError
from kaito.cli.tuning.reading import is_over, read_tuning
from kaito.kube.client import Client


async def pause(client: Client, key: Key, *, force: bool) -> str:
    """Ask for the pause; what to say about it.

    Raises:
        KaitoError: it has ended, or a pause would lose what was trained and is not forced.
    """
    workspace, spec = await read_tuning(client, key)
    _check_goes_on(workspace)
    if is_paused(workspace):
        return f"workspace {key} is paused already"
    keeps = spec.output is not None and spec.output.volume_source is not None
    if not keeps and not force:
        raise KaitoError(
            f"workspace {key} has no output volume: a pause loses {_progress(workspace)}",
            hint="pause nevertheless with --force, or add tuning.output.volumeSource beforehand",
        )
    await _annotate(client, key, "true")
    return f"workspace {key} pauses: {_what_is_kept(spec)}"


async def resume(client: Client, key: Key) -> str:
    """Take the pause back; what to say about it."""
    workspace, spec = await read_tuning(client, key)
    if not is_paused(workspace):
        return f"workspace {key} is not paused"
    await _annotate(client, key, None)
    if is_over(workspace):
        ended = (workspace.status.state or "").lower()
        return f"workspace {key} is not paused any more; it has {ended} already"
    return f"workspace {key} goes on: {_what_is_kept(spec)}"


def is_paused(workspace: Workspace) -> bool:
    """Whether its annotation asks to stop."""
    return workspace.metadata.annotations.get(labels.PAUSED, "").lower() == "true"


def _check_goes_on(workspace: Workspace) -> None:
    if workspace.metadata.is_deleting:
        raise KaitoError(f"workspace {workspace.key} is being deleted")
    if is_over(workspace):
        ended = (workspace.status.state or "").lower()
        raise KaitoError(
            f"workspace {workspace.key} has {ended} already",
            hint=f"see `kaito tune status {workspace.key.name} -n {workspace.key.namespace}`",
        )


def _progress(workspace: Workspace) -> str:
    status = workspace.status.tuning
    return f"its {status.step} steps" if status and status.step else "what it has done"


def _what_is_kept(spec: TuningSpec) -> str:
    if spec.output is not None and spec.output.volume_source is not None:
        return "checkpoints are on its output volume"
    return "without an output volume it begins anew"


async def _annotate(client: Client, key: Key, value: str | None) -> None:
    patch = {"metadata": {"annotations": {labels.PAUSED: value}}}
    await client.patch(WORKSPACES, key, patch)
