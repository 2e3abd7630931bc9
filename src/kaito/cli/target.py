"""Which cluster a command line means.

In this order: --kubeconfig, $KUBECONFIG (several files count as one), the plane of the state folder
where one runs, and ~/.kube/config.
"""

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from kaito.app.state import StateFolder, choose_state_folder
from kaito.base.errors import KaitoError
from kaito.kube.client import Client
from kaito.kube.config import Cluster, from_kubeconfigs


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A cluster, the namespace meant in it, and the state folder of this machine."""

    cluster: Cluster
    namespace: str
    state: StateFolder
    has_explicit_namespace: bool = False


def choose_target(arguments: argparse.Namespace) -> Target:
    """What `add_cluster_options` and the environment say; `KaitoError` where nothing does."""
    state = choose_state_folder(arguments.state_dir)
    paths = choose_kubeconfigs(arguments.kubeconfig, state)
    cluster = from_kubeconfigs(paths, context=arguments.context)
    namespace = getattr(arguments, "namespace", "")
    return Target(
        cluster=cluster,
        namespace=namespace or cluster.namespace,
        state=state,
        has_explicit_namespace=bool(namespace),
    )


def choose_kubeconfigs(given: str, state: StateFolder) -> tuple[Path, ...]:
    """The kubeconfigs to use, by the module's order; of several the first counts for each name."""
    if given:
        return (_existing(Path(given), "--kubeconfig"),)
    if named := os.environ.get("KUBECONFIG"):
        paths = [Path(part) for part in named.split(os.pathsep) if part]
        found = tuple(path for path in paths if path.exists())
        return found or (_existing(paths[0] if paths else Path(named), "$KUBECONFIG"),)
    if state.running() is not None and state.kubeconfig.exists():
        return (state.kubeconfig,)
    home = _home() / ".kube" / "config"
    if home.exists():
        return (home,)
    raise KaitoError(
        f"no cluster to talk to: no plane runs in {str(state.root)!r}, and neither $KUBECONFIG "
        "nor ~/.kube/config names one",
        hint="start one on this machine with `kaito up`",
    )


def run_with_client(target: Target, work: Callable[[Client], Awaitable[int]]) -> int:
    """Run one piece of asynchronous work with a connection to the target; its exit status."""

    async def connected() -> int:
        async with Client(target.cluster) as client:
            return await work(client)

    return asyncio.run(connected())


def _home() -> Path:
    """The user's folder; in a container a user need not have one, nor a kubeconfig then."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)


def _existing(path: Path, named_by: str) -> Path:
    if path.exists():
        return path
    raise KaitoError(
        f"kubeconfig {str(path)!r}, named by {named_by}, does not exist",
        hint="`kaito up` writes one and says where",
    )
