"""What a user applies to tune: the Workspace, its settings, the registry's secret."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import docker_registry

from kaito.api.meta import Manifest


def push_secret(registry: str, name: str, *, password: str = docker_registry.PASSWORD) -> Manifest:
    """As `kubectl create secret docker-registry` makes it, for the tests' own user."""
    pair = f"{docker_registry.USER}:{password}".encode()
    auths = {"auths": {registry: {"auth": base64.b64encode(pair).decode()}}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(auths)},
    }


def settings_map(name: str, text: str) -> Manifest:
    """The ConfigMap that a Workspace's `tuning.config` names."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"training_config.yaml": text},
    }


def tuning_workspace(name: str, preset: str, tuning: Mapping[str, object]) -> Manifest:
    """A Workspace that tunes a preset; `tuning` is all but the preset."""
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        "tuning": {"preset": {"name": preset}, **tuning},
    }


def volume(folder: Path) -> Manifest:
    """A folder of this machine as an input or an output."""
    return {"volumeSource": {"hostPath": {"path": str(folder)}}}
