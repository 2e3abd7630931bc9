"""An API server without any CRDs, and the real helm and kubectl pointed at it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_tools
from charts import CHART
from tests.integration.operator.cluster import Cluster, running_cluster

NAMESPACE = "kaito-workspace"
PATIENCE = 60.0


@dataclass(frozen=True)
class Site:
    """Where the chart goes."""

    cluster: Cluster

    async def helm(self, *arguments: str, check: bool = True) -> str:
        """What helm prints, errors included."""
        return await self._run("helm", *arguments, "--namespace", NAMESPACE, check=check)

    async def kubectl(self, *arguments: str) -> str:
        """What kubectl prints."""
        return await self._run("kubectl", *arguments)

    async def install(self, *settings: str, check: bool = True) -> str:
        """`helm install kaito charts/kaito`, not waiting for pods: nothing runs them here."""
        values = [word for setting in settings for word in ("--set", setting)]
        install = ("install", "kaito", str(CHART), "--create-namespace")
        return await self.helm(*install, *values, check=check)

    async def names(self, kind: str, *arguments: str) -> set[str]:
        """`kind/name` of every object of a kind, in all namespaces."""
        listed = await self.kubectl("get", kind, "-A", "-o", "name", *arguments)
        return set(listed.split())

    async def get(self, *arguments: str) -> Any:
        """One object."""
        return json.loads(await self.kubectl("get", *arguments, "-o", "json"))

    async def _run(
        self, program: kubernetes_tools.Tool, *arguments: str, check: bool = True
    ) -> str:
        process = await asyncio.create_subprocess_exec(
            str(kubernetes_tools.tool_path(program)),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                **os.environ,
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "HOME": str(self.cluster.folder),
            },
        )
        async with asyncio.timeout(PATIENCE):
            out, _ = await process.communicate()
        assert not check or process.returncode == 0, (arguments, out.decode())
        return out.decode()


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[Site]:
    """An API server in this process."""
    async with running_cluster(folder, crds=False) as cluster:
        yield Site(cluster)
