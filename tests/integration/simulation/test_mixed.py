"""Everything at once: serving, several nodes, tuning, a mirror, an old Deployment, and changes.

Each seed is one run: the operator dies, its writes are lost, its caches lag, pods crash, and people
change and delete what they made. In the end what is left works, and nothing else is left.
`KAITO_STORMS=3000` runs that many seeds; `KAITO_FIRST_STORM` says from which on.
"""

import os
from collections.abc import Callable
from contextlib import suppress

import pytest
from tests.integration.simulation.clusters import names, ready_condition, workspace
from tests.integration.simulation.test_mirrors import (
    PRESET,
    finish_mirror,
    mirror_manifest,
    mirror_operator,
)
from tests.integration.simulation.test_predecessors import deployment_manifest
from tests.integration.simulation.test_tuning import tuning

from kaito.api import labels
from kaito.api.core import CONFIGMAPS, DEPLOYMENTS, JOBS, NODES, PODS, SERVICES, STATEFULSETS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Key, Manifest
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import KaitoAdmission
from kaito.kube import errors
from kaito.testing.kubelet import Ailment
from kaito.testing.simulation import Simulation

STORMS = int(os.environ.get("KAITO_STORMS", "6"))
FIRST = int(os.environ.get("KAITO_FIRST_STORM", "0"))
MOST = {"one": 2, "two": 2, "tune": 1, "mirrored": 1}
"""Machines that each may have at most; an update may start beside on one more."""
AILMENTS: tuple[Ailment, ...] = ("", "", "", "image", "crash", "memory", "silent")
OWN = (NODECLAIMS, NODES, STATEFULSETS, SERVICES, PODS, JOBS, DEPLOYMENTS, CONFIGMAPS)


def _manifest(sim: Simulation, name: str) -> Manifest:
    """What a person writes of it, with a random variation of what may change."""
    if name == "tune":
        made = tuning(f"https://example.com/{sim.random.choice('ab')}.jsonl")
        made["metadata"]["name"] = name
        made["resource"]["labelSelector"] = {"matchLabels": {"apps": name}}
        return made
    made = workspace(name, model="llama-3.3-70b-instruct" if name == "two" else PRESET)
    annotations = {labels.ROLLOUT: sim.random.choice(("auto", "surge", "replace"))}
    if mode := sim.random.choice(("", "throughput", "balanced")):
        annotations[labels.PERFORMANCE_MODE] = mode
    if name == "mirrored":
        annotations[labels.MODEL_MIRROR] = "phi"
    made["metadata"]["annotations"] = annotations
    if name == "one":
        listed = sim.random.choice(("", "a", "ab", "v"))
        made["inference"]["adapters"] = [_adapter(each) for each in listed]
    return made


def _adapter(name: str) -> Manifest:
    if name == "v":
        volume = {"persistentVolumeClaim": {"claimName": "adapters"}}
        return {"source": {"name": name, "volumeSource": volume}}
    return {"source": {"name": name, "image": f"example.com/{name}:1"}}


def _no_machine_too_many(sim: Simulation) -> None:
    for name, most in MOST.items():
        running = sim.cloud.running("default", name)
        assert running <= most, f"seed {sim.seed}: {name} has {running} machines"


def _ailing(sim: Simulation) -> Callable[[str], Ailment]:
    chosen = {name: sim.random.choice(AILMENTS) for name in MOST}
    return lambda pod: next((a for name, a in chosen.items() if pod.startswith(f"{name}-")), "")


async def _act(sim: Simulation, gone: set[str]) -> None:
    """Somebody does something."""
    name = sim.random.choice(list(MOST))
    deed = sim.random.choice(("change", "change", "change", "delete", "sicken"))
    if deed == "sicken":
        sim.kubelets.ailment = _ailing(sim)
    elif deed == "delete":
        gone.add(name)
        with suppress(errors.NotFound):
            await sim.delete(WORKSPACES, Key("default", name))
    elif name not in gone:
        await sim.apply(WORKSPACES, _manifest(sim, name))


async def _storm(seed: int) -> None:
    definitions = (*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd())
    sim = Simulation(
        seed=seed, controllers=mirror_operator, definitions=definitions, admission=KaitoAdmission()
    )
    await sim.start()
    try:
        sim.faults.refused = sim.random.uniform(0, 0.15)
        sim.faults.lost = sim.random.uniform(0, 0.15)
        sim.faults.deadly = sim.random.uniform(0, 0.15)
        sim.cloud.gpus = sim.random.choice((1, 4))
        await sim.apply(MODELMIRRORS, mirror_manifest())
        for name in MOST:
            await sim.apply(WORKSPACES, _manifest(sim, name))
        found = await sim.user.get(WORKSPACES, Key("default", "one"))
        if sim.random.random() < 0.5:
            old = deployment_manifest("one", owner=found.metadata.uid)
            await sim.apply(DEPLOYMENTS, old)
        gone = set[str]()
        for _ in range(sim.random.randint(2, 8)):
            await sim.chaos(sim.random.randint(0, 50), lambda: _no_machine_too_many(sim))
            await _act(sim, gone)
        sim.kubelets.ailment = lambda _: ""
        await sim.converge(seconds=7200)
        await finish_mirror(sim)
        await sim.converge(seconds=7200)
        await _check_end(sim, gone)
    finally:
        await sim.stop()


async def _check_end(sim: Simulation, gone: set[str]) -> None:
    kept = sorted(MOST.keys() - gone)
    assert await names(sim, WORKSPACES) == kept, f"seed {sim.seed}"
    for name in kept:
        found = await ready_condition(sim, name)
        assert found.is_true, f"seed {sim.seed}: {name}: {found.reason}: {found.message}"
    wanted = {"one": 1, "two": 2, "tune": 0, "mirrored": 1}
    for name, count in wanted.items():
        running = sim.cloud.running("default", name)
        assert running == (count if name in kept else 0), f"seed {sim.seed}: {name}"
    for name in gone:
        for own in OWN:
            left = [each for each in await names(sim, own) if each.startswith(name)]
            assert not left, f"seed {sim.seed}: {own}: {left}"
    assert await names(sim, DEPLOYMENTS) == []
    await sim.delete(MODELMIRRORS, Key("", "phi"))
    for name in kept:
        await sim.delete(WORKSPACES, Key("default", name))
    await sim.converge(seconds=7200)
    for kind in (*OWN, WORKSPACES, MODELMIRRORS):
        # The download's pod was never run, so nothing of it ends by itself here.
        left = [each for each in await names(sim, kind) if not each.startswith("phi-download")]
        assert left == [], f"seed {sim.seed}: {kind}"


@pytest.mark.parametrize("seed", range(FIRST, FIRST + STORMS), ids=lambda seed: f"seed-{seed}-")
async def test_what_is_left_works_and_nothing_else_is_left(seed: int) -> None:
    await _storm(seed)
