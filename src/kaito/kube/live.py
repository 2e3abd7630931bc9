"""A question that a cache must not answer: is it really gone.

A cache may lag behind, and every resource's cache by itself. Who deletes because something is
absent asks here first.
"""

from typing import Any, Protocol

import msgspec

from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.kube import errors
from kaito.kube.client import Client


class Uids(Protocol):
    """Identities as the API server has them now."""

    async def uid_of(self, resource: Resource[Any], key: Key) -> str:
        """The uid of the object of that name; empty when there is none."""
        ...


class LiveUids:
    """The answers of the API server itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def uid_of(self, resource: Resource[Any], key: Key) -> str:
        """The uid of the object of that name; empty when there is none."""
        try:
            body = await self._client.request("GET", resource.path(key))
        except errors.NotFound:
            return ""
        return msgspec.json.decode(body, type=Object).metadata.uid
