"""Apply a decision, observe again: whatever was asked for, soon nothing is left to do."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    ON_EXISTING,
    SETTINGS,
    World,
    new_world,
    settled,
)

from kaito.api import labels
from kaito.api.core import CONFIGMAPS, STATEFULSETS
from kaito.api.runtime import ServingArguments
from kaito.api.workspace import WORKSPACES
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.lookup import PRESETS
from kaito.controllers.workspace.settings import WorkspaceSettings

_PRESETS = st.sampled_from([preset.name for preset in PRESETS])
_INSTANCES = st.sampled_from([*(instance.name for instance in INSTANCE_TYPES), "Unknown_X1"])
_OPTIONS = st.dictionaries(
    st.sampled_from(
        ["max-model-len", "tensor-parallel-size", "pipeline-parallel-size", "max-num-seqs"]
    ),
    st.sampled_from([1, 2, 8, 4096, "auto", "many", -1]),
)
_ANNOTATIONS = st.dictionaries(
    st.sampled_from([labels.RUNTIME, labels.PERFORMANCE_MODE, labels.ENABLE_LOAD_BALANCER]),
    st.sampled_from(["vllm", "transformers", "throughput", "True", ""]),
)


def _world(surroundings: WorkspaceSettings, preset: str, instance: str) -> World:
    inference = {"preset": {"name": preset}, "config": "settings"}
    world = new_world(surroundings, inference=inference)
    world.objects[(str(WORKSPACES), KEY)]["resource"]["instanceType"] = instance
    return world


def _configure(world: World, options: dict[str, Any]) -> None:
    meta = {"name": "settings", "namespace": "default"}
    text = "vllm: " + str(options).replace("'", '"')
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": text}})


@settings(deadline=None, max_examples=60)
@given(
    surroundings=st.sampled_from([SETTINGS, IN_CLUSTER, ON_EXISTING]),
    preset=_PRESETS,
    instance=_INSTANCES,
    options=st.lists(_OPTIONS, min_size=1, max_size=3),
    annotations=_ANNOTATIONS,
)
def test_every_change_settles_and_what_is_rendered_can_be_read_back(
    surroundings: WorkspaceSettings,
    preset: str,
    instance: str,
    options: list[dict[str, Any]],
    annotations: dict[str, str],
) -> None:
    world = _world(surroundings, preset, instance)
    for each in options:
        _configure(world, each)
        settled(world)
        world.launch()
        settled(world)
    world.objects[(str(WORKSPACES), KEY)]["metadata"]["annotations"] = annotations
    settled(world)
    status = world.observe().workspace.status
    workload = world.objects.get((str(STATEFULSETS), KEY))
    if workload is None:
        assert world.ready[0] == "False"
        return
    assert status.plan is not None
    assert workload["spec"]["replicas"] in (status.target_node_count, status.plan.nodes)
    container = workload["spec"]["template"]["spec"]["containers"][0]
    arguments = ServingArguments.parse_argv(container["args"])
    assert tuple(container["args"]) == arguments.to_argv()
