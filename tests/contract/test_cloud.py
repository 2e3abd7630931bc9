"""One contract for every cloud that the provisioner can make machines in."""

from collections.abc import AsyncIterator

import pytest
from cloud_benches.all_benches import OPENERS, RECORDED
from cloud_benches.bench import Bench, Recorded, request

from kaito.cloud.failure import CloudFailure, FailureKind

NAME = "ws1a2b3c4d5"
REFUSALS = [
    pytest.param(name, error, id=f"{name}-{error.kind.value}-{error.code}")
    for name, (refusals, _) in RECORDED.items()
    for error in refusals
]
BREAKDOWNS = [
    pytest.param(name, error, id=f"{name}-{error.kind.value}-{error.code}")
    for name, (_, breakdowns) in RECORDED.items()
    for error in breakdowns
]


@pytest.fixture(params=sorted(OPENERS))
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with OPENERS[request.param]() as found:
        yield found


async def test_a_machine_that_was_asked_for_is_found_and_listed_as_its_claims(
    bench: Bench,
) -> None:
    wanted = request(bench)
    await bench.cloud.launch(wanted)
    found = await bench.cloud.find(NAME)
    assert found is not None
    assert (found.name, found.claim_uid) == (NAME, wanted.claim_uid)
    assert found.instance_type == bench.instance_type
    assert found.created_at is not None
    assert found.failure is None
    assert await bench.cloud.list_machines() == (found,)


async def test_asking_twice_makes_one_machine(bench: Bench) -> None:
    await bench.cloud.launch(request(bench))
    await bench.cloud.launch(request(bench))
    assert bench.created() == 1


async def test_a_machine_that_ends_is_not_made_again_under_its_name(bench: Bench) -> None:
    await bench.cloud.launch(request(bench))
    bench.set_state(NAME, "deleting")
    await bench.cloud.launch(request(bench))
    found = await bench.cloud.find(NAME)
    assert found is not None
    assert (found.state, bench.created()) == ("deleting", 1)


@pytest.mark.parametrize("state", ["creating", "running", "deleting", "failed"])
async def test_the_state_of_a_machine_is_the_clouds(bench: Bench, state: str) -> None:
    await bench.cloud.launch(request(bench))
    bench.set_state(NAME, state)  # type: ignore[arg-type]
    found = await bench.cloud.find(NAME)
    assert found is not None
    assert found.state == state
    assert (found.failure is not None) == (state == "failed")


async def test_what_was_never_made_or_has_vanished_is_not_found(bench: Bench) -> None:
    assert await bench.cloud.find(NAME) is None
    await bench.cloud.launch(request(bench))
    bench.remove(NAME)
    assert await bench.cloud.find(NAME) is None
    assert await bench.cloud.list_machines() == ()


async def test_a_missing_cluster_does_not_pass_for_missing_machines(bench: Bench) -> None:
    await bench.cloud.launch(request(bench))
    bench.remove_cluster()
    for look in (bench.cloud.find(NAME), bench.cloud.list_machines(), bench.cloud.terminate(NAME)):
        with pytest.raises(CloudFailure) as refused:
            await look
        assert refused.value.kind is FailureKind.NOT_FOUND


async def test_a_group_that_somebody_else_made_is_found_but_not_listed(bench: Bench) -> None:
    bench.add_foreign("system")
    found = await bench.cloud.find("system")
    assert found is not None
    assert found.claim_uid == ""
    assert await bench.cloud.list_machines() == ()


async def test_a_machine_is_ended_and_ending_it_again_is_no_error(bench: Bench) -> None:
    await bench.cloud.launch(request(bench))
    bench.set_state(NAME, "running")
    await bench.cloud.terminate(NAME)
    await bench.cloud.terminate(NAME)
    found = await bench.cloud.find(NAME)
    assert found is None or found.state == "deleting"
    await bench.cloud.terminate("never-made")


@pytest.mark.parametrize(("name", "why"), BREAKDOWNS)
async def test_a_machine_says_what_holds_up_its_making(name: str, why: Recorded) -> None:
    async with OPENERS[name]() as bench:
        await bench.cloud.launch(request(bench))
        bench.set_state(NAME, "creating", why)
        found = await bench.cloud.find(NAME)
        assert found is not None
        assert found.failure is not None
        assert (found.state, found.failure.kind) == ("creating", why.kind)


@pytest.mark.parametrize(("name", "error"), REFUSALS)
async def test_a_refused_launch_is_sorted_and_keeps_the_clouds_words(
    name: str, error: Recorded
) -> None:
    async with OPENERS[name]() as bench:
        bench.refuse(error, times=9)
        with pytest.raises(CloudFailure) as refused:
            await bench.cloud.launch(request(bench))
        assert refused.value.kind is error.kind
        assert error.words in str(refused.value)
        assert refused.value.hint


@pytest.mark.parametrize(("name", "why"), BREAKDOWNS)
async def test_a_failed_machine_is_sorted_and_keeps_the_clouds_words(
    name: str, why: Recorded
) -> None:
    async with OPENERS[name]() as bench:
        await bench.cloud.launch(request(bench))
        bench.set_state(NAME, "failed", why)
        found = await bench.cloud.find(NAME)
        assert found is not None
        assert found.failure is not None
        assert (found.state, found.failure.kind) == ("failed", why.kind)
        assert why.words in str(found.failure)


async def test_a_cloud_that_does_not_answer_is_unavailable(bench: Bench) -> None:
    await bench.cloud.launch(request(bench))
    bench.go_silent()
    calls = (
        bench.cloud.launch(request(bench, "other")),
        bench.cloud.find(NAME),
        bench.cloud.list_machines(),
        bench.cloud.terminate(NAME),
    )
    for call in calls:
        with pytest.raises(CloudFailure) as refused:
            await call
        assert refused.value.kind is FailureKind.UNAVAILABLE


async def test_an_image_family_that_the_cloud_does_not_have_is_named(bench: Bench) -> None:
    with pytest.raises(CloudFailure) as refused:
        await bench.cloud.launch(request(bench, image_family="plan9"))
    assert refused.value.kind is FailureKind.INVALID
    assert "'plan9'" in str(refused.value)
    assert bench.created() == 0
