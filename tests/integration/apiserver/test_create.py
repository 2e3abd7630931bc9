"""Create: identity, names, defaults, and what is refused."""

import pytest
from tests.integration.apiserver.api import (
    DEFINITIONS,
    JSON,
    NAMESPACE,
    WIDGETS,
    Api,
    config_map,
    deployment,
    pod,
    widget,
    widgets,
)

MAPS = f"{NAMESPACE}/configmaps"


async def test_a_new_object_has_an_identity_of_its_own(api: Api) -> None:
    created = await api.post(MAPS, config_map("a", x="1"))
    assert created.status == 201
    meta = created.body["metadata"]
    assert meta["name"] == "a"
    assert meta["namespace"] == "default"
    assert meta["uid"].startswith("00000000-")
    assert meta["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert int(meta["resourceVersion"]) == api.store.revision
    assert meta["managedFields"][0]["manager"] == "test"
    assert (await api.get(f"{MAPS}/a")).body == created.body


async def test_kind_and_version_may_be_left_out(api: Api) -> None:
    created = (await api.post(MAPS, {"metadata": {"name": "a"}})).ok()
    assert (created["kind"], created["apiVersion"]) == ("ConfigMap", "v1")


async def test_a_body_of_another_kind_is_refused(api: Api) -> None:
    answer = await api.post(MAPS, {**config_map("a"), "kind": "Secret"})
    assert answer.status == 400
    assert "Secret" in answer.message


async def test_a_taken_name_is_refused(api: Api) -> None:
    await api.post(MAPS, config_map("a"))
    answer = await api.post(MAPS, config_map("a"))
    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.message == 'configmaps "a" already exists'


async def test_a_bad_name_is_refused_with_the_rule(api: Api) -> None:
    answer = await api.post(MAPS, config_map("No_Good"))
    assert answer.status == 422
    assert 'metadata.name: Invalid value: "No_Good"' in answer.message
    assert answer.body["details"]["causes"][0]["field"] == "metadata.name"


async def test_a_name_is_required(api: Api) -> None:
    answer = await api.post(MAPS, {"data": {}})
    assert answer.status == 422
    assert "name or generateName is required" in answer.message


@pytest.mark.parametrize("field", ["labels", "annotations", "finalizers", "ownerReferences"])
async def test_metadata_of_the_wrong_form_is_refused(api: Api, field: str) -> None:
    odd = config_map("a")
    odd["metadata"][field] = "nonsense"
    answer = await api.post(MAPS, odd)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert f"metadata.{field}" in answer.body["message"]


async def test_generated_names_differ(api: Api) -> None:
    manifest = {"metadata": {"generateName": "job-"}}
    names = {(await api.post(MAPS, manifest)).ok()["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("job-") for name in names)


async def test_a_namespace_that_does_not_exist_is_named(api: Api) -> None:
    answer = await api.post("/api/v1/namespaces/nope/configmaps", config_map("a"))
    assert answer.status == 404
    assert answer.message == 'namespaces "nope" not found'


async def test_a_namespace_that_is_going_takes_nothing_new(api: Api) -> None:
    await api.post("/api/v1/namespaces", {"metadata": {"name": "team"}})
    await api.delete("/api/v1/namespaces/team")
    answer = await api.post("/api/v1/namespaces/team/configmaps", config_map("a"))
    assert answer.status == 403
    assert answer.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"


async def test_strict_validation_refuses_unknown_and_duplicate_fields(api: Api) -> None:
    body = (
        b'{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i",'
        b' "imagee": "x"}], "foo": 1, "hostNetwork": true, "hostNetwork": false}}'
    )
    answer = await api.post(f"{NAMESPACE}/pods", body, fieldValidation="Strict")
    assert answer.status == 400
    assert "strict decoding error" in answer.message
    assert 'unknown field "spec.foo"' in answer.message
    assert 'unknown field "spec.containers[0].imagee"' in answer.message
    assert 'duplicate field "spec.hostNetwork"' in answer.message


async def test_by_default_unknown_fields_are_dropped_with_a_warning(api: Api) -> None:
    created = await api.post(MAPS, {**config_map("a"), "foo": 1})
    assert created.warnings == ['299 - "unknown field \\"foo\\""']
    assert "foo" not in created.ok()


async def test_unknown_fields_can_be_ignored(api: Api) -> None:
    created = await api.post(MAPS, {**config_map("a"), "foo": 1}, fieldValidation="Ignore")
    assert created.warnings == []
    assert "foo" not in created.ok()


async def test_every_problem_of_an_object_is_reported_at_once(api: Api) -> None:
    broken = deployment("web", replicas="two")
    del broken["spec"]["selector"]
    answer = await api.post("/apis/apps/v1/namespaces/default/deployments", broken)
    assert answer.status == 422
    fields = {cause["field"] for cause in answer.body["details"]["causes"]}
    assert {"spec.replicas", "spec.selector"} <= fields


async def test_a_dry_run_checks_everything_and_keeps_nothing(api: Api) -> None:
    before = api.store.revision
    created = (await api.post(MAPS, config_map("a"), dryRun="All")).ok()
    assert created["metadata"]["uid"]
    assert api.store.revision == before
    assert (await api.get(f"{MAPS}/a")).status == 404
    assert (await api.post(MAPS, config_map("NO"), dryRun="All")).status == 422


async def test_a_creator_cannot_claim_a_status(widget_api: Api) -> None:
    created = (await widget_api.post(WIDGETS, widget("a", status={"ready": True}))).ok()
    assert "status" not in created
    created = (await widget_api.post(f"{NAMESPACE}/pods", pod("p", nodeName="n"))).ok()
    assert created["status"]["phase"] == "Pending"


async def test_a_body_may_be_yaml(api: Api) -> None:
    text = b"metadata:\n  name: a\ndata:\n  day: '2026-01-01'\n"
    created = await api.call("POST", MAPS, text, kind="application/yaml")
    assert created.ok()["data"] == {"day": "2026-01-01"}


async def test_yaml_knows_no_times(api: Api) -> None:
    text = b"metadata: {name: a}\ndata: {day: 2026-01-01}\n"
    created = await api.call("POST", MAPS, text, kind="application/yaml")
    assert created.ok()["data"] == {"day": "2026-01-01"}


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "unrecognized"),
        (b"[]", "application/json", 400, "not a JSON object"),
        (b'{"data": NaN}', "application/json", 400, "NaN"),
        (b'{"data": 1e999}', "application/json", 400, "1e999"),
        (b'{"metadata": {"name": "a"}, "data": {"x": "\\ud800"}}', JSON, 400, "JSON"),
        (b'{"metadata": {"name": "a"}, "x": ' + b"[" * 900 + b"]" * 900 + b"}", JSON, 201, ""),
        (b"a: [", "application/yaml", 400, "error parsing YAML"),
        (b"x", "application/cbor", 415, "application/json"),
        (b"x", "application/vnd.kubernetes.protobuf", 415, "prefix"),
    ],
)
async def test_no_body_confuses_the_server(
    api: Api, body: bytes, kind: str, status: int, said: str
) -> None:
    answer = await api.call("POST", MAPS, body, kind=kind)
    assert answer.status == status
    assert said in str(answer.body)


