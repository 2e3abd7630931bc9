"""What an update of the workload changes, in words, and whether it can be changed in place. Pure.

The API server adds defaults to what it stores, so only what we write is compared, part by part.
"""

from typing import Literal, TypeAlias

from kaito.api import labels
from kaito.api.core import StatefulSet
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.base.quantity import parse_bytes

_CONTAINER_PARTS = ("image", "command", "args", "env", "resources", "securityContext")
_POD_PARTS = ("affinity", "tolerations", "securityContext")


Mode: TypeAlias = Literal["surge", "replace", "auto"]


def mode_of(workspace: Workspace) -> Mode:
    """How the workspace wants its pod replaced.

    Of a template nobody knows whether two of its pods may run at once, so only who says so gets
    it. What is not understood is taken for `auto`.
    """
    asked = workspace.metadata.annotations.get(labels.ROLLOUT, "")
    if asked == "surge":
        return "surge"
    is_preset = workspace.inference is not None and workspace.inference.preset is not None
    return "auto" if is_preset and asked != "replace" else "replace"


def what_changed(live: StatefulSet, wanted: Manifest) -> str:
    """`its pods are replaced: args of w, inference_config.yaml`."""
    template = wanted["spec"]["template"]
    found = [
        *_of_metadata(live.spec.template.metadata, template["metadata"]),
        *_of_pod(live.spec.template.spec, template["spec"]),
    ]
    old, new = live.spec.replicas, int(wanted["spec"]["replicas"])
    scaled = f"replicas {old} -> {new}" if old != new else ""
    if not found and scaled:
        return scaled
    parts = [scaled] if scaled else []
    return f"its pods are replaced: {', '.join([*parts, *found]) or 'details of the template'}"


def is_replaced(live: StatefulSet, wanted: Manifest) -> bool:
    """Whether it has to be made anew: Kubernetes never changes the fields that differ.

    Nor does an apply take away what another program wrote: KAITO's probes, init containers and
    variables would stay beside ours, and two ways to probe one container are refused for ever.
    """
    spec = wanted["spec"]
    return (
        labels.TEMPLATE_HASH not in live.metadata.annotations
        or live.spec.service_name != spec["serviceName"]
        or live.spec.pod_management_policy != spec["podManagementPolicy"]
        or _claims(live.spec.volume_claim_templates)
        != _claims(tuple(spec.get("volumeClaimTemplates", ())))
    )


def _of_metadata(live: Manifest, wanted: Manifest) -> list[str]:
    found = []
    mounted = [_text(m, "annotations", labels.CONFIG_HASH) for m in (live, wanted)]
    if mounted[0] != mounted[1]:
        found.append("inference_config.yaml")
    others = [
        {key: value for key, value in (m.get("annotations") or {}).items() if not _is_ours(key)}
        for m in (live, wanted)
    ]
    if others[0] != others[1]:
        found.append("annotations")
    if (live.get("labels") or {}) != (wanted.get("labels") or {}):
        found.append("labels")
    return found


def _of_pod(live: Manifest, wanted: Manifest) -> list[str]:
    found = [part for part in _POD_PARTS if not _covers(live.get(part), wanted.get(part))]
    for kind in ("initContainers", "containers"):
        old = {container["name"]: container for container in live.get(kind) or ()}
        for container in wanted.get(kind) or ():
            name = container["name"]
            if name not in old:
                found.append(f"container {name} is new")
                continue
            found += [
                f"{part} of {name}"
                for part in _CONTAINER_PARTS
                if not _covers(old[name].get(part), container.get(part))
            ]
    names = [{v["name"] for v in pod.get("volumes") or ()} for pod in (live, wanted)]
    if names[0] != names[1]:
        found.append("volumes")
    return found


def _covers(live: object, wanted: object) -> bool:
    """Whether `live` has everything that `wanted` has; what it has more are defaults."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            _covers(live.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(_covers(one, other) for one, other in zip(live, wanted, strict=True))
        )
    if not wanted:
        return not live or wanted == live
    return live == wanted or (isinstance(wanted, str | int) and _is_same_amount(live, wanted))


def _is_same_amount(live: object, wanted: str | int) -> bool:
    """The API server writes quantities its own way: `180Gi` for `184320Mi`, `"1"` for 1."""
    try:
        return isinstance(live, str | int) and parse_bytes(live) == parse_bytes(wanted)
    except ValueError:
        return False


def _claims(templates: tuple[Manifest, ...]) -> list[tuple[str, str, int]]:
    return [
        (
            t["metadata"]["name"],
            str(t["spec"].get("storageClassName", "")),
            parse_bytes(t["spec"]["resources"]["requests"]["storage"]),
        )
        for t in templates
    ]


def _text(metadata: Manifest, part: str, key: str) -> str:
    return str((metadata.get(part) or {}).get(key, ""))


def _is_ours(key: str) -> bool:
    return key.partition("/")[0].endswith(labels.GROUP)
