"""Reviews: what is asked of admission, and how a refusal reads."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api.meta import Manifest
from kaito.app.admission import CATALOGUE, KaitoAdmission
from kaito.app.webhook.review import UnreadableReview, answer_review

ADMISSION = KaitoAdmission(CATALOGUE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def workspace(preset: str = "phi-4", **meta: Any) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "w", "namespace": "default", **meta},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "w"}},
        },
        "inference": {"preset": {"name": preset}},
    }


def review(operation: str, new: Any = None, old: Any = None, **request: Any) -> bytes:
    body = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5",
            "kind": {"group": "kaito.sh", "version": "v1beta1", "kind": "Workspace"},
            "resource": {"group": "kaito.sh", "version": "v1beta1", "resource": "workspaces"},
            "name": "w",
            "namespace": "default",
            "operation": operation,
            "object": new,
            "oldObject": old,
            **request,
        },
    }
    return json.dumps(body).encode()


def answer(body: bytes) -> Any:
    found = answer_review(body, ADMISSION)
    assert found["apiVersion"] == "admission.k8s.io/v1"
    assert found["kind"] == "AdmissionReview"
    assert found["response"]["uid"] == "705ab4f5"
    return found["response"]


def test_what_is_right_is_allowed() -> None:
    assert answer(review("CREATE", workspace())) == {"uid": "705ab4f5", "allowed": True}


def test_a_refusal_names_each_field_as_kubectl_prints_schema_faults() -> None:
    response = answer(review("CREATE", workspace("phi-44")))

    assert response["allowed"] is False
    status = response["status"]
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert (status["details"]["kind"], status["details"]["name"]) == ("Workspace", "w")
    (cause,) = status["details"]["causes"]
    assert cause["field"] == "inference.preset.name"
    assert "Unsupported inference preset name 'phi-44'" in cause["message"]
    assert status["message"] == f"{cause['field']}: {cause['message']}"


def test_a_change_of_what_may_not_change_is_refused() -> None:
    response = answer(review("UPDATE", workspace("phi-4-mini-instruct"), workspace("phi-4")))
    assert response["allowed"] is False


@pytest.mark.parametrize(
    "body",
    [
        review("DELETE", None, workspace("broken")),
        review("UPDATE", workspace("broken"), workspace("phi-4"), subResource="status"),
        review("CONNECT", workspace("broken")),
        review(
            "UPDATE",
            workspace("broken", deletionTimestamp="2026-01-01T00:00:00Z"),
            workspace("phi-4"),
        ),
    ],
    ids=["delete", "status", "connect", "last finalizer"],
)
def test_nothing_stands_in_the_way_of_deletion_and_status(body: bytes) -> None:
    assert answer(body)["allowed"] is True


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"request": {"uid": 3}}', b"\xff"])
def test_what_is_no_review_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(UnreadableReview, match="not an AdmissionReview"):
        answer_review(body, ADMISSION)


@given(metadata=JSON, resource=JSON, inference=JSON, tuning=JSON)
def test_any_object_gets_an_answer(
    metadata: object, resource: object, inference: object, tuning: object
) -> None:
    new = {"metadata": metadata, "resource": resource, "inference": inference, "tuning": tuning}
    response = answer(review("CREATE", new))
    assert response["allowed"] or response["status"]["details"]["causes"]
