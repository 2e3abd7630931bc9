"""ConfigMaps, Secrets and claims as the agent reads them, for environments and volumes."""

from collections.abc import Mapping
from typing import Protocol

from kaito.api.core import CONFIGMAPS, SECRETS
from kaito.api.meta import Key, Object
from kaito.api.resources import Resource, reading
from kaito.kube.cache import Reader
from kaito.local.builtin.kinds import CLAIMS


class ConfigMapData(Object):
    """A ConfigMap with its binary half; base64 on the wire."""

    data: dict[str, str] = {}
    binary_data: dict[str, bytes] = {}


class SecretData(Object):
    """A Secret; base64 on the wire."""

    data: dict[str, bytes] = {}


ALL_CONFIGMAPS: Resource[ConfigMapData] = reading(CONFIGMAPS, ConfigMapData)
ALL_SECRETS: Resource[SecretData] = reading(SECRETS, SecretData)
ALL_CLAIMS: Resource[Object] = reading(CLAIMS, Object)


class Sources(Protocol):
    """What a pod may refer to in its namespace. None when there is no such object."""

    def config_map(self, key: Key) -> Mapping[str, bytes] | None:
        """The entries of a ConfigMap."""
        ...

    def secret(self, key: Key) -> Mapping[str, bytes] | None:
        """The entries of a Secret."""
        ...

    def has_claim(self, key: Key) -> bool:
        """Whether a PersistentVolumeClaim exists."""
        ...


class CachedSources:
    """`Sources` over watched objects."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def config_map(self, key: Key) -> Mapping[str, bytes] | None:
        """The entries of a ConfigMap."""
        found = self._reader.get(ALL_CONFIGMAPS, key)
        if found is None:
            return None
        return {**{name: text.encode() for name, text in found.data.items()}, **found.binary_data}

    def secret(self, key: Key) -> Mapping[str, bytes] | None:
        """The entries of a Secret."""
        found = self._reader.get(ALL_SECRETS, key)
        return None if found is None else found.data

    def has_claim(self, key: Key) -> bool:
        """Whether a PersistentVolumeClaim exists."""
        return self._reader.get(ALL_CLAIMS, key) is not None
