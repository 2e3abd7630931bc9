"""The two containers of a preset's pod: the one that fetches the weights, and the server."""

from kaito.api import labels, runtime
from kaito.api.meta import Manifest
from kaito.api.runtime import WeightsArguments
from kaito.api.weight_source import HubSource
from kaito.api.workspace import PresetSpec, Workspace
from kaito.base.quantity import to_mebibytes
from kaito.catalog.preset import Preset
from kaito.render.arguments import render_arguments
from kaito.render.probes import render_probes
from kaito.render.security import container_security, scratch_environment
from kaito.render.served_model import ServedModel
from kaito.render.settings import RenderSettings
from kaito.render.volumes import WEIGHTS, scratch_mounts, server_mounts

_CPUS_PER_GPU = 4
"""An engine keeps one processor a GPU busy; compiling and tokenizing use what more there is."""


def render_weights(spec: PresetSpec, preset: Preset, settings: RenderSettings) -> Manifest:
    """The init container."""
    # A folder imported by hand is found under the root before any source is asked.
    sources = [str(HubSource(preset.hub_id, preset.revision))]
    if preset.package:
        sources.append(f"package:{preset.package}")
    arguments = WeightsArguments(key=preset.name, source=tuple(sources))
    mounts = [{"name": WEIGHTS, "mountPath": runtime.WEIGHTS_MOUNT}, *scratch_mounts(settings)]
    return {
        "name": "weights",
        "image": settings.serving_image,
        "command": list(runtime.WEIGHTS_COMMAND),
        "args": list(arguments.to_argv()),
        "env": [*_environment(settings), *_hub_token(spec)],
        "volumeMounts": mounts,
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
        "securityContext": container_security(),
    }


def render_server(workspace: Workspace, model: ServedModel, settings: RenderSettings) -> Manifest:
    """The server; with several nodes every pod has the same one, and its ordinal decides."""
    return {
        "name": workspace.metadata.name,
        "image": settings.serving_image,
        "command": list(runtime.SERVING_COMMAND),
        "args": list(render_arguments(workspace, model)),
        "env": [*_environment(settings), *_engine_environment(model)],
        "ports": _ports(model),
        "resources": _resources(model),
        **render_probes(model.start_seconds),
        "volumeMounts": server_mounts(workspace, settings),
        "securityContext": container_security(),
    }


def _environment(settings: RenderSettings) -> list[Manifest]:
    scratch = scratch_environment() if settings.has_containers else []
    return [*({"name": name, "value": value} for name, value in settings.environment), *scratch]


def _hub_token(spec: PresetSpec) -> list[Manifest]:
    secret = spec.preset_options.model_access_secret
    if not secret:
        return []
    reference = {"name": secret, "key": runtime.ENV_HUB_AUTH}
    return [{"name": runtime.ENV_HUB_AUTH, "valueFrom": {"secretKeyRef": reference}}]


def _engine_environment(model: ServedModel) -> list[Manifest]:
    found: list[Manifest] = []
    if model.accelerator is not None and model.plan.runtime == "vllm":
        uses = "1" if model.preset.serving.uses_deep_gemm else "0"
        found.append({"name": "VLLM_USE_DEEP_GEMM", "value": uses})
    if model.plan.nodes > 1:
        found += [
            _of_field(runtime.ENV_POD_NAME, "metadata.name"),
            _of_field(runtime.ENV_RAY_IP, "status.podIP"),
        ]
    return found


def _of_field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _ports(model: ServedModel) -> list[Manifest]:
    ports = [{"name": "http", "containerPort": runtime.HTTP_PORT, "protocol": "TCP"}]
    if model.plan.nodes > 1:
        ports.append({"name": "ray", "containerPort": runtime.RAY_PORT, "protocol": "TCP"})
    return ports


def _resources(model: ServedModel) -> Manifest:
    plan = model.plan
    memory = to_mebibytes(plan.memory_bytes)
    if not plan.gpus_per_node:
        return {"requests": {"cpu": "100m", "memory": memory}}
    gpus = {plan.gpu_resource: str(plan.gpus_per_node)}
    return {"requests": {"cpu": str(_cpus(model)), "memory": memory, **gpus}, "limits": gpus}


def _cpus(model: ServedModel) -> int:
    """Some for each GPU, and never more than three quarters of what the machine has for them."""
    plan, instance = model.plan, model.plan.instance
    wanted = _CPUS_PER_GPU * plan.gpus_per_node
    if instance is None or not instance.vcpus or plan.gpu_resource != labels.NVIDIA_GPU:
        return wanted if plan.gpu_resource == labels.NVIDIA_GPU else 1
    share = instance.vcpus * plan.gpus_per_node // max(instance.gpus, 1)
    return max(min(wanted, share * 3 // 4), 1)
