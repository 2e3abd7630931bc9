"""Deployments, ReplicaSets, StatefulSets and Jobs: selectors that fit, parts that stay."""

import msgspec

from kaito.api.meta import Manifest
from kaito.api.selectors import LabelSelector, matches_labels
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.objects import metadata
from kaito.local.apiserver.rules.base import Rules

_SET_MUTABLE = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)
_SET_RULE = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
    "'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' "
    "and 'minReadySeconds' are forbidden"
)


class ReplicaRules(Rules):
    """Deployments and ReplicaSets: the selector fits the template and never changes."""

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """See `Rules`."""
        spec = new["spec"]
        found = [*_selector_problems(spec)]
        if old is not None and spec["selector"] != old["spec"]["selector"]:
            found.append(_immutable("spec.selector", spec["selector"]))
        return tuple(found)


class StatefulSetRules(Rules):
    """StatefulSets: besides that, only few fields of spec change."""

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """See `Rules`."""
        spec = new["spec"]
        found = [*_selector_problems(spec)]
        if old is not None and _fixed(spec) != _fixed(old["spec"]):
            found.append(Cause("spec", _SET_RULE, "FieldValueForbidden"))
        return tuple(found)


class JobRules(Rules):
    """Jobs: a selector of their own, and a template that stays."""

    def complete(self, manifest: Manifest) -> Manifest:
        """Select the job's pods by its uid, once it has one."""
        uid, spec = metadata(manifest).get("uid"), manifest["spec"]
        if not uid or spec.get("manualSelector") or spec.get("selector"):
            return manifest
        name = metadata(manifest).get("name", "")
        keys = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        template = spec["template"]
        meta = template.get("metadata") or {}
        labelled = {
            **template,
            "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **keys}},
        }
        selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        return {**manifest, "spec": {**spec, "selector": selector, "template": labelled}}

    def on_create(self, manifest: Manifest) -> Manifest:
        """See `complete`: only now is there a uid."""
        return self.complete(manifest)

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """See `Rules`."""
        found = []
        policy = new["spec"]["template"]["spec"].get("restartPolicy")
        if policy not in {"Never", "OnFailure"}:
            message = f'Required value: valid values: "OnFailure", "Never" (got "{policy}")'
            where = "spec.template.spec.restartPolicy"
            found.append(Cause(where, message, "FieldValueRequired"))
        spec = new["spec"]
        if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
            message = "Required value: when completion mode is Indexed"
            found.append(Cause("spec.completions", message, "FieldValueRequired"))
        if old is not None:
            for field in ("template", "selector", "completionMode"):
                value = new["spec"].get(field)
                if value != old["spec"].get(field):
                    found.append(_immutable(f"spec.{field}", value))
        return tuple(found)


def _selector_problems(spec: Manifest) -> list[Cause]:
    selector = msgspec.convert(spec["selector"], LabelSelector)
    if not selector.terms:
        message = f"Invalid value: {_json(spec['selector'])}: empty selector is invalid"
        return [Cause("spec.selector", message)]
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    try:
        fits = matches_labels(selector.terms, labels)
    except ValueError as error:
        return [Cause("spec.selector.matchExpressions", f"Invalid value: {error}")]
    if fits:
        return []
    message = f"Invalid value: {_json(labels)}: `selector` does not match template `labels`"
    return [Cause("spec.template.metadata.labels", message)]


def _fixed(spec: Manifest) -> Manifest:
    return {key: value for key, value in spec.items() if key not in _SET_MUTABLE}


def _immutable(field: str, value: object) -> Cause:
    return Cause(field, f"Invalid value: {_json(value)}: field is immutable")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
