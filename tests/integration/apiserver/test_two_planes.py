"""Two planes on one machine, which share its loopback network."""

from pathlib import Path
from random import Random

from kaito.api.core import NAMESPACES, SERVICES
from kaito.base.clock import SystemClock
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.local.apiserver.core import RandomIdentifiers
from kaito.local.apiserver.server import ApiServer
from kaito.local.store.memory import MemoryStore


async def addresses(folder: Path, plane: str) -> dict[str, str]:
    """The addresses that Services of some names get in a new plane."""
    ids = RandomIdentifiers(Random(1), plane=plane)
    server = ApiServer(MemoryStore(), SystemClock(), token="secret", ids=ids)
    socket = folder / "api.sock"
    await server.start(unix_socket=socket)
    try:
        async with Client(on_socket(socket)) as client:
            assert (await client.list(NAMESPACES)).items
            for number in range(20):
                meta = {"name": f"s{number}", "namespace": "default"}
                manifest = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
                await client.create(SERVICES, {**manifest, "spec": {"ports": [{"port": 80}]}})
            found = (await client.list(SERVICES, namespace="default")).items
            return {s.metadata.name: s.spec.cluster_ip for s in found}
    finally:
        await server.stop()


async def test_services_of_one_name_do_not_meet_and_come_back_where_they_were(
    tmp_path: Path,
) -> None:
    one = await addresses(tmp_path, "/home/a/.kaito")
    other = await addresses(tmp_path, "/home/b/.kaito")
    shared = [name for name in one if name.startswith("s") and one[name] == other[name]]
    assert shared == []
    assert await addresses(tmp_path, "/home/a/.kaito") == one
