"""What stands between a client and the server: names of requests, the rate limit, the fence."""

import asyncio

import pytest

from kaito.api.core import CONFIGMAPS, NAMESPACES
from kaito.api.meta import Key
from kaito.base.clock import ManualClock, settle
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.traffic import Count, Each, Fence, RateLimit, Sent


@pytest.mark.parametrize(
    ("sent", "verb", "resource"),
    [
        (Sent("GET", "/api/v1/pods"), "list", "pods"),
        (Sent("GET", "/api/v1/pods", is_watch=True), "watch", "pods"),
        (Sent("GET", "/api/v1/namespaces/default/pods"), "list", "pods"),
        (Sent("GET", "/api/v1/namespaces/default/pods/a"), "get", "pods"),
        (Sent("GET", "/api/v1/namespaces"), "list", "namespaces"),
        (Sent("DELETE", "/api/v1/namespaces/default"), "delete", "namespaces"),
        (
            Sent("PATCH", "/apis/kaito.sh/v1beta1/namespaces/n/workspaces/w/status"),
            "patch",
            "workspaces.kaito.sh/status",
        ),
        (
            Sent("POST", "/apis/karpenter.sh/v1/nodeclaims"),
            "create",
            "nodeclaims.karpenter.sh",
        ),
        (Sent("GET", "/healthz"), "list", ""),
    ],
)
def test_a_request_is_named_as_rbac_names_it(sent: Sent, verb: str, resource: str) -> None:
    assert (sent.verb, sent.resource) == (verb, resource)


async def test_a_burst_passes_at_once_and_the_rest_evenly() -> None:
    clock = ManualClock()
    limit = RateLimit(per_second=10, burst=3, clock=clock)
    passed: list[float] = []

    async def send() -> None:
        await limit.admit(Sent("GET", "/api/v1/pods"))
        passed.append(round(clock.monotonic(), 3))

    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(send())
        await settle()
        for _ in range(4):
            await clock.advance(0.1)

    assert passed == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


async def test_a_burst_is_saved_up_again_in_quiet_times_but_no_more_than_one() -> None:
    clock = ManualClock()
    limit = RateLimit(per_second=10, burst=3, clock=clock)
    await clock.advance(1000)

    for _ in range(3):
        await limit.admit(Sent("GET", "/"))
    fourth = asyncio.create_task(limit.admit(Sent("GET", "/")))
    await settle()

    assert not fourth.done()
    await clock.advance(0.1)
    assert fourth.done()


async def test_behind_a_fence_reads_pass_and_writes_do_not(client: Client) -> None:
    def refuse() -> None:
        raise errors.Denied("this process does not lead")

    async with Client(client.cluster, traffic=Fence(refuse)) as fenced:
        await fenced.list(NAMESPACES)
        with pytest.raises(errors.Denied, match="does not lead"):
            await fenced.delete(NAMESPACES, Key("", "default"))
        found = await client.get(NAMESPACES, Key("", "default"))
        assert not found.metadata.is_deleting


async def test_every_answer_is_told_with_its_status(client: Client) -> None:
    told: list[tuple[str, str, int]] = []
    count = Count(lambda sent, status: told.append((sent.verb, sent.resource, status)))
    async with Client(client.cluster, traffic=Each([count])) as counted:
        await counted.list(CONFIGMAPS)
        with pytest.raises(errors.NotFound):
            await counted.get(CONFIGMAPS, Key("default", "none"))

    assert told == [("list", "configmaps", 200), ("get", "configmaps", 404)]


async def test_a_server_that_does_not_answer_counts_as_zero(client: Client) -> None:
    told: list[int] = []
    nowhere = client.cluster.unix_socket
    assert nowhere is not None
    cluster = type(client.cluster)(url="http://plane", unix_socket=nowhere.with_name("none"))
    async with Client(cluster, traffic=Count(lambda _, status: told.append(status))) as lost:
        with pytest.raises(errors.Unavailable):
            await lost.list(CONFIGMAPS)

    assert told == [0]
