"""The container that serves a preset, and what it shares with the one before it."""

from kaito.api import labels, runtime
from kaito.api.meta import Manifest
from kaito.api.workspace import PresetSpec, Workspace
from kaito.base.quantity import to_mebibytes
from kaito.render.arguments import render_arguments
from kaito.render.probes import render_probes
from kaito.render.security import container_security, scratch_environment
from kaito.render.served_model import ServedModel
from kaito.render.settings import RenderSettings
from kaito.render.volumes import server_mounts

_CPUS_PER_GPU = 4
"""An engine keeps one processor a GPU busy; compiling and tokenizing use what more there is."""


def render_server(workspace: Workspace, model: ServedModel, settings: RenderSettings) -> Manifest:
    """The server; with several nodes every pod has the same one, and its ordinal decides."""
    return {
        "name": workspace.metadata.name,
        "image": settings.serving_image,
        "command": list(runtime.SERVING_COMMAND),
        "args": list(render_arguments(workspace, model)),
        "env": [
            *program_environment(settings),
            *_engine_environment(model),
            *_adapters_token(workspace, model),
        ],
        "ports": _ports(model),
        "resources": _resources(model),
        **render_probes(model.start_seconds),
        "volumeMounts": server_mounts(workspace, model, settings),
        "securityContext": container_security(),
    }


def program_environment(settings: RenderSettings) -> list[Manifest]:
    """What every program of ours is told by its environment."""
    scratch = scratch_environment() if settings.has_containers else []
    return [*({"name": name, "value": value} for name, value in settings.environment), *scratch]


def render_hub_token(spec: PresetSpec) -> list[Manifest]:
    """The hub's token, for models that want one."""
    secret = spec.preset_options.model_access_secret
    if not secret:
        return []
    reference = {"name": secret, "key": runtime.ENV_HUB_AUTH}
    return [{"name": runtime.ENV_HUB_AUTH, "valueFrom": {"secretKeyRef": reference}}]


def _adapters_token(workspace: Workspace, model: ServedModel) -> list[Manifest]:
    """The hub's token, where the server fetches adapters: any of them may come from there later."""
    spec = workspace.inference.preset if workspace.inference else None
    return render_hub_token(spec) if spec is not None and model.adapters.is_on else []


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
