"""How the plane of this machine is: what its state folder, its process and its API say."""

import asyncio
import os
from datetime import datetime
from pathlib import Path

import msgspec

from kaito.api.core import NODES, SERVICES, Node, Service
from kaito.api.explain import explain_workspace
from kaito.api.labels import EMULATED, INSTANCE_TYPE
from kaito.api.meta import Key
from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.app.state import StateFolder
from kaito.base.clock import datetime_from_timestamp
from kaito.cli.workspaces import url_of
from kaito.kube.client import Client
from kaito.kube.config import from_kubeconfig
from kaito.kube.errors import ApiError

_ANSWERS_WITHIN = 5.0


class NodeLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One node."""

    name: str
    ready: bool
    instance_type: str
    """Empty for the machine itself."""
    emulated: bool
    cpu: str
    memory: str


class WorkspaceLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One workspace and where it answers."""

    namespace: str
    name: str
    state: str
    reason: str
    address: str


class ModelLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Weights that take disk space."""

    name: str
    bytes: int
    complete: bool


class PlaneStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything `kaito status` knows."""

    state_folder: str
    running: bool
    pid: int = 0
    started_at: datetime | None = None
    memory_bytes: int = 0
    """Resident memory of the plane's process."""
    url: str = ""
    kubeconfig: str = ""
    problem: str = ""
    """Why nodes and workspaces are not known though a plane runs."""
    nodes: tuple[NodeLine, ...] = ()
    workspaces: tuple[WorkspaceLine, ...] = ()
    models: tuple[ModelLine, ...] = ()


def observe_plane(state: StateFolder) -> PlaneStatus:
    """Look at everything once."""
    found = PlaneStatus(
        state_folder=str(state.root), running=False, models=_observe_models(state.models)
    )
    holder = state.running()
    if holder is None:
        return found
    found = msgspec.structs.replace(
        found,
        running=True,
        pid=holder.pid,
        started_at=_started_at(holder.pid),
        memory_bytes=_resident_bytes(holder.pid),
        url=holder.url,
        kubeconfig=str(state.kubeconfig),
    )
    if not holder.url:
        return msgspec.structs.replace(found, problem="it is still starting")
    return asyncio.run(_with_objects(found, state))


async def _with_objects(found: PlaneStatus, state: StateFolder) -> PlaneStatus:
    try:
        async with (
            asyncio.timeout(_ANSWERS_WITHIN),
            Client(from_kubeconfig(state.kubeconfig)) as client,
        ):
            nodes = await client.list(NODES)
            workspaces = await client.list(WORKSPACES)
            services = {item.key: item for item in (await client.list(SERVICES)).items}
    except ApiError as error:
        return msgspec.structs.replace(found, problem=str(error))
    except TimeoutError:
        problem = f"its API does not answer within {_ANSWERS_WITHIN:g}s"
        return msgspec.structs.replace(found, problem=problem)
    return msgspec.structs.replace(
        found,
        nodes=tuple(map(_to_node, nodes.items)),
        workspaces=tuple(_to_workspace(item, services) for item in workspaces.items),
    )


def _to_node(node: Node) -> NodeLine:
    return NodeLine(
        name=node.metadata.name,
        ready=node.is_ready,
        instance_type=node.metadata.labels.get(INSTANCE_TYPE, ""),
        emulated=node.metadata.labels.get(EMULATED) == "true",
        cpu=node.status.capacity.get("cpu", ""),
        memory=node.status.capacity.get("memory", ""),
    )


def _to_workspace(workspace: Workspace, services: dict[Key, Service]) -> WorkspaceLine:
    service = services.get(workspace.key)
    return WorkspaceLine(
        namespace=workspace.metadata.namespace,
        name=workspace.metadata.name,
        state=workspace.status.state or "Pending",
        reason=explain_workspace(workspace).reason,
        address=url_of(service) if service else "",
    )


def _observe_models(root: Path) -> tuple[ModelLine, ...]:
    if not root.is_dir():
        return ()
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    return tuple(
        ModelLine(
            name=folder.name,
            bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
            complete=(folder / WEIGHTS_MANIFEST).exists(),
        )
        for folder in folders
    )


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _started_at(pid: int) -> datetime | None:
    """From the time of the process's /proc folder, which is made when the process is."""
    try:
        return datetime_from_timestamp(Path(f"/proc/{pid}").stat().st_ctime)
    except OSError:
        return None
