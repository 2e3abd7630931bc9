"""The rows of Nodes, Namespaces, Services, Events and what else is not a workload."""

from datetime import datetime

from kaito.api.meta import Manifest
from kaito.local.apiserver.table.cells import (
    NONE,
    UNKNOWN,
    at,
    computed,
    number,
    text,
    timed,
)
from kaito.local.apiserver.table.render import AGE, NAME, Cell, age_of

_ROLE = "node-role.kubernetes.io/"


def _node_status(node: Manifest) -> Cell:
    conditions = {c.get("type"): c.get("status") for c in at(node, "status", "conditions") or ()}
    words = {"True": "Ready", "False": "NotReady"}
    found = [words.get(conditions.get("Ready", ""), "Unknown")]
    if at(node, "spec", "unschedulable"):
        found.append("SchedulingDisabled")
    return ",".join(found)


def _node_roles(node: Manifest) -> Cell:
    labels = at(node, "metadata", "labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    return ",".join(roles) or NONE


def _address(node: Manifest, kind: str) -> Cell:
    addresses = at(node, "status", "addresses") or ()
    return next((a.get("address", "") for a in addresses if a.get("type") == kind), NONE)


NODE_COLUMNS = (
    NAME,
    computed("Status", _node_status),
    computed("Roles", _node_roles),
    AGE,
    text("Version", "status", "nodeInfo", "kubeletVersion", missing=""),
    computed("Internal-IP", lambda node: _address(node, "InternalIP"), wide=True),
    computed("External-IP", lambda node: _address(node, "ExternalIP"), wide=True),
    text("OS-Image", "status", "nodeInfo", "osImage", missing=UNKNOWN, wide=True),
    text("Kernel-Version", "status", "nodeInfo", "kernelVersion", missing=UNKNOWN, wide=True),
    text(
        "Container-Runtime",
        "status",
        "nodeInfo",
        "containerRuntimeVersion",
        missing=UNKNOWN,
        wide=True,
    ),
)

NAMESPACE_COLUMNS = (NAME, text("Status", "status", "phase", missing=""), AGE)


def _external_address(service: Manifest) -> Cell:
    spec = service.get("spec") or {}
    external = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", NONE))
        case "LoadBalancer":
            ingress = at(service, "status", "loadBalancer", "ingress") or ()
            found = [i.get("ip") or i.get("hostname") or "" for i in ingress]
            return ",".join([*found, *external]) or "<pending>"
    return ",".join(external) or NONE


def _service_ports(service: Manifest) -> Cell:
    texts = []
    for port in at(service, "spec", "ports") or ():
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or NONE


def _service_selector(service: Manifest) -> Cell:
    selector = at(service, "spec", "selector") or {}
    return ",".join(f"{k}={v}" for k, v in sorted(selector.items())) or NONE


SERVICE_COLUMNS = (
    NAME,
    text("Type", "spec", "type"),
    text("Cluster-IP", "spec", "clusterIP"),
    computed("External-IP", _external_address),
    computed("Port(s)", _service_ports),
    AGE,
    computed("Selector", _service_selector, wide=True),
)


def _endpoints(endpoints: Manifest) -> Cell:
    found = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in endpoints.get("subsets") or ()
        for port in subset.get("ports") or [{}]
        for address in subset.get("addresses") or ()
    ]
    return _some(found)


ENDPOINTS_COLUMNS = (NAME, computed("Endpoints", _endpoints), AGE)


def _slice_ports(item: Manifest) -> Cell:
    ports = [str(p.get("port")) for p in item.get("ports") or () if p.get("port") is not None]
    return _some(ports, missing="<unset>")


def _slice_addresses(item: Manifest) -> Cell:
    endpoints = item.get("endpoints") or ()
    return _some([a for e in endpoints for a in e.get("addresses") or ()], missing="<unset>")


ENDPOINT_SLICE_COLUMNS = (
    NAME,
    text("AddressType", "addressType"),
    computed("Ports", _slice_ports),
    computed("Endpoints", _slice_addresses),
    AGE,
)


