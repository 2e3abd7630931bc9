"""The subresources that are not status: scale, binding, eviction, finalize."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.bodies import APPLY, Body
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.objects import decode, metadata, with_metadata
from kaito.local.apiserver.options import WriteOptions, parse_delete_options
from kaito.local.apiserver.registry import ScalePaths
from kaito.local.apiserver.rest.create import Written
from kaito.local.apiserver.rest.delete import delete_object
from kaito.local.apiserver.rest.patch import merging
from kaito.local.apiserver.rest.read import get_object
from kaito.local.apiserver.rest.update import Edit, update_object
from kaito.local.apiserver.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a subresource."""

    target: Target
    verb: str
    body: Body
    media_type: str
    options: WriteOptions


async def scale(core: Core, call: Call) -> Manifest:
    """Read or set the number of replicas through a `Scale`."""
    paths = call.target.served.scale_paths(call.target.version)
    assert paths is not None, "only what has scale paths has the subresource"
    if call.verb == "get":
        entry = await get_object(core, call.target)
        return _to_scale(decode(entry.value), paths)

    def wanted(live: Manifest) -> Manifest:
        sent = call.body.value
        if call.verb == "patch":
            current = _to_scale(live, paths)
            sent = merging(core, call.target, sent, _merge_type(call))(current)
        replicas = (sent.get("spec") or {}).get("replicas") or 0
        if not isinstance(replicas, int) or replicas < 0:
            problem = errors.Cause("spec.replicas", f"Invalid value: {replicas}: must be 0 or more")
            raise errors.invalid(replace(call.target.subject, kind="Scale"), [problem])
        expected = metadata(sent).get("resourceVersion") or metadata(live).get("resourceVersion")
        changed = _with(live, paths.spec.split("."), replicas)
        return with_metadata(changed, resourceVersion=expected)

    written = await update_object(core, call.target, Edit(wanted=wanted), call.options)
    return _to_scale(decode(written.value), paths)


async def bind(core: Core, call: Call) -> Manifest:
    """Put a pod on a node, once."""
    sent = call.body.to_object()
    node = (sent.get("target") or {}).get("name")
    if not node:
        problem = errors.Cause("target.name", "Required value", "FieldValueRequired")
        raise errors.invalid(replace(call.target.subject, kind="Binding"), [problem])

    def wanted(live: Manifest) -> Manifest:
        current = (live.get("spec") or {}).get("nodeName")
        if current:
            raise errors.conflict(
                replace(call.target.subject, plural="pods/binding"),
                f"pod {call.target.name} is already assigned to node {current!r}",
            )
        bound = {**live, "spec": {**live["spec"], "nodeName": node}}
        return {**bound, "status": _scheduled(live.get("status") or {}, core.now())}

    await update_object(core, call.target, Edit(wanted=wanted), call.options)
    return {**errors.success(details={}), "code": 201}


async def evict(core: Core, call: Call) -> Manifest:
    """Delete a pod in a friendly way. Disruption budgets are not enforced."""
    sent = call.body.to_object()
    options = parse_delete_options({}, sent.get("deleteOptions") or {})
    await delete_object(core, replace(call.target, subresource=""), options)
    return {**errors.success(details={}), "code": 201}


async def finalize(core: Core, call: Call) -> Written:
    """Replace a namespace's `spec.finalizers`; without any left, and deleting, it goes."""

    def wanted(live: Manifest) -> Manifest:
        sent = call.body.to_object()
        if call.verb == "patch":
            sent = merging(core, call.target, sent, call.media_type)(live)
        # Nothing else of what is sent counts, but a resourceVersion is a precondition.
        expected = metadata(sent).get("resourceVersion") or metadata(live)["resourceVersion"]
        left = (sent.get("spec") or {}).get("finalizers") or []
        held = {**live, "spec": {**(live.get("spec") or {}), "finalizers": left}}
        return with_metadata(held, resourceVersion=expected)

    return await update_object(core, call.target, Edit(wanted=wanted), call.options)


SUBRESOURCES: dict[str, Callable[[Core, Call], Awaitable[Written | Manifest]]] = {
    "binding": bind,
    "eviction": evict,
    "finalize": finalize,
    "scale": scale,
}


def _to_scale(manifest: Manifest, paths: ScalePaths) -> Manifest:
    meta = metadata(manifest)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: dict[str, Any] = {"replicas": _at(manifest, paths.status) or 0}
    if paths.selector and (selector := _at(manifest, paths.selector)):
        status["selector"] = selector if isinstance(selector, str) else _to_text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": _at(manifest, paths.spec) or 0},
        "status": status,
    }


def _scheduled(status: Manifest, now: str) -> Manifest:
    others = [c for c in status.get("conditions") or () if c.get("type") != "PodScheduled"]
    condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
    return {**status, "conditions": [condition, *others]}


def _merge_type(call: Call) -> str:
    if call.media_type == APPLY:
        raise errors.unsupported_media_type(APPLY, ("application/merge-patch+json",))
    # A Scale has no lists, so the strategic kind of patch is a plain merge.
    return call.media_type.replace("strategic-merge", "merge")


def _at(manifest: Manifest, path: str) -> Any:
    value: Any = manifest
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _with(manifest: Manifest, path: list[str], value: Any) -> Manifest:
    head, *rest = path
    if not rest:
        return {**manifest, head: value}
    return {**manifest, head: _with(manifest.get(head) or {}, rest, value)}


def _to_text(selector: Manifest) -> str:
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for e in selector.get("matchExpressions") or ():
        values = f"({','.join(e.get('values') or ())})"
        match e["operator"]:
            case "Exists":
                terms.append(e["key"])
            case "DoesNotExist":
                terms.append(f"!{e['key']}")
            case operator:
                terms.append(f"{e['key']} {operator.lower()} {values}")
    return ",".join(terms)
