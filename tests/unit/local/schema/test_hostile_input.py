"""Whatever a client sends in place of any part of a pod, the answer is an answer, not a crash."""

import contextlib
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.api.meta import Manifest
from kaito.local.schema.builtin import apply_builtin_defaults, builtin_schema
from kaito.local.schema.ownership import ApplyConflict, apply_ssa, track_update
from kaito.local.schema.patches import (
    PatchError,
    apply_merge_patch,
    apply_strategic_merge_patch,
)
from kaito.local.schema.validate import apply_defaults, prune, unknown_fields, validate

PROPERTY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
POD = builtin_schema("", "v1", "Pod")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
VALID: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "labels": {"a": "b"}, "finalizers": ["x"], "ownerReferences": []},
    "spec": {
        "containers": [
            {
                "name": "a",
                "env": [{"name": "X", "value": "1"}],
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}},
                "livenessProbe": {"httpGet": {"port": "http"}},
            }
        ],
        "volumes": [{"name": "v", "configMap": {"name": "c"}}],
        "hostNetwork": True,
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(allow_nan=False)
    | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "$patch", "x", "$retainKeys"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)


@st.composite
def spoiled_pods(draw: st.DrawFn) -> Manifest:
    """The valid pod with one value below metadata, spec or status replaced by anything."""

    def spoil(value: Any, depth: int) -> Any:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys or (depth > 1 and draw(st.booleans())):
            return draw(JUNK)
        key = draw(st.sampled_from(keys))
        child = value[key]
        new = spoil(child, depth + 1) if isinstance(child, (dict, list)) else draw(JUNK)
        copy = value.copy()
        copy[key] = new
        return copy

    part = draw(st.sampled_from(["metadata", "spec", "status"]))
    return {**VALID, part: spoil(VALID[part], 1)}


@PROPERTY
@given(spoiled_pods())
def test_shaping_never_raises_and_what_it_accepts_can_be_completed_and_tracked(
    pod: Manifest,
) -> None:
    unknown_fields(POD, pod)
    shaped = apply_defaults(POD, prune(POD, pod))
    assert unknown_fields(POD, shaped) == ()
    if not validate(POD, shaped):
        complete = apply_builtin_defaults("", "Pod", shaped)
        assert validate(POD, complete) == ()
        tracked = track_update(
            old=None, new=complete, manager="m", schema=POD, time=NOW, api_version="v1"
        )
        assert {**tracked, "metadata": {}} == {**complete, "metadata": {}}


@PROPERTY
@given(spoiled_pods())
def test_patches_and_applies_are_refused_or_lead_to_an_object(pod: Manifest) -> None:
    assert isinstance(apply_merge_patch(VALID, pod), dict)
    with contextlib.suppress(PatchError):
        assert isinstance(apply_strategic_merge_patch(VALID, pod, POD), dict)
    with contextlib.suppress(PatchError, ApplyConflict):
        result = apply_ssa(
            live=VALID,
            applied=pod,
            manager="m",
            schema=POD,
            force=True,
            operation_time=NOW,
            api_version="v1",
        )
        assert result.manifest["kind"] == "Pod"