def _last_seen(event: Manifest, now: datetime) -> Cell:
    times = (
        at(event, "series", "lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        at(event, "metadata", "creationTimestamp"),
    )
    return age_of(next((time for time in times if time), None), now)


def _first_seen(event: Manifest, now: datetime) -> Cell:
    return age_of(event.get("firstTimestamp") or event.get("eventTime"), now)


def _event_object(event: Manifest) -> Cell:
    involved = event.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _event_source(event: Manifest) -> Cell:
    source = event.get("source") or {}
    named = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return ", ".join(part for part in (named, host) if part)


EVENT_COLUMNS = (
    timed("Last Seen", _last_seen),
    text("Type", "type", missing=""),
    text("Reason", "reason", missing=""),
    computed("Object", _event_object),
    text("Subobject", "involvedObject", "fieldPath", missing="", wide=True),
    computed("Source", _event_source, wide=True),
    computed("Message", lambda event: str(event.get("message") or "").strip()),
    computed("Count", lambda event: int(event.get("count") or 1), shown_as="integer", wide=True),
    text("Name", "metadata", "name", wide=True),
)

CONFIG_MAP_COLUMNS = (
    NAME,
    computed("Data", lambda m: len({**(m.get("data") or {}), **(m.get("binaryData") or {})})),
    AGE,
)
SECRET_COLUMNS = (
    NAME,
    text("Type", "type"),
    computed("Data", lambda m: len(m.get("data") or {})),
    AGE,
)
SERVICE_ACCOUNT_COLUMNS = (
    NAME,
    computed("Secrets", lambda m: len(m.get("secrets") or ())),
    AGE,
)
LEASE_COLUMNS = (NAME, text("Holder", "spec", "holderIdentity", missing=""), AGE)
DEFINITION_COLUMNS = (
    NAME,
    text("Created At", "metadata", "creationTimestamp", missing=""),
)
CLAIM_COLUMNS = (
    NAME,
    text("Status", "status", "phase", missing=""),
    text("Volume", "spec", "volumeName", missing=""),
    text("Capacity", "status", "capacity", "storage", missing=""),
    computed("Access Modes", lambda m: ",".join(at(m, "spec", "accessModes") or ())),
    text("StorageClass", "spec", "storageClassName", missing=""),
    AGE,
)
STORAGE_CLASS_COLUMNS = (
    NAME,
    text("Provisioner", "provisioner"),
    text("ReclaimPolicy", "reclaimPolicy", missing="Delete"),
    text("VolumeBindingMode", "volumeBindingMode", missing="Immediate"),
    AGE,
)
BUDGET_COLUMNS = (
    NAME,
    text("Min Available", "spec", "minAvailable", missing="N/A"),
    text("Max Unavailable", "spec", "maxUnavailable", missing="N/A"),
    number("Allowed Disruptions", "status", "disruptionsAllowed"),
    AGE,
)
REVISION_COLUMNS = (NAME, number("Revision", "revision"), AGE)


def _some(found: list[str], missing: str = NONE) -> str:
    if len(found) > 3:
        return f"{','.join(found[:3])} + {len(found) - 3} more..."
    return ",".join(found) or missing


def _role(binding: Manifest) -> Cell:
    reference = binding.get("roleRef") or {}
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _subjects(binding: Manifest, kind: str) -> Cell:
    found = [subject for subject in binding.get("subjects") or () if subject.get("kind") == kind]
    names = (
        f"{subject.get('namespace', '')}/{subject['name']}"
        if kind == "ServiceAccount"
        else str(subject["name"])
        for subject in found
    )
    return ", ".join(names)


def _pod_selector(policy: Manifest) -> Cell:
    wanted = at(policy, "spec", "podSelector", "matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(wanted.items())) or NONE


ROLE_COLUMNS = (NAME, text("Created At", "metadata", "creationTimestamp", missing=""))
BINDING_COLUMNS = (
    NAME,
    computed("Role", _role),
    AGE,
    computed("Users", lambda binding: _subjects(binding, "User"), wide=True),
    computed("Groups", lambda binding: _subjects(binding, "Group"), wide=True),
    computed("ServiceAccounts", lambda binding: _subjects(binding, "ServiceAccount"), wide=True),
)
POLICY_COLUMNS = (NAME, computed("Pod-Selector", _pod_selector), AGE)
WEBHOOK_COLUMNS = (
    NAME,
    computed("Webhooks", lambda configuration: len(configuration.get("webhooks") or ())),
    AGE,
)
PRIORITY_COLUMNS = (
    NAME,
    number("Value", "value"),
    computed("Global-Default", lambda found: str(bool(found.get("globalDefault"))).lower()),
    AGE,
    text("PreemptionPolicy", "preemptionPolicy", missing=""),
)