async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    answer = await api.post(MAPS, config_map("a", x="y" * 4_000_000))
    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")


async def test_the_api_server_allocates_cluster_addresses(api: Api) -> None:
    services = f"{NAMESPACE}/services"
    spec = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    one = (await api.post(services, {"metadata": {"name": "one"}, "spec": spec})).ok()["spec"]
    two = (await api.post(services, {"metadata": {"name": "two"}, "spec": spec})).ok()["spec"]
    assert one["clusterIP"] != two["clusterIP"]
    assert one["clusterIPs"] == [one["clusterIP"]]
    assert 32 <= int(one["clusterIP"].split(".")[1]) < 64
    assert one["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    await api.delete(f"{services}/one")
    again = (await api.post(services, {"metadata": {"name": "one"}, "spec": spec})).ok()["spec"]
    assert again["clusterIP"] == one["clusterIP"]


async def test_a_cluster_address_belongs_to_one_service(api: Api) -> None:
    services = f"{NAMESPACE}/services"
    wish = {"ports": [{"port": 80}], "clusterIP": "127.40.0.1"}
    (await api.post(services, {"metadata": {"name": "one"}, "spec": wish})).ok()
    taken = await api.post(services, {"metadata": {"name": "two"}, "spec": wish})
    assert taken.status == 422
    assert "already allocated" in taken.message
    outside = {"ports": [{"port": 80}], "clusterIP": "10.0.0.1"}
    refused = await api.post(services, {"metadata": {"name": "two"}, "spec": outside})
    assert "127.32.0.0/11" in refused.message


async def test_a_headless_service_has_no_address(api: Api) -> None:
    spec = {"clusterIP": "None", "selector": {"app": "web"}}
    manifest = {"metadata": {"name": "headless"}, "spec": spec}
    created = (await api.post(f"{NAMESPACE}/services", manifest)).ok()
    assert created["spec"]["clusterIP"] == "None"


async def test_string_data_of_a_secret_is_kept_encoded(api: Api) -> None:
    manifest = {"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}
    created = (await api.post(f"{NAMESPACE}/secrets", manifest)).ok()
    assert created["data"] == {"password": "aHVudGVyMg=="}
    assert created["type"] == "Opaque"
    assert "stringData" not in created


async def test_what_cannot_be_kept_is_refused_before_anything_is_written(api: Api) -> None:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    (await api.post(DEFINITIONS, widgets(schema={"openAPIV3Schema": anything}))).ok()
    before = api.store.revision
    half = b'{"metadata": {"name": "a"}, "text": "\\udc00"}'
    answer = await api.post(WIDGETS, half)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert api.store.revision == before
    large = b'{"metadata": {"name": "a"}, "number": 18446744073709551616, "part": 0.1}'
    kept = (await api.post(WIDGETS, large)).ok()
    assert (kept["number"], kept["part"]) == (18446744073709551616, 0.1)
