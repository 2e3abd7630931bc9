"""Pods: their first status, their grace when they go, and what of them may change.

A pod on a node is removed by its node agent, which deletes it again with a grace of 0; one that
never was on a node, or has ended, goes at once.
"""

from typing import TYPE_CHECKING, Any

from kaito.api.meta import Manifest
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.objects import is_deleting
from kaito.local.apiserver.rules.base import Rules
from kaito.local.apiserver.rules.quality import qos_class

if TYPE_CHECKING:
    from kaito.local.apiserver.options import DeleteOptions

_DEFAULT_GRACE = 30
_MUTABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "nodeName")


class PodRules(Rules):
    """See `Rules`."""

    def on_create(self, manifest: Manifest) -> Manifest:
        """Every pod begins as pending."""
        return {**manifest, "status": {"phase": "Pending", "qosClass": qos_class(manifest)}}

    def on_update(self, new: Manifest, old: Manifest) -> Manifest:
        """Keep the quality of service class, which a status writer need not know."""
        before = (old.get("status") or {}).get("qosClass")
        status = new.get("status") or {}
        if not before or status.get("qosClass") == before:
            return new
        return {**new, "status": {**status, "qosClass": before}}

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """Containers have different names; what runs does not change under way."""
        found = _name_problems(new["spec"])
        if old is not None and _fixed_part(new) != _fixed_part(old):
            message = (
                "Forbidden: pod updates may not change fields other than "
                "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                "`spec.activeDeadlineSeconds`,`spec.tolerations`,"
                "`spec.terminationGracePeriodSeconds`"
            )
            found.append(Cause("spec", message, "FieldValueForbidden"))
        return tuple(found)

    def grace(self, manifest: Manifest, options: "DeleteOptions") -> int:
        """The time asked for, else the pod's own; none where no process can be running."""
        spec, status = manifest["spec"], manifest.get("status") or {}
        if not spec.get("nodeName") or status.get("phase") in {"Succeeded", "Failed"}:
            return 0
        if options.grace_seconds is not None:
            return options.grace_seconds
        if is_deleting(manifest):
            return int(manifest["metadata"].get("deletionGracePeriodSeconds") or 0)
        own = spec.get("terminationGracePeriodSeconds")
        return _DEFAULT_GRACE if own is None else int(own)


def _name_problems(spec: dict[str, Any]) -> list[Cause]:
    found, seen = [], set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            name = container.get("name")
            if name in seen:
                where = f"spec.{field}[{index}].name"
                found.append(Cause(where, f'Duplicate value: "{name}"', "FieldValueDuplicate"))
            seen.add(name)
    return found


def _fixed_part(pod: Manifest) -> Manifest:
    spec = {key: value for key, value in pod["spec"].items() if key not in _MUTABLE}
    for field in ("initContainers", "containers"):
        spec[field] = [{**c, "image": ""} for c in spec.get(field) or ()]
    return spec
