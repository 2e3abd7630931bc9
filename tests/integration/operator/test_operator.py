"""The operator as a process: what it writes, answers and logs, and how it ends."""

import asyncio
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.operator.cluster import (
    HOST,
    Cluster,
    eventually,
    install_crds,
    running_cluster,
    workspace,
)

from kaito.api.core import LEASES, NAMESPACES
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.kube import errors

LEASE = Key("default", "kaito-operator")


async def claims(cluster: Cluster) -> tuple[str, ...]:
    listing = await cluster.client.list(NODECLAIMS)
    return tuple(c.metadata.labels["kaito.sh/workspace"] for c in listing.items)


async def test_a_workspace_gets_its_node_claim_and_a_status(cluster: Cluster) -> None:
    async with cluster.operator() as operator:
        await operator.says("leading")
        await cluster.client.create(WORKSPACES, workspace("w"))

        async def is_claimed() -> bool:
            return await claims(cluster) == ("w",)

        await eventually(is_claimed)
        (claim,) = (await cluster.client.list(NODECLAIMS)).items
        assert claim.spec.node_class_ref.kind == "KaitoNodeClass"

        async def is_told() -> bool:
            found = await cluster.client.get(WORKSPACES, Key("default", "w"))
            return bool(found.status.conditions)

        await eventually(is_told)


async def test_probes_and_metrics_tell_of_it(cluster: Cluster) -> None:
    await cluster.client.create(WORKSPACES, workspace("w"))
    async with cluster.operator() as operator:
        await operator.says("leading")
        assert await operator.get("probes", "/healthz") == (200, "ok")
        assert await operator.get("probes", "/readyz") == (200, "ok")

        async def is_counted() -> bool:
            status, text = await operator.get("metrics", "/metrics")
            assert status == 200
            found = {
                (sample.name, tuple(sorted(sample.labels.values()))): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
            assert found["leader_election_master_status", ("kaito-operator",)] == 1
            assert found["kaito_workspace_count", ("pending",)] == 1
            assert found["kaito_workspace_count", ("error",)] == 0
            key = ("201", "create", "nodeclaims.karpenter.sh")
            return found.get(("kaito_api_requests_total", key), 0) == 1

        await eventually(is_counted)


async def test_told_to_stop_it_drains_gives_the_lease_away_and_ends_well(cluster: Cluster) -> None:
    async with cluster.operator() as operator:
        await operator.says("leading")
        operator.process.send_signal(signal.SIGTERM)

        assert await operator.ended() == 0
        await operator.says("the operator has stopped")

    lease = await cluster.client.get(LEASES, LEASE)
    assert lease.spec.holder_identity == ""
    assert not operator.errors


async def test_a_killed_leader_is_replaced_and_the_standby_was_ready_all_along(
    cluster: Cluster,
) -> None:
    async with cluster.operator() as first:
        await first.says("leading")
        async with cluster.operator() as second:
            await second.says("standing by")
            assert await second.get("probes", "/readyz") == (200, "ok")
            first.process.kill()
            await first.ended()
            await cluster.client.create(WORKSPACES, workspace("after"))

            await second.says("leading")

            async def is_claimed() -> bool:
                return await claims(cluster) == ("after",)

            await eventually(is_claimed)


async def test_a_leader_that_was_frozen_wakes_up_to_end_without_writing(cluster: Cluster) -> None:
    async with cluster.operator() as first:
        await first.says("leading")
        first.process.send_signal(signal.SIGSTOP)
        async with cluster.operator() as second:
            await second.says("leading")
            writer = (await cluster.client.get(LEASES, LEASE)).spec.holder_identity
            await cluster.client.create(WORKSPACES, workspace("after"))

            first.process.send_signal(signal.SIGCONT)

            assert await first.ended() == 1
            await first.says("ended", level="error")
            assert not [r for r in first.logs if r["message"] == "lease not released"]
            lease = await cluster.client.get(LEASES, LEASE)
            assert lease.spec.holder_identity == writer


async def test_a_leader_that_loses_its_lease_ends_with_an_error(cluster: Cluster) -> None:
    async with cluster.operator() as operator:
        await operator.says("leading")
        stolen = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 3600}}
        await cluster.client.patch(LEASES, LEASE, stolen)

        assert await operator.ended() == 1
        record = await operator.says("ended")

    assert record["level"] == "error"
    assert record["error"] == "lease default/kaito-operator is held by 'thief'"
    assert (await cluster.client.get(LEASES, LEASE)).spec.holder_identity == "thief"


