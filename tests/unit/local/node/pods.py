"""Pods and what surrounds them, for the unit tests of the node agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kaito.api.meta import Key, Manifest
from kaito.local.node.downward import Place
from kaito.local.node.pod import Pod, WatchedPod, parse_pod

PLACE = Place(pod_ip="127.64.0.9", host_ip="127.0.0.1", allocatable={"cpu": "4", "memory": "8Gi"})


def make_pod(*containers: Manifest, meta: Manifest | None = None, **spec: Any) -> Pod:
    """A pod named `web` with these containers, `main` unless they say otherwise."""
    listed = [{"name": "main", "image": "x", **container} for container in containers or ({},)]
    manifest = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", **(meta or {})},
        "spec": {"nodeName": "box", "containers": listed, **spec},
    }
    return parse_pod(msgspec.convert(manifest, WatchedPod))


@dataclass
class Known:
    """`Sources` over given objects of the namespace `shop`."""

    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    claims: tuple[str, ...] = ()

    def config_map(self, key: Key) -> Mapping[str, bytes] | None:
        return self._find(self.config_maps, key)

    def secret(self, key: Key) -> Mapping[str, bytes] | None:
        return self._find(self.secrets, key)

    def has_claim(self, key: Key) -> bool:
        return key.namespace == "shop" and key.name in self.claims

    def _find(
        self, objects: Mapping[str, Mapping[str, str]], key: Key
    ) -> Mapping[str, bytes] | None:
        if key.namespace != "shop" or key.name not in objects:
            return None
        return {name: text.encode() for name, text in objects[key.name].items()}
