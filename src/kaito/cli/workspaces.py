"""Reading one Workspace by a name that somebody typed, and the Service in front of it."""

from ipaddress import AddressValueError, IPv4Address

from kaito.api import labels
from kaito.api.core import Service
from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.cli.naming import with_suggestion
from kaito.kube.client import Client
from kaito.kube.errors import NotFound

_HTTP_PORT = 80


async def read_workspace(client: Client, key: Key) -> Workspace:
    """The Workspace; `NotFound` suggests names that exist."""
    try:
        return await client.get(WORKSPACES, key)
    except NotFound as error:
        raise await with_suggestion(client, WORKSPACES, key, error) from error


def url_of(service: Service) -> str:
    """Where this machine reaches the Service; empty where only the cluster does.

    The plane's Services are on loopback, under the address it noted where their own port could not
    be bound.
    """
    noted = service.metadata.annotations.get(labels.REACHABLE_AT, "")
    if noted:
        return noted.rstrip("/")
    if not is_loopback(service.spec.cluster_ip):
        return ""
    port = next((p.port for p in service.spec.ports if p.name == "http"), _HTTP_PORT)
    suffix = "" if port == _HTTP_PORT else f":{port}"
    return f"http://{service.spec.cluster_ip}{suffix}"


def is_loopback(address: str) -> bool:
    """Whether an address is this machine itself."""
    try:
        return IPv4Address(address).is_loopback
    except AddressValueError:
        return False
