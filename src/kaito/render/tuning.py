"""The Job of a tuning workspace: the weights' init container and the trainer. Pure.

    /mnt/config        training_config.yaml       ConfigMap `tuning.config`
    /mnt/data          read-only                  `tuning.input.volumeSource`
    /mnt/results       or the settings' output_dir   `tuning.output.volumeSource`, else scratch
    /mnt/push-secret, /mnt/pull-secrets/NAME      registries' credentials
    /tmp, or /mnt/scratch where pods are processes    downloads and caches; goes with the pod

A container that dies is restarted in its pod, where the scratch volume with its checkpoints still
is. Secrets may come after the Job: the trainer says so when one it needs is missing.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from kaito.api import labels, runtime, tuning_job
from kaito.api.meta import Manifest, owner_reference
from kaito.api.training_config import TRAINING_CONFIG_KEY, TuningMethod
from kaito.api.tuning_job import TuningArguments
from kaito.api.workspace import TuningSpec, Workspace
from kaito.base.quantity import GIB, to_mebibytes
from kaito.catalog.preset import Preset
from kaito.planner.tuning import TuningPlan
from kaito.render.containers import program_environment, render_hub_token
from kaito.render.placement import place
from kaito.render.security import container_security, pod_security
from kaito.render.settings import RenderSettings
from kaito.render.stamp import content_hash, stamp
from kaito.render.tuning_group import first_node, group_key, job_limits, pod_identity
from kaito.render.volumes import CONFIG, SCRATCH, SHARED_MEMORY, WEIGHTS
from kaito.render.weights import render_weights, weights_secret_volumes
from kaito.render.weights_key import weights_key

CONTAINER = "tuning"
_GRACE_SECONDS = 120
"""To finish a step and write a checkpoint."""
_CPUS_PER_GPU = 4
_SCRATCH_BYTES = 100 * GIB
"""Downloads and tokenized data sets."""
_PASSING_VOLUMES = frozenset({"emptyDir", "ephemeral"})
_HUB_SCHEME = "hf://datasets/"
_RESULTS, _DATA, _PUSH = "results-volume", "data-volume", "push-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """A preset, the plan to train it by, and the settings in force."""

    preset: Preset
    plan: TuningPlan
    method: TuningMethod
    config: Mapping[str, str] | None
    """Data of the ConfigMap that is mounted; None: our defaults."""
    results: str = tuning_job.RESULTS_MOUNT
    """Where the settings want the results."""


def render_job(workspace: Workspace, model: TunedModel, settings: RenderSettings) -> Manifest:
    """The Job; `spec.suspend` follows the workspace's annotation and nothing else does."""
    assert workspace.tuning is not None
    assert workspace.tuning.preset is not None
    own = {labels.WORKSPACE: workspace.metadata.name}
    nodes = model.plan.nodes
    pod: Manifest = {
        **pod_identity(workspace, nodes),
        "restartPolicy": "OnFailure",
        "initContainers": [render_weights(workspace.tuning.preset, model.preset, settings)],
        "containers": [_trainer(workspace, model, settings)],
        "volumes": [
            *_volumes(workspace.tuning, model, settings),
            *weights_secret_volumes(workspace.tuning.preset),
        ],
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "securityContext": pod_security(),
    }
    annotations = {labels.REPORT_PORT: str(runtime.HTTP_PORT)}
    if model.config is not None:
        annotations[labels.CONFIG_HASH] = content_hash(dict(model.config))
    job = stamp(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": workspace.metadata.name,
                "namespace": workspace.metadata.namespace,
                "labels": own,
                "annotations": {labels.TUNING_HASH: work_hash(workspace, model.config)},
                "ownerReferences": [owner_reference(workspace)],
            },
            "spec": {
                **job_limits(nodes),
                "template": {
                    "metadata": {"labels": {**own}, "annotations": annotations},
                    "spec": place(workspace, pod, gpu_resource=model.plan.gpu_resource),
                },
            },
        }
    )
    return {**job, "spec": {**job["spec"], "suspend": is_paused(workspace)}}


def is_paused(workspace: Workspace) -> bool:
    """Whether its annotation asks to stop."""
    return workspace.metadata.annotations.get(labels.PAUSED, "").lower() == "true"


def work_hash(workspace: Workspace, config: Mapping[str, str] | None) -> str:
    """What a result depends on, and after a dash the credentials, which may change behind it."""
    assert workspace.tuning is not None
    spec = workspace.tuning
    source, target = spec.input, spec.output
    work = (
        workspace.preset_name,
        spec.method.lower(),
        msgspec.structs.replace(source, image_pull_secrets=()) if source else None,
        msgspec.structs.replace(target, image_push_secret="") if target else None,
        (config or {}).get(TRAINING_CONFIG_KEY, ""),
    )
    secrets = (_pull_secrets(spec), target.image_push_secret if target else "")
    return f"{content_hash(work)}-{content_hash(secrets)}"


def is_same_work(one: str, other: str) -> bool:
    """Whether two hashes stand for the same result, with whatever credentials."""
    return one.partition("-")[0] == other.partition("-")[0]


def keeps_results(spec: TuningSpec) -> bool:
    """Whether results lie on a volume that is no part of the node or the pod."""
    volume = spec.output.volume_source if spec.output is not None else None
    return volume is not None and not _PASSING_VOLUMES & set(volume)


def _trainer(workspace: Workspace, model: TunedModel, settings: RenderSettings) -> Manifest:
    spec = workspace.tuning
    assert spec is not None
    assert spec.preset is not None
    arguments = _arguments(workspace, spec, model, settings)
    return {
        "name": CONTAINER,
        "image": settings.serving_image,
        "command": list(tuning_job.TUNING_COMMAND),
        "args": list(arguments.to_argv()),
        "env": [*program_environment(settings), *render_hub_token(spec.preset)],
        "ports": [{"name": "http", "containerPort": runtime.HTTP_PORT, "protocol": "TCP"}],
        "resources": _resources(model.plan),
        "volumeMounts": _mounts(spec, model, settings),
        "securityContext": container_security(),
    }