async def test_without_election_it_works_without_a_lease(cluster: Cluster) -> None:
    await cluster.client.create(WORKSPACES, workspace("w"))
    async with cluster.operator("--leader-elect=false"):

        async def is_claimed() -> bool:
            return await claims(cluster) == ("w",)

        await eventually(is_claimed)

    with pytest.raises(errors.NotFound):
        await cluster.client.get(LEASES, LEASE)


async def test_an_operator_of_one_namespace_leaves_others_alone(cluster: Cluster) -> None:
    meta = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}
    await cluster.client.create(NAMESPACES, meta)
    await cluster.client.create(WORKSPACES, workspace("theirs"))
    await cluster.client.create(WORKSPACES, workspace("mine", "mine"))
    async with cluster.operator("--namespace", "mine") as operator:
        await operator.says("leading")

        async def is_claimed() -> bool:
            return await claims(cluster) == ("mine",)

        await eventually(is_claimed)

    theirs = await cluster.client.get(WORKSPACES, Key("default", "theirs"))
    assert theirs.metadata.finalizers == ()
    assert await cluster.client.get(LEASES, Key("default", "kaito-operator-mine")) is not None


async def test_missing_crds_keep_it_unready_and_are_named_until_they_come(tmp_path: Path) -> None:
    async with running_cluster(tmp_path, crds=False) as bare, bare.operator() as operator:

        async def names_what_is_missing() -> bool:
            status, text = await operator.get("probes", "/readyz")
            return status == 503 and "no list of workspaces.kaito.sh yet" in text

        await eventually(names_what_is_missing)
        assert (await operator.get("probes", "/healthz"))[0] == 200

        await install_crds(bare.client)

        await operator.says("leading")
        assert await operator.get("probes", "/readyz") == (200, "ok")


@pytest.mark.parametrize(
    ("flags", "environment", "message", "hint"),
    [
        (
            ["--feature-gates=vllm=true"],
            {},
            "there is no feature gate 'vllm'",
            "did you mean vLLM?",
        ),
        (
            ["--feature-gates=enableMIG=true"],
            {},
            "feature gate enableMIG=true is not available",
            "has no support for MIG slices yet",
        ),
        (["--node-provisioner=karpentr"], {}, "'karpentr' is not known", "did you mean karpenter?"),
        (["--leader-elect=maybe"], {}, "--leader-elect='maybe' is not a boolean", "true or false"),
        (
            ["--give-back-incomplete-nodes-after=-1"],
            {},
            "--give-back-incomplete-nodes-after=-1.0 is not a time of up to a year",
            "0 keeps such nodes",
        ),
        (
            ["--kube-client-qps=0"],
            {},
            "--kube-client-qps=0.0 is not a rate",
            "30 is usual",
        ),
        (
            ["--node-provisioner=karpenter", "--karpenter-node-classes=[]"],
            {},
            "--karpenter-node-classes: 0 entries are the default",
            "in exactly one",
        ),
        (
            ['--karpenter-node-classes=[{"name": "a", "default": true}]'],
            {},
            "--karpenter-node-classes has no meaning with --node-provisioner=azure-gpu-provisioner",
            "--node-provisioner=karpenter",
        ),
        ([], {"CLOUD_PROVIDER": "azur"}, "CLOUD_PROVIDER='azur' is not known", "azure"),
        ([], {"CLOUD_PROVIDER": "arc"}, "nobody answers NodeClaims on CLOUD_PROVIDER=arc", "byo"),
    ],
)
async def test_what_cannot_be_done_is_refused_at_the_start(
    cluster: Cluster, flags: list[str], environment: dict[str, str], message: str, hint: str
) -> None:
    async with cluster.operator(*flags, **environment) as operator:
        assert await operator.ended() == 2
    said = "".join([*operator.errors, *(str(record) for record in operator.logs)])
    assert message in said
    assert hint in said


async def test_a_port_that_is_taken_ends_it_with_its_name(cluster: Cluster) -> None:
    server = await asyncio.start_server(lambda *_: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with cluster.operator(f"--metrics-bind-address={HOST}:{port}") as operator:
        assert await operator.ended() == 1
        record = await operator.says("ended")
    server.close()
    assert f"cannot listen on {HOST}:{port} for metrics" in record["error"]
    assert "--metrics-bind-address" in record["hint"]
