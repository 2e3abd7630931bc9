"""What every pod's worker works with, put together once by the agent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kaito.base.clock import Clock
from kaito.kube.client import Client
from kaito.local.node.events import Events
from kaito.local.node.probes import Checker
from kaito.local.node.process import ContainerRuntime
from kaito.local.node.sources import Sources
from kaito.local.node.volumes import Volumes

HOST_IP = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """The machine and the plane, as far as a pod's worker needs them."""

    client: Client
    events: Events
    runtime: ContainerRuntime
    volumes: Volumes
    checker: Checker
    sources: Sources
    clock: Clock
    environment: Mapping[str, str]
    """The agent's own."""
    own_bin: str
    bwrap: str
    gpus: int
    allocatable: Callable[[str], Mapping[str, str]]
    """What the node of that name offers."""
    hosts: Callable[[str], Path]
    """The file with the names of a namespace's pods."""
