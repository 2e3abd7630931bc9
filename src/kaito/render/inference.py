"""The StatefulSet of an inference workspace: a preset's server, or a template of the user's."""

from dataclasses import dataclass

from kaito.api import labels, runtime
from kaito.api.meta import Manifest, owner_reference
from kaito.api.runtime import ServingArguments, WeightsArguments
from kaito.api.weight_source import HubSource
from kaito.api.workspace import PresetSpec, Workspace
from kaito.base.quantity import GIB, MIB, to_mebibytes
from kaito.catalog.preset import Preset
from kaito.planner.plan import Plan
from kaito.render.settings import RenderSettings
from kaito.render.stamp import content_hash, stamp

_START_PERIOD = 1
"""Seconds between start-up probes: what a finished start may go unnoticed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A preset with the plan it runs by."""

    preset: Preset
    plan: Plan
    weights_bytes: int


def render_preset(
    workspace: Workspace, model: ServedModel, config: Manifest | None, settings: RenderSettings
) -> Manifest:
    """The StatefulSet that serves a preset.

    `config` is the data of the ConfigMap that `inference.config` names; its content is part of the
    pod's hash, so that an edit rolls out.
    """
    assert workspace.inference is not None
    assert workspace.inference.preset is not None
    spec: Manifest = {
        "initContainers": [_weights(workspace.inference.preset, model.preset, settings)],
        "containers": [_server(workspace, model, settings)],
        "volumes": _volumes(workspace, settings),
        "terminationGracePeriodSeconds": 30,
        "automountServiceAccountToken": False,
    }
    return _statefulset(workspace, spec, replicas=model.plan.nodes, mounted=config)


def render_template(workspace: Workspace) -> Manifest:
    """The StatefulSet that runs the user's own pod template on the workspace's nodes."""
    assert workspace.inference is not None
    template = workspace.inference.template or {}
    return _statefulset(workspace, dict(template.get("spec") or {}), replicas=1, mounted=None)


def _statefulset(
    workspace: Workspace, pod: Manifest, *, replicas: int, mounted: Manifest | None
) -> Manifest:
    name = workspace.metadata.name
    template = (workspace.inference.template if workspace.inference else None) or {}
    meta = template.get("metadata") or {}
    own = {labels.WORKSPACE: name}
    return stamp(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {
                "name": name,
                "namespace": workspace.metadata.namespace,
                "labels": own,
                "ownerReferences": [owner_reference(workspace)],
            },
            "spec": {
                "replicas": replicas,
                "serviceName": f"{name}-headless",
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": own},
                "template": {
                    "metadata": {
                        "labels": {**meta.get("labels", {}), **own},
                        "annotations": {
                            **meta.get("annotations", {}),
                            **({labels.CONFIG_HASH: content_hash(mounted)} if mounted else {}),
                        },
                    },
                    "spec": _placed(workspace, pod),
                },
            },
        }
    )


def _placed(workspace: Workspace, pod: Manifest) -> Manifest:
    """The pod with what keeps it on the workspace's own nodes, added to what it brought."""
    required = [
        {"key": key, "operator": "In", "values": [value]} for key, value in node_labels(workspace)
    ]
    affinity = dict(pod.get("affinity") or {})
    node = dict(affinity.get("nodeAffinity") or {})
    node["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [{"matchExpressions": required}]
    }
    own = [
        {"key": labels.NVIDIA_GPU, "operator": "Exists", "effect": "NoSchedule"},
        {
            "key": labels.GPU_TAINT_KEY,
            "operator": "Equal",
            "value": labels.GPU_TAINT_VALUE,
            "effect": "NoSchedule",
        },
    ]
    theirs = [t for t in pod.get("tolerations") or () if t not in own]
    return {**pod, "affinity": {**affinity, "nodeAffinity": node}, "tolerations": [*theirs, *own]}


def node_labels(workspace: Workspace) -> tuple[tuple[str, str], ...]:
    """The labels of the workspace's nodes: its matchLabels without the reserved ones, sorted."""
    selector = workspace.resource.label_selector if workspace.resource else None
    found = dict(selector.match_labels) if selector else {}
    for term in selector.match_expressions if selector else ():
        if term.operator == "In" and len(term.values) == 1:
            found.setdefault(term.key, term.values[0])
    return tuple(sorted((k, v) for k, v in found.items() if k not in labels.RESERVED_SELECTOR_KEYS))


