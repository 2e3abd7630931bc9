"""The server around the verbs: discovery, tables, authentication, and what is not supported."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from tests.integration.apiserver.api import (
    DEFINITIONS,
    NAMESPACE,
    WIDGETS,
    Api,
    config_map,
    pod,
    running_api,
    widget,
    widgets,
)

from kaito.api.meta import Manifest
from kaito.base.clock import ManualClock, SystemClock
from kaito.base.errors import KaitoError
from kaito.local.apiserver.pki import ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.store.memory import MemoryStore
from kaito.local.store.sqlite import SqliteStore

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
MAPS = f"{NAMESPACE}/configmaps"


@dataclass(frozen=True)
class Secured:
    """A server behind TLS, and the certificate that clients are to believe."""

    url: str
    context: ssl.SSLContext


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    clock = SystemClock()
    pki = ensure_pki(tmp_path / "pki", clock.now())
    server = ApiServer(MemoryStore(), clock, token="secret")
    address = TlsAddress(host="127.0.0.1", port=0, certificate=pki.certificate, key=pki.key)
    port = await server.start(tls=address)
    yield Secured(f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=pki.ca))
    await server.stop()


async def fetch(secured: Secured, path: str, **headers: str) -> tuple[int, str]:
    connector = aiohttp.TCPConnector(ssl=secured.context)
    async with (
        aiohttp.ClientSession(secured.url, connector=connector) as session,
        session.get(path, headers=headers) as response,
    ):
        return response.status, await response.text()


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic secret", "Bearer", "secret"])
async def test_over_tls_only_the_token_gets_in(secured: Secured, given: str) -> None:
    headers = {"Authorization": given} if given else {}
    status, body = await fetch(secured, "/api/v1/pods", **headers)
    assert status == 401
    assert '"reason":"Unauthorized"' in body
    status, _ = await fetch(secured, "/api/v1/pods", Authorization="Bearer secret")
    assert status == 200


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/livez/ping"])
async def test_health_and_version_need_no_token(secured: Secured, path: str) -> None:
    status, _ = await fetch(secured, path)
    assert status == (401 if path == "/livez/ping" else 200)


async def test_a_taken_port_is_an_error_of_one_line(secured: Secured, tmp_path: Path) -> None:
    port = int(secured.url.rpartition(":")[2])
    pki = ensure_pki(tmp_path / "pki", SystemClock().now())
    server = ApiServer(MemoryStore(), SystemClock(), token="secret")
    address = TlsAddress(host="127.0.0.1", port=port, certificate=pki.certificate, key=pki.key)
    with pytest.raises(KaitoError, match=f"cannot listen on 127.0.0.1:{port}"):
        await server.start(tls=address)
    await server.stop()


async def test_a_socket_path_that_is_too_long_is_an_error_of_one_line(tmp_path: Path) -> None:
    server = ApiServer(MemoryStore(), SystemClock(), token="secret")
    with pytest.raises(KaitoError, match="longer than this system allows"):
        await server.start(unix_socket=tmp_path / ("x" * 100) / "api.sock")
    await server.stop()


async def test_the_socket_is_private(api: Api, tmp_path: Path) -> None:
    (await api.get("/version")).ok()
    assert permissions(tmp_path / "api.sock") == 0o600


def permissions(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def test_discovery_in_both_forms_lists_the_same(widget_api: Api) -> None:
    groups = (await widget_api.get("/apis")).ok()["groups"]
    plain = set()
    for group in groups:
        for version in group["versions"]:
            listed = (await widget_api.get(f"/apis/{version['groupVersion']}")).ok()
            plain |= {(version["groupVersion"], r["name"]) for r in listed["resources"]}
    answer = (await widget_api.call("GET", "/apis", accept=AGGREGATED)).ok()
    found = set()
    for item in answer["items"]:
        for version in item["versions"]:
            api_version = f"{item['metadata']['name']}/{version['version']}"
            for resource in version["resources"]:
                found.add((api_version, resource["resource"]))
                for below in resource.get("subresources", ()):
                    found.add((api_version, f"{resource['resource']}/{below['subresource']}"))
    assert found == plain
    assert ("example.com/v1", "widgets/status") in found
    widget_group = next(g for g in groups if g["name"] == "example.com")
    assert widget_group["preferredVersion"]["version"] == "v1"


async def test_every_served_kind_has_an_openapi_schema(widget_api: Api) -> None:
    index = (await widget_api.get("/openapi/v3")).ok()["paths"]
    described = set()
    for entry in index.values():
        document = (await widget_api.get(entry["serverRelativeURL"].partition("?")[0])).ok()
        for schema in document["components"]["schemas"].values():
            for kind in schema.get("x-kubernetes-group-version-kind", ()):
                described.add((kind["group"], kind["version"], kind["kind"]))
    served = {
        (s.group, version, s.kind)
        for s in widget_api.server.core.registry
        for version in s.version_names
    }
    assert served <= described


async def test_openapi_says_that_fields_are_validated_here(api: Api) -> None:
    document = (await api.get("/openapi/v3/apis/apps/v1")).ok()
    path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    parameters = {p["name"] for p in document["paths"][path]["patch"]["parameters"]}
    assert "fieldValidation" in parameters


async def test_a_changed_definition_changes_the_address_of_its_openapi(widget_api: Api) -> None:
    index = (await widget_api.get("/openapi/v3")).ok()["paths"]
    before = index["apis/example.com/v1"]["serverRelativeURL"]
    patch = {"spec": {"names": {"shortNames": ["w"]}}}
    (await widget_api.patch(f"{DEFINITIONS}/widgets.example.com", patch)).ok()
    index = (await widget_api.get("/openapi/v3")).ok()["paths"]
    assert index["apis/example.com/v1"]["serverRelativeURL"] == before
    changed = widgets()["spec"]["versions"]
    changed[1]["schema"]["openAPIV3Schema"]["properties"]["new"] = {"type": "string"}
    patch = {"spec": {"versions": changed}}
    (await widget_api.patch(f"{DEFINITIONS}/widgets.example.com", patch)).ok()
    index = (await widget_api.get("/openapi/v3")).ok()["paths"]
    assert index["apis/example.com/v1"]["serverRelativeURL"] != before


async def test_objects_come_as_tables_when_asked_for(api: Api, clock: ManualClock) -> None:
    (await api.post(f"{NAMESPACE}/pods", pod("p"))).ok()
    await clock.advance(200)
    table = (await api.call("GET", f"{NAMESPACE}/pods", accept=TABLE)).ok()
    assert table["kind"] == "Table"
    names = [c["name"] for c in table["columnDefinitions"] if not c["priority"]]
    assert names == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["cells"][:5] == ["p", "0/1", "Pending", "0", "3m20s"]
    assert table["rows"][0]["object"]["metadata"]["name"] == "p"


async def test_the_columns_of_a_definition_are_printed(api: Api) -> None:
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".size"},
        {"name": "Ready", "type": "string", "jsonPath": ".status.ready", "priority": 1},
    ]
    (await api.post(DEFINITIONS, widgets(additionalPrinterColumns=columns))).ok()
    (await api.post(WIDGETS, widget("a"))).ok()
    table = (await api.call("GET", WIDGETS, accept=TABLE)).ok()
    assert [(c["name"], c["priority"]) for c in table["columnDefinitions"]] == [
        ("Name", 0),
        ("Size", 0),
        ("Ready", 1),
    ]
    assert table["rows"][0]["cells"] == ["a", 3, ""]


async def test_a_watch_of_tables_sends_the_columns_once(api: Api) -> None:
    for name in "ab":
        (await api.post(MAPS, config_map(name))).ok()
    async with api.watching(MAPS, accept=TABLE) as stream:
        _, first = await stream.next()
        _, second = await stream.next()
    assert first["columnDefinitions"]
    assert second["columnDefinitions"] is None
    assert second["rows"][0]["cells"][0] == "b"


async def test_objects_come_as_their_metadata_when_asked_for(api: Api) -> None:
    (await api.post(MAPS, config_map("a", x="1"))).ok()
    one = (await api.call("GET", f"{MAPS}/a", accept=PARTIAL)).ok()
    assert (one["kind"], one["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    assert "data" not in one
    many = (await api.call("GET", MAPS, accept=PARTIAL_LIST)).ok()
    assert many["kind"] == "PartialObjectMetadataList"
    assert "data" not in many["items"][0]


async def test_what_cannot_be_produced_is_a_406(api: Api) -> None:
    answer = await api.call("GET", MAPS, accept="application/vnd.kubernetes.protobuf")
    assert (answer.status, answer.body["reason"]) == (406, "NotAcceptable")
    both = "application/vnd.kubernetes.protobuf,application/json"
    assert (await api.call("GET", MAPS, accept=both)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/api/v1/unknown", 404, "NotFound"),
        ("GET", "/apis/apps/v1/namespaces/default/daemonsets", 404, "NotFound"),
        ("GET", "/apis/none/v1", 404, "NotFound"),
        ("GET", "/apis/none", 404, "NotFound"),
        ("GET", "/nothing/here", 404, "NotFound"),
        ("GET", "/openapi/v3/apis/none/v1", 404, "NotFound"),
        ("GET", "/api/v1/pods/p", 400, "BadRequest"),
        ("GET", "/api/v1/namespaces/default/nodes", 404, "NotFound"),
        ("POST", "/version", 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/namespaces", 405, "MethodNotAllowed"),
        ("PATCH", MAPS, 405, "MethodNotAllowed"),
        ("GET", f"{NAMESPACE}/pods/p/binding", 405, "MethodNotAllowed"),
        ("GET", f"{NAMESPACE}/pods/p/proxy", 501, "NotImplemented"),
        ("GET", f"{NAMESPACE}/pods/p/nonsense", 404, "NotFound"),
    ],
)
async def test_whatever_is_not_there_answers_with_a_status(
    api: Api, method: str, path: str, status: int, reason: str
) -> None:
    answer = await api.call(method, path)
    assert (answer.status, answer.body["kind"]) == (status, "Status")
    assert (answer.body["code"], answer.body["reason"]) == (status, reason)


async def test_streams_need_a_pod_and_a_node_agent(api: Api) -> None:
    missing = await api.get(f"{NAMESPACE}/pods/p/log")
    assert (missing.status, missing.message) == (404, 'pods "p" not found')
    (await api.post(f"{NAMESPACE}/pods", pod("p"))).ok()
    answer = await api.get(f"{NAMESPACE}/pods/p/log")
    assert answer.status == 501
    assert "node agent" in answer.message


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "x"},
        {"timeoutSeconds": "-1"},
        {"resourceVersion": "abc"},
        {"resourceVersionMatch": "Sometimes", "resourceVersion": "1"},
        {"resourceVersionMatch": "Exact"},
        {"watch": "1", "sendInitialEvents": "true"},
        {"labelSelector": "a in b"},
        {"fieldSelector": "name"},
    ],
)
async def test_a_bad_parameter_is_a_400(api: Api, query: dict[str, str]) -> None:
    answer = await api.get(MAPS, **query)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


class NoBlue:
    """Admission that dislikes one value, and fills in another."""

    def default(self, resource: str, manifest: Manifest) -> Manifest:
        return {**manifest, "parts": ["default"]} if resource == "widgets.example.com" else manifest

    def admit(
        self, operation: str, resource: str, *, old: Manifest | None, new: Manifest | None
    ) -> tuple[str, ...]:
        if operation == "DELETE" and old is not None and old["metadata"]["name"] == "kept":
            return ("it is kept",)
        data = (new or {}).get("data") or {}
        return ("blue is out",) if data.get("colour") == "blue" else ()


async def test_admission_defaults_and_denies(tmp_path: Path, clock: ManualClock) -> None:
    async with running_api(tmp_path, clock, admission=NoBlue()) as api:
        (await api.post(DEFINITIONS, widgets())).ok()
        created = (await api.post(WIDGETS, widget("a"))).ok()
        assert created["parts"] == ["default"]
        denied = await api.post(MAPS, config_map("a", colour="blue"))
        assert denied.status == 403
        assert denied.message == 'configmaps "a" is forbidden: blue is out'
        (await api.post(MAPS, config_map("kept"))).ok()
        assert (await api.delete(f"{MAPS}/kept")).status == 403
        changed = await api.patch(f"{MAPS}/kept", {"data": {"colour": "blue"}})
        assert changed.status == 403


async def test_a_definition_is_established_at_once(widget_api: Api) -> None:
    path = f"{DEFINITIONS}/widgets.example.com"
    status = (await widget_api.get(path)).ok()["status"]
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert status["storedVersions"] == ["v1"]
    assert status["acceptedNames"]["singular"] == "widget"


async def test_a_definition_that_cannot_be_served_is_refused(api: Api) -> None:
    broken = widgets()
    broken["spec"]["versions"][0]["storage"] = True
    assert "exactly one version" in (await api.post(DEFINITIONS, broken)).message
    broken = widgets(schema={})
    assert "schemas are required" in (await api.post(DEFINITIONS, broken)).message
    broken = widgets(schema={"openAPIV3Schema": {"type": "object", "properties": {"a": 1}}})
    assert (await api.post(DEFINITIONS, broken)).status == 422
    broken = {**widgets(), "metadata": {"name": "other.example.com"}}
    assert "spec.names.plural" in (await api.post(DEFINITIONS, broken)).message


async def test_a_deprecated_version_warns(api: Api) -> None:
    (await api.post(DEFINITIONS, widgets(deprecated=True))).ok()
    answer = await api.post(WIDGETS, widget("a"))
    assert answer.warnings == ['299 - "example.com/v1 Widget is deprecated"']


async def test_definitions_and_objects_outlive_the_server(
    tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "state.db"
    async with running_api(tmp_path, clock, store=await SqliteStore.open(file)) as api:
        (await api.post(DEFINITIONS, widgets())).ok()
        (await api.post(WIDGETS, widget("a"))).ok()
        spec = {"ports": [{"port": 80}], "clusterIP": "127.40.0.1"}
        service = {"metadata": {"name": "s"}, "spec": spec}
        (await api.post(f"{NAMESPACE}/services", service)).ok()
        revision = api.store.revision
    async with running_api(tmp_path, clock, store=await SqliteStore.open(file)) as api:
        assert api.store.revision == revision
        assert (await api.get(f"{WIDGETS}/a")).ok()["size"] == 3
        other = {"metadata": {"name": "other"}, "spec": spec}
        taken = await api.post(f"{NAMESPACE}/services", other)
        assert "already allocated" in taken.message


async def test_everyone_who_is_let_in_may_do_everything(api: Api) -> None:
    review = {"spec": {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await api.post(path, review)
    assert (answer.status, answer.body["status"]["allowed"]) == (201, True)
