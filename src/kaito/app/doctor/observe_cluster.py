"""Reads what the checks need from an API server: only reads, and reviews that store nothing.

Every request stands for itself: one that is refused or late makes its own fact `Unseen` and no
other. None is retried.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from kaito.api.core import LEASES, NODES, PODS, STORAGE_CLASSES
from kaito.api.kinds import KINDS
from kaito.api.meta import Key, Manifest, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource
from kaito.app.doctor.cluster_facts import ClusterFacts
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.objects import (
    DEFINITIONS,
    DEPLOYMENTS,
    HOOKS,
    Crd,
    ServerVersion,
    User,
)
from kaito.base.clock import Clock
from kaito.kube import errors
from kaito.kube.client import Client

T = TypeVar("T", bound=Object)
R = TypeVar("R")

HOME = "kaito-workspace"
"""Where the operator is installed by default; looked into by who may not look everywhere."""
NODE_CLASSES = ("aksnodeclasses.karpenter.azure.com", "ec2nodeclasses.karpenter.k8s.aws")
DEFINITION_NAMES = (
    *(kind.definition.name for kind in KINDS),
    str(NODECLAIMS),
    str(NODEPOOLS),
    *NODE_CLASSES,
)
_ANSWERS_WITHIN = 10.0
"""Seconds for one request."""
_DISCOVER = "get /apis"


async def observe_cluster(client: Client, clock: Clock, *, with_pods: bool) -> ClusterFacts:
    """Everything at once. Pods are many, and only asked for where a Workspace needs room."""
    async with asyncio.TaskGroup() as group:
        start = group.create_task
        version = start(_version(client))
        user = start(_answer(lambda: observe_user(client), "selfsubjectreviews"))
        definitions = {name: start(_definition(client, name)) for name in DEFINITION_NAMES}
        groups = start(_answer(lambda: _groups(client), "API groups"))
        leases = start(_list_or_home(client, LEASES))
        deployments = start(_list_or_home(client, DEPLOYMENTS))
        hooks = start(list_all(client, HOOKS))
        nodes = start(list_all(client, NODES))
        pods = start(list_all(client, PODS)) if with_pods else None
        claims = start(list_all(client, NODECLAIMS))
        pools = start(list_all(client, NODEPOOLS))
        classes = start(list_all(client, STORAGE_CLASSES))
    told, server_time = version.result()
    found = {name: task.result() for name, task in definitions.items()}
    return ClusterFacts(
        url=client.cluster.url,
        version=told,
        now=clock.now(),
        server_time=server_time,
        user=user.result(),
        definitions=found,
        node_classes=await _node_classes(client, found),
        groups=groups.result(),
        leases=leases.result(),
        deployments=deployments.result(),
        hooks=hooks.result(),
        nodes=nodes.result(),
        pods=pods.result() if pods else (),
        claims=claims.result(),
        pools=pools.result(),
        storage_classes=classes.result(),
    )


async def reach(client: Client) -> str:
    """Why the API server cannot be talked to; empty when it can, if only to be refused."""
    # Discovery, and not the version: some servers tell that to people they do not know.
    found = await _answer(lambda: client.request("GET", "/apis"), _DISCOVER)
    return found.why if isinstance(found, Unseen) and found != _not_permitted(_DISCOVER) else ""


async def list_all(
    client: Client, resource: Resource[T], *, namespace: str = ""
) -> tuple[T, ...] | Unseen:
    """Every object of a kind; none where the kind is not served."""

    async def listed() -> tuple[T, ...]:
        try:
            return (await client.list(resource, namespace=namespace)).items
        except errors.NotFound:
            return ()

    return await _answer(listed, f"list {resource}")


async def get_one(client: Client, resource: Resource[T], key: Key) -> T | Unseen | None:
    """One object; None where there is none, or where the kind is not served."""

    async def got() -> T | None:
        try:
            return await client.get(resource, key)
        except errors.NotFound:
            return None

    return await _answer(got, f"get {resource}")


async def get_manifest(
    client: Client, resource: Resource[Any], key: Key
) -> Manifest | Unseen | None:
    """One object as JSON, whatever form it has."""

    async def got() -> Manifest | None:
        try:
            found: Manifest = msgspec.json.decode(await client.request("GET", resource.path(key)))
        except errors.NotFound:
            return None
        return found

    return await _answer(got, f"get {resource}")


async def may(client: Client, verb: str, resource: Resource[Any], namespace: str) -> bool | Unseen:
    """Whether we may do that, as the API server itself would decide."""
    attributes = {
        "namespace": namespace,
        "verb": verb,
        "group": resource.group,
        "resource": resource.plural,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    async def asked() -> bool:
        answer: Manifest = msgspec.json.decode(await client.request("POST", path, json=review))
        return bool(answer.get("status", {}).get("allowed"))

    return await _answer(asked, "create selfsubjectaccessreviews")


async def observe_user(client: Client) -> User:
    """Whom the API server takes us for."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    answer = msgspec.json.decode(await client.request("POST", path, json=review))
    return msgspec.convert(answer["status"]["userInfo"], User)


async def _version(client: Client) -> tuple[ServerVersion | Unseen, datetime | None]:
    async def asked() -> tuple[ServerVersion, datetime | None]:
        async with client.open("GET", "/version") as response:
            told = msgspec.json.decode(await response.read(), type=ServerVersion)
            date = response.headers.get("Date", "")
        return told, parsedate_to_datetime(date) if date else None

    found = await _answer(asked, "get /version")
    return (found, None) if isinstance(found, Unseen) else found


async def _definition(client: Client, name: str) -> Crd | Unseen | None:
    return await get_one(client, DEFINITIONS, Key("", name))


async def _node_classes(
    client: Client, definitions: Mapping[str, Crd | Unseen | None]
) -> Mapping[str, tuple[str, ...] | Unseen]:
    """The objects of the classes that are defined, in the version that is stored."""
    listed: dict[str, tuple[str, ...] | Unseen] = {}
    for name in NODE_CLASSES:
        crd = definitions[name]
        if not isinstance(crd, Crd):
            continue
        version = next(v.name for v in crd.spec.versions if v.storage)
        plural, _, group = name.partition(".")
        kind = Resource(
            group=group, version=version, plural=plural, kind="", type=Object, namespaced=False
        )
        found = await list_all(client, kind)
        if isinstance(found, Unseen):
            listed[name] = found
        else:
            listed[name] = tuple(item.metadata.name for item in found)
    return listed


async def _groups(client: Client) -> frozenset[str]:
    answer = msgspec.json.decode(await client.request("GET", "/apis"))
    return frozenset(str(group["name"]) for group in answer.get("groups", ()))


async def _list_or_home(client: Client, resource: Resource[T]) -> tuple[T, ...] | Unseen:
    found = await list_all(client, resource)
    if not isinstance(found, Unseen):
        return found
    at_home = await list_all(client, resource, namespace=HOME)
    return found if isinstance(at_home, Unseen) else at_home


async def _answer(ask: Callable[[], Awaitable[R]], what: str) -> R | Unseen:
    """What was asked for, or why it was not to be had."""
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            return await ask()
    except errors.Denied as error:
        if error.status == 401:
            return Unseen("the API server does not accept these credentials")
        return _not_permitted(what)
    except errors.ApiError as error:
        return Unseen(str(error))
    except TimeoutError:
        return Unseen(f"no answer to {what} in {_ANSWERS_WITHIN:g}s")
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return Unseen(f"the answer to {what} is not of the form it should have")


def _not_permitted(what: str) -> Unseen:
    return Unseen(f"not permitted to {what}")