def _weights(spec: PresetSpec, preset: Preset, settings: RenderSettings) -> Manifest:
    # A folder imported by hand is found under the root before any source is asked.
    sources = [str(HubSource(preset.hub_id, preset.revision))]
    if preset.package:
        sources.append(f"package:{preset.package}")
    arguments = WeightsArguments(key=preset.name, source=tuple(sources))
    return {
        "name": "weights",
        "image": settings.serving_image,
        "command": list(runtime.WEIGHTS_COMMAND),
        "args": list(arguments.to_argv()),
        "env": _environment(spec, settings),
        "volumeMounts": [{"name": "model-weights-volume", "mountPath": runtime.WEIGHTS_MOUNT}],
        "resources": {"requests": {"cpu": "100m"}},
    }


def _server(workspace: Workspace, model: ServedModel, settings: RenderSettings) -> Manifest:
    assert workspace.inference is not None
    preset, plan = model.preset, model.plan
    uses_vllm = workspace.runtime != "transformers"
    arguments = ServingArguments(
        model=runtime.model_folder(runtime.WEIGHTS_MOUNT, preset.name),
        runtime="vllm" if uses_vllm else "transformers",
        served_model_name=(preset.name, preset.hub_id),
        max_model_len=plan.context_tokens,
        kv_cache_bytes=plan.kv_cache_bytes,
        tool_call_parser=preset.tool_call_parser if uses_vllm else "",
        reasoning_parser=preset.reasoning_parser if uses_vllm else "",
        config_file=runtime.CONFIG_FILE if workspace.inference.config else "",
    )
    return {
        "name": workspace.metadata.name,
        "image": settings.serving_image,
        "command": list(runtime.SERVING_COMMAND),
        "args": list(arguments.to_argv()),
        "env": [{"name": name, "value": value} for name, value in settings.environment],
        "ports": [{"name": "http", "containerPort": runtime.HTTP_PORT, "protocol": "TCP"}],
        "resources": _resources(plan),
        **_probes(model.weights_bytes),
        "volumeMounts": _mounts(workspace),
    }


def _resources(plan: Plan) -> Manifest:
    requests: Manifest = {"cpu": "100m", "memory": to_mebibytes(plan.memory_bytes)}
    if not plan.gpus_per_node:
        return {"requests": requests}
    gpus = {labels.NVIDIA_GPU: str(plan.gpus_per_node)}
    return {"requests": {**requests, **gpus}, "limits": gpus}


def _probes(weights_bytes: int) -> Manifest:
    """Ready means that it answers. The start may take as long as loading that much could."""
    allowed = min(max(15 * 60 + 18 * (weights_bytes // GIB), 30 * 60), 180 * 60)
    ready = {"httpGet": {"path": runtime.READY_PATH, "port": runtime.HTTP_PORT}}
    health = {"httpGet": {"path": runtime.HEALTH_PATH, "port": runtime.HTTP_PORT}}
    return {
        "startupProbe": {
            **ready,
            "periodSeconds": _START_PERIOD,
            "timeoutSeconds": 5,
            "failureThreshold": allowed // _START_PERIOD,
        },
        "readinessProbe": {**ready, "periodSeconds": 10, "timeoutSeconds": 5},
        "livenessProbe": {
            **health,
            "periodSeconds": 10,
            "timeoutSeconds": 10,
            "failureThreshold": 6,
        },
    }


def _environment(spec: PresetSpec, settings: RenderSettings) -> list[Manifest]:
    env: list[Manifest] = [{"name": name, "value": value} for name, value in settings.environment]
    if secret := spec.preset_options.model_access_secret:
        reference = {"name": secret, "key": runtime.ENV_HUB_AUTH}
        env.append({"name": runtime.ENV_HUB_AUTH, "valueFrom": {"secretKeyRef": reference}})
    return env


def _mounts(workspace: Workspace) -> list[Manifest]:
    assert workspace.inference is not None
    mounts: list[Manifest] = [
        {"name": "model-weights-volume", "mountPath": runtime.WEIGHTS_MOUNT, "readOnly": True},
        {"name": "dshm", "mountPath": "/dev/shm"},  # noqa: S108
    ]
    if workspace.inference.config:
        mounts.append(
            {"name": "config-volume", "mountPath": runtime.CONFIG_MOUNT, "readOnly": True}
        )
    return mounts


def _volumes(workspace: Workspace, settings: RenderSettings) -> list[Manifest]:
    assert workspace.inference is not None
    path = settings.weights_path
    weights: Manifest = (
        {"hostPath": {"path": path, "type": "DirectoryOrCreate"}} if path else {"emptyDir": {}}
    )
    volumes: list[Manifest] = [
        {"name": "model-weights-volume", **weights},
        {"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{4 * GIB // MIB}Mi"}},
    ]
    if config := workspace.inference.config:
        volumes.append({"name": "config-volume", "configMap": {"name": config}})
    return volumes
