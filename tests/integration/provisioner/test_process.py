"""`kaito provisioner` as a process: a real API server, boto3 over HTTP, a stand-in of EKS."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cloud_benches.all_benches import moto_address
from cloud_benches.aws import CLUSTER, REGION, ROLE, AwsBench
from tests.integration.operator.cluster import (
    HOST,
    Cluster,
    Operator,
    eventually,
    running_cluster,
)
from tests.integration.provisioner.worlds import claim

from kaito.api.core import LEASES, NODES
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.kube import errors
from kaito.local.apiserver.kubeconfig import write_kubeconfig

NAME = "ws1a2b3c4d5"
LEASE = Key("kube-system", "kaito-provisioner-ec2nodeclass.karpenter.k8s.aws")


class Provisioner(Operator):
    """A provisioner's process, which logs as an operator does."""

    async def __aenter__(self) -> "Provisioner":
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kaito", "provisioner", *self._arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        self._reader = asyncio.create_task(self._read())
        return self


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def eks() -> AsyncIterator[AwsBench]:
    found = AwsBench(moto_address())
    yield found
    await found.cloud.close()


def provisioner(cluster: Cluster, *arguments: str, **environment: str) -> Provisioner:
    """A provisioner that is not started yet, on free ports."""
    flags = (
        *("--cloud", "aws", "--kubeconfig", str(cluster.kubeconfig)),
        *(f"--{kind}-bind-address={HOST}:0" for kind in ("metrics", "health-probe")),
    )
    settings = {
        "CLUSTER_NAME": CLUSTER,
        "EKS_NODE_ROLE_ARN": ROLE,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_EKS": moto_address(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return Provisioner([*flags, *arguments], {**settings, **environment})


def aws_claim(name: str) -> Manifest:
    """A claim as the operator writes it on AWS."""
    manifest = claim(name, group="karpenter.k8s.aws", instance_type="g5.xlarge")
    manifest["spec"]["nodeClassRef"]["kind"] = "EC2NodeClass"
    manifest["metadata"]["annotations"] = {}
    return manifest


def node(name: str) -> Manifest:
    """A node as it joins a cluster of EKS."""
    room = {"cpu": "4", "memory": "16Gi", "pods": "58", "nvidia.com/gpu": "1"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "ip-10-0-0-1.ec2.internal",
            "labels": {"eks.amazonaws.com/nodegroup": name},
        },
        "spec": {"providerID": "aws:///us-east-1a/i-0123456789abcdef0"},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    }


async def test_a_claim_becomes_a_node_group_and_goes_with_it(
    cluster: Cluster, eks: AwsBench
) -> None:
    client = cluster.client
    async with provisioner(cluster) as process:
        await process.says("leading")
        await client.create(NODECLAIMS, aws_claim(NAME))
        await process.says("machine asked for", machine=NAME)

        async def is_launched() -> bool:
            found = (await client.get(NODECLAIMS, Key("", NAME))).condition("Launched")
            return found is not None and found.is_true

        await eventually(is_launched)
        machine = await eks.cloud.find(NAME)
        assert machine is not None
        assert machine.claim_uid == (await client.get(NODECLAIMS, Key("", NAME))).metadata.uid
        await client.create(NODES, node(NAME))

        async def is_ready() -> bool:
            return (await client.get(NODECLAIMS, Key("", NAME))).is_ready

        await eventually(is_ready)
        await client.delete(NODECLAIMS, Key("", NAME))

        async def is_gone() -> bool:
            try:
                await client.get(NODECLAIMS, Key("", NAME))
            except errors.NotFound:
                return True
            return False

        await eventually(is_gone)
        assert await eks.cloud.list_machines() == ()
        assert not (await client.list(NODES)).items
        status, text = await process.get("metrics", "/metrics")
        assert status == 200
        assert 'controller_runtime_reconcile_total{controller="kaito-provisioner"' in text


async def test_a_second_provisioner_of_the_same_class_stands_by(
    cluster: Cluster, eks: AwsBench
) -> None:
    async with provisioner(cluster) as first:
        await first.says("leading")
        async with provisioner(cluster) as second:
            holder = (await cluster.client.get(LEASES, LEASE)).spec.holder_identity
            await second.says("standing by", leader=holder)
            first.process.terminate()
            assert await first.ended() == 0
            await second.says("leading")


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--cloud", "aws"], {}, "--cloud aws needs CLUSTER_NAME, EKS_NODE_ROLE_ARN in the"),
        (["--cloud", "azure"], {}, "--cloud azure needs ARM_SUBSCRIPTION_ID, ARM_RESOURCE_GROUP,"),
        (
            ["--cloud", "gcp"],
            {"GOOGLE_CLOUD_PROJECT": "p", "LOCATION": "us-central1", "CLUSTER_NAME": "c"},
            "--cloud gcp needs GKE_NODE_ZONE: 'us-central1' is a region",
        ),
        (["--cloud", "aws", "--node-class-kind", "X"], {}, "--node-class-group and --node-class"),
    ],
    ids=["aws", "azure", "gcp", "class"],
)
async def test_missing_settings_are_all_named_before_anything_starts(
    arguments: list[str], environment: dict[str, str], said: str, cluster: Cluster
) -> None:
    flags = [*arguments, "--kubeconfig", str(cluster.kubeconfig)]
    assert not os.environ.get("CLUSTER_NAME")
    async with Provisioner(flags, environment) as process:
        assert await process.ended() == 2
    assert process.errors[0].startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("cloud", "module"),
    [("aws", "boto3"), ("azure", "azure.identity.aio"), ("gcp", "google.cloud.container_v1")],
)
def test_a_missing_library_is_named_with_how_to_get_it(
    cloud: str, module: str, tmp_path: Path
) -> None:
    settings = {
        "CLUSTER_NAME": "c",
        "EKS_NODE_ROLE_ARN": "r",
        "ARM_SUBSCRIPTION_ID": "s",
        "ARM_RESOURCE_GROUP": "g",
        "GOOGLE_CLOUD_PROJECT": "p",
        "LOCATION": "us-central1-a",
    }
    write_kubeconfig(tmp_path / "kubeconfig", url="http://x", ca=b"", token="t")
    program = (
        f"import sys; sys.modules[{module!r}] = None; from kaito.__main__ import main; "
        f"sys.argv = ['kaito', 'provisioner', '--cloud', {cloud!r}, "
        f"'--kubeconfig', {str(tmp_path / 'kubeconfig')!r}]; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"error: --cloud {cloud} needs a library that is not installed: {module}\n"
        f"hint: pip install 'kaito[{cloud}]'\n"
    )
