"""Reads what one Workspace names in a cluster. Of Secrets only their keys' names are kept."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import msgspec

from kaito.api.core import CONFIGMAPS, NAMESPACES, ConfigMap
from kaito.api.meta import Key, Manifest
from kaito.api.runtime import ENV_HUB_AUTH
from kaito.api.workspace import WORKSPACES
from kaito.app.doctor.cluster_facts import Named, Subject, WorkspaceFacts
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.objects import QUOTAS, SECRET_KEYS
from kaito.app.doctor.observe_cluster import get_manifest, get_one, list_all, may
from kaito.kube.client import Client


async def observe_workspace(
    client: Client, subject: Subject, beside: Iterable[Manifest]
) -> WorkspaceFacts:
    """What the checks of one Workspace need; `beside` are the other objects of its files."""
    space = subject.namespace
    given = tuple(beside)
    async with asyncio.TaskGroup() as group:
        start = group.create_task
        namespace = start(get_one(client, NAMESPACES, Key("", space)))
        live = start(_live(client, subject))
        allowed = start(may(client, "create", WORKSPACES, space))
        config = start(_config(client, subject, given))
        secrets = [start(_secret(client, space, named)) for named in named_secrets(subject)]
        quotas = start(list_all(client, QUOTAS, namespace=space))
    return WorkspaceFacts(
        subject=subject,
        namespace=namespace.result(),
        live=live.result(),
        may_create=allowed.result(),
        config=config.result(),
        secrets=tuple(task.result() for task in secrets),
        quotas=quotas.result(),
        beside=_names(given, space),
    )


def facts_of_files(subject: Subject, beside: Iterable[Manifest]) -> WorkspaceFacts:
    """What the files alone say."""
    given = tuple(beside)
    return WorkspaceFacts(
        subject=subject,
        is_offline=True,
        config=_given_config(config_name(subject), subject.namespace, given),
        beside=_names(given, subject.namespace),
    )


def named_secrets(subject: Subject) -> tuple[Named, ...]:
    """The Secrets that a manifest names, which may be wrong in every other way."""
    found: dict[str, Named] = {}
    for part in ("inference", "tuning"):
        options = _at(subject.manifest, part, "preset", "presetOptions")
        token = options.get("modelAccessSecret")
        if isinstance(token, str) and token:
            purpose = "opens the model on the hub"
            found[token] = Named(name=token, purpose=purpose, key=ENV_HUB_AUTH)
        for name in _texts(options.get("imagePullSecrets")):
            found.setdefault(name, Named(name=name, purpose="pulls images"))
    return tuple(found.values())


def config_name(subject: Subject) -> str:
    """The ConfigMap that a manifest names; empty for none."""
    for part in ("inference", "tuning"):
        name = _at(subject.manifest, part).get("config")
        if isinstance(name, str) and name:
            return name
    return ""


async def _live(client: Client, subject: Subject) -> Manifest | Unseen | None:
    if not subject.name:
        return None
    key = Key(subject.namespace, subject.name)
    return await get_manifest(client, WORKSPACES, key)


async def _config(
    client: Client, subject: Subject, given: tuple[Manifest, ...]
) -> ConfigMap | Unseen | None:
    """The one of the files counts: it will be applied with the Workspace."""
    name = config_name(subject)
    if not name:
        return None
    found = _given_config(name, subject.namespace, given)
    return found or await get_one(client, CONFIGMAPS, Key(subject.namespace, name))


def _given_config(
    name: str, namespace: str, given: tuple[Manifest, ...]
) -> ConfigMap | Unseen | None:
    for manifest in given:
        if manifest["kind"] == "ConfigMap" and name and _key(manifest, namespace).name == name:
            try:
                return msgspec.convert(manifest, ConfigMap)
            except msgspec.ValidationError as error:
                return Unseen(f"that of the files is wrong: {error}")
    return None


async def _secret(client: Client, namespace: str, named: Named) -> Named:
    found = await get_one(client, SECRET_KEYS, Key(namespace, named.name))
    keys = found if found is None or isinstance(found, Unseen) else frozenset(found.data)
    return replace(named, keys=keys)


def _names(given: tuple[Manifest, ...], namespace: str) -> frozenset[tuple[str, str]]:
    found = ((manifest["kind"], _key(manifest, namespace)) for manifest in given)
    return frozenset((kind, key.name) for kind, key in found if key.namespace == namespace)


def _key(manifest: Manifest, namespace: str) -> Key:
    """Without a namespace of its own an object is taken to be meant for the same one."""
    metadata = _at(manifest, "metadata")
    if manifest["kind"] == "Namespace":
        return Key(namespace, str(metadata.get("name") or ""))
    return Key(str(metadata.get("namespace") or namespace), str(metadata.get("name") or ""))


def _at(manifest: Manifest, *path: str) -> Manifest:
    """The object at that path; an empty one where there is none."""
    found: object = manifest
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
