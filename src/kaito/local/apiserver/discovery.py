"""Discovery: which groups, versions and resources there are, in the old and the aggregated form.

Pure functions of the registry.
https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from typing import Any

from kaito.api.meta import Manifest
from kaito.local.apiserver.registry import Registry, Served, Subresource

_CORE_VERSIONS = "v1"


def core_versions() -> Manifest:
    """What `/api` answers."""
    return {"kind": "APIVersions", "versions": [_CORE_VERSIONS], "serverAddressByClientCIDRs": []}


def group_list(registry: Registry) -> Manifest:
    """What `/apis` answers."""
    groups = [_group(name, versions) for name, versions in _groups(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def one_group(registry: Registry, name: str) -> Manifest | None:
    """What `/apis/<group>` answers; None where there is no such group."""
    versions = _groups(registry).get(name)
    if not versions or not name:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def resource_list(registry: Registry, group: str, version: str) -> Manifest | None:
    """What `/api/v1` and `/apis/<group>/<version>` answer; None where nothing is served there."""
    found = registry.in_version(group, version)
    if not found:
        return None
    resources = [entry for served in found for entry in _resource_entries(served, version)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def aggregated(registry: Registry, *, core: bool) -> Manifest:
    """What `/api` (core) and `/apis` answer to `as=APIGroupDiscoveryList`."""
    items = [
        _group_discovery(registry, name, versions)
        for name, versions in _groups(registry).items()
        if core is (name == "")
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _groups(registry: Registry) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group, version in registry.group_versions():
        found.setdefault(group, []).append(version)
    return found


def _group(name: str, versions: list[str]) -> Manifest:
    entries = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def _resource_entries(served: Served, version: str) -> list[Manifest]:
    main: dict[str, Any] = {
        "name": served.plural,
        "singularName": served.singular,
        "namespaced": served.namespaced,
        "kind": served.kind,
        "verbs": list(served.verbs),
        "storageVersionHash": "",
    }
    if served.short_names:
        main["shortNames"] = list(served.short_names)
    if served.categories:
        main["categories"] = list(served.categories)
    return [main, *(_subresource_entry(served, s) for s in served.all_subresources(version))]


def _subresource_entry(served: Served, subresource: Subresource) -> Manifest:
    group, _, version = subresource.api_version.rpartition("/")
    named = {"group": group, "version": version} if subresource.api_version else {}
    return {
        "name": f"{served.plural}/{subresource.name}",
        "singularName": "",
        "namespaced": served.namespaced,
        "kind": subresource.kind or served.kind,
        "verbs": list(subresource.verbs),
        **named,
    }


def _group_discovery(registry: Registry, name: str, versions: list[str]) -> Manifest:
    entries = [
        {
            "version": version,
            "freshness": "Current",
            "resources": [_discovered(s, version) for s in registry.in_version(name, version)],
        }
        for version in versions
    ]
    return {"metadata": {"name": name} if name else {}, "versions": entries}


def _discovered(served: Served, version: str) -> Manifest:
    kind = {"group": served.group, "version": version, "kind": served.kind}
    entry: dict[str, Any] = {
        "resource": served.plural,
        "responseKind": kind,
        "scope": "Namespaced" if served.namespaced else "Cluster",
        "singularResource": served.singular,
        "verbs": list(served.verbs),
    }
    if served.short_names:
        entry["shortNames"] = list(served.short_names)
    if served.categories:
        entry["categories"] = list(served.categories)
    below = [_discovered_subresource(s, kind) for s in served.all_subresources(version)]
    return {**entry, "subresources": below} if below else entry


def _discovered_subresource(subresource: Subresource, parent: Manifest) -> Manifest:
    kind = dict(parent)
    if subresource.kind:
        kind["kind"] = subresource.kind
    if subresource.api_version:
        kind["group"], _, kind["version"] = subresource.api_version.rpartition("/")
    return {
        "subresource": subresource.name,
        "responseKind": kind,
        "verbs": list(subresource.verbs),
    }
