"""The StatefulSet of an inference workspace: a preset's server, or a template of the user's."""

from kaito.api import labels, runtime
from kaito.api.meta import Manifest, owner_reference
from kaito.api.workspace import PresetSpec, Workspace
from kaito.render.bucket import bucket_account
from kaito.render.containers import render_server
from kaito.render.placement import place
from kaito.render.security import pod_security
from kaito.render.served_model import ServedModel
from kaito.render.settings import RenderSettings
from kaito.render.stamp import content_hash, stamp
from kaito.render.volumes import render_claim_templates, render_volumes
from kaito.render.weights import render_weights, weights_secret_volumes
from kaito.render.weights_key import allows_pickle


def render_preset(
    workspace: Workspace, model: ServedModel, config: Manifest | None, settings: RenderSettings
) -> Manifest:
    """The StatefulSet that serves a preset: one pod a node, the first of which answers.

    `config` is the data of the ConfigMap that `inference.config` names; its content is part of the
    pod's hash, so that an edit rolls out.
    """
    assert workspace.inference is not None
    assert workspace.inference.preset is not None
    spec: Manifest = {
        **_weights(workspace, model, settings),
        "containers": [render_server(workspace, model, settings)],
        "volumes": [
            *render_volumes(workspace, model, settings),
            *_pull_secrets(workspace.inference.preset, model),
        ],
        "terminationGracePeriodSeconds": runtime.GRACE_SECONDS,
        "automountServiceAccountToken": False,
        **bucket_account(model.bucket),
        "securityContext": pod_security(),
    }
    template = {
        "metadata": _template_metadata(workspace, config),
        "spec": place(workspace, spec, gpu_resource=model.plan.gpu_resource),
    }
    claims = render_claim_templates(model)
    made = _statefulset(workspace, template, replicas=model.plan.nodes, claims=claims)
    if model.adapters.is_on:
        made["metadata"]["annotations"] = {labels.ADAPTER_MOUNTS: model.adapters.to_json()}
    return stamp(made)


def _weights(workspace: Workspace, model: ServedModel, settings: RenderSettings) -> Manifest:
    """What fetches the weights; nothing where a mirror has them."""
    if model.mirror is not None:
        return {}
    assert workspace.inference is not None
    assert workspace.inference.preset is not None
    container = render_weights(
        workspace.inference.preset,
        model.preset,
        settings,
        bucket=model.bucket,
        allow_pickle=allows_pickle(workspace),
    )
    return {"initContainers": [container]}


def _pull_secrets(spec: PresetSpec, model: ServedModel) -> list[Manifest]:
    """The volumes of what opens the weights' image, where adapters have not brought them."""
    if model.mirror is not None:
        return []
    return weights_secret_volumes(spec, besides=model.adapters.secrets)


def render_template(workspace: Workspace) -> Manifest:
    """The StatefulSet that runs the user's own pod template on the workspace's nodes."""
    assert workspace.inference is not None
    own = workspace.inference.template or {}
    pod = place(workspace, dict(own.get("spec") or {}), gpu_resource=labels.NVIDIA_GPU)
    template = {"metadata": _template_metadata(workspace, None), "spec": pod}
    return stamp(_statefulset(workspace, template, replicas=template_nodes(workspace), claims=[]))


def template_nodes(workspace: Workspace) -> int:
    """Nodes of a template, which nobody can plan for: as many as are asked for."""
    return (workspace.resource.count if workspace.resource else None) or 1


def _template_metadata(workspace: Workspace, config: Manifest | None) -> Manifest:
    template = (workspace.inference.template if workspace.inference else None) or {}
    meta = template.get("metadata") or {}
    return {
        "labels": {**meta.get("labels", {}), labels.WORKSPACE: workspace.metadata.name},
        "annotations": {
            **meta.get("annotations", {}),
            **({labels.REPORT_PORT: str(runtime.HTTP_PORT)} if not template else {}),
            **({labels.CONFIG_HASH: content_hash(config)} if config else {}),
        },
    }


def _statefulset(
    workspace: Workspace, template: Manifest, *, replicas: int, claims: list[Manifest]
) -> Manifest:
    name = workspace.metadata.name
    own = {labels.WORKSPACE: name}
    spec: Manifest = {
        "replicas": replicas,
        "serviceName": f"{name}-headless",
        "podManagementPolicy": "Parallel",
        # Written out, for it is what changes while an update starts beside the running pod.
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "selector": {"matchLabels": own},
        "template": _stamp_template(template),
    }
    if claims:
        spec["volumeClaimTemplates"] = claims
        # A claim on a node's own disk would keep its pod on that node for good.
        spec["persistentVolumeClaimRetentionPolicy"] = {
            "whenDeleted": "Delete",
            "whenScaled": "Delete",
        }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": name,
            "namespace": workspace.metadata.namespace,
            "labels": own,
            "ownerReferences": [owner_reference(workspace)],
        },
        "spec": spec,
    }


def _stamp_template(template: Manifest) -> Manifest:
    """The template with its own hash, by which a pod says what it was made from."""
    meta = template["metadata"]
    annotations = {**meta["annotations"], labels.TEMPLATE_HASH: content_hash(template)}
    return {**template, "metadata": {**meta, "annotations": annotations}}