def _arguments(
    workspace: Workspace, spec: TuningSpec, model: TunedModel, settings: RenderSettings
) -> TuningArguments:
    preset, source, target = model.preset, spec.input, spec.output
    assert source is not None
    assert target is not None
    assert spec.preset is not None
    dataset = next((url for url in source.urls if url.startswith(_HUB_SCHEME)), "")
    return TuningArguments(
        model=runtime.model_folder(runtime.WEIGHTS_MOUNT, weights_key(spec.preset, preset)),
        base=preset.hub_id,
        base_revision=preset.revision,
        preset=preset.name,
        method=model.method,
        url=() if dataset else source.urls,
        data_image=source.image,
        dataset=dataset.removeprefix(_HUB_SCHEME),
        data=tuning_job.DATA_MOUNT if source.volume_source is not None else "",
        config_file=tuning_job.TUNING_CONFIG_FILE if model.config is not None else "",
        results=model.results,
        scratch=_scratch(settings),
        keeps_results=keeps_results(spec),
        image=target.image,
        push_secret=tuning_job.PUSH_SECRET_MOUNT if target.image_push_secret else "",
        pull_secret=tuple(f"{tuning_job.PULL_SECRETS_MOUNT}/{s}" for s in _pull_secrets(spec)),
        memory_bytes=model.plan.memory_bytes,
        shares_model=model.plan.shards > 1,
        nodes=model.plan.nodes,
        first_node=first_node(workspace) if model.plan.nodes > 1 else "",
        group_key=group_key(workspace) if model.plan.nodes > 1 else "",
        private_hosts=settings.tuning_hosts,
    )


def _scratch(settings: RenderSettings) -> str:
    """A pod that is processes has the machine's own temporary folder, where things stay."""
    return runtime.SCRATCH_MOUNT if settings.has_containers else tuning_job.SCRATCH


def _pull_secrets(spec: TuningSpec) -> tuple[str, ...]:
    return spec.input.image_pull_secrets if spec.input else ()


def _volumes(spec: TuningSpec, model: TunedModel, settings: RenderSettings) -> list[Manifest]:
    plan, source, target = model.plan, spec.input, spec.output
    size = {"sizeLimit": to_mebibytes(plan.disk_bytes)}
    weights: Manifest = {"emptyDir": size}
    if settings.weights_path:
        weights = {"hostPath": {"path": settings.weights_path, "type": "DirectoryOrCreate"}}
    shared = {"sizeLimit": to_mebibytes((2 + 2 * max(plan.gpus, 1)) * GIB)}
    found: list[Manifest] = [
        {"name": WEIGHTS, **weights},
        {"name": SHARED_MEMORY, "emptyDir": {"medium": "Memory", **shared}},
        {"name": _RESULTS, **((target and target.volume_source) or {"emptyDir": size})},
    ]
    found.append({"name": SCRATCH, "emptyDir": {"sizeLimit": to_mebibytes(_SCRATCH_BYTES)}})
    if source and source.volume_source is not None:
        found.append({"name": _DATA, **source.volume_source})
    if model.config is not None:
        found.append({"name": CONFIG, "configMap": {"name": spec.config}})
    if target and target.image_push_secret:
        found.append(_secret(_PUSH, target.image_push_secret))
    found += [_secret(_pull_name(index), name) for index, name in enumerate(_pull_secrets(spec))]
    return found


def _mounts(spec: TuningSpec, model: TunedModel, settings: RenderSettings) -> list[Manifest]:
    found: list[Manifest] = [
        _read_only(WEIGHTS, runtime.WEIGHTS_MOUNT),
        {"name": SHARED_MEMORY, "mountPath": "/dev/shm"},  # noqa: S108
        {"name": _RESULTS, "mountPath": model.results},
        {"name": SCRATCH, "mountPath": _scratch(settings)},
    ]
    if spec.input and spec.input.volume_source is not None:
        found.append(_read_only(_DATA, tuning_job.DATA_MOUNT))
    if model.config is not None:
        folder = posixpath.dirname(tuning_job.TUNING_CONFIG_FILE)
        found.append(_read_only(CONFIG, folder))
    if spec.output and spec.output.image_push_secret:
        found.append(_read_only(_PUSH, tuning_job.PUSH_SECRET_MOUNT))
    found += [
        _read_only(_pull_name(index), f"{tuning_job.PULL_SECRETS_MOUNT}/{name}")
        for index, name in enumerate(_pull_secrets(spec))
    ]
    return found


def _secret(volume: str, name: str) -> Manifest:
    return {"name": volume, "secret": {"secretName": name, "optional": True}}


def _pull_name(index: int) -> str:
    return f"pull-secret-{index}"


def _read_only(volume: str, path: str) -> Manifest:
    return {"name": volume, "mountPath": path, "readOnly": True}


def _resources(plan: TuningPlan) -> Manifest:
    memory = to_mebibytes(plan.memory_bytes)
    if not plan.gpus:
        return {"requests": {"cpu": "100m", "memory": memory}}
    gpus = {plan.gpu_resource: str(plan.gpus)}
    cpus = _CPUS_PER_GPU * plan.gpus
    if plan.instance is not None and plan.instance.vcpus:
        share = plan.instance.vcpus * plan.gpus // max(plan.instance.gpus, 1)
        cpus = max(min(cpus, share * 3 // 4), 1)
    return {"requests": {"cpu": str(cpus), "memory": memory, **gpus}, "limits": gpus}
