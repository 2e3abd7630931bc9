"""An AdmissionReview (admission.k8s.io/v1) answered. Pure but for the admission it is given.

A refusal carries its reasons as `details.causes`, each with a field's path, so that kubectl prints
them exactly as it prints faults that a CRD's schema finds.
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from kaito.api.meta import Manifest, Wire
from kaito.base.errors import KaitoError

API_VERSION = "admission.k8s.io/v1"
_JUDGED = frozenset({"CREATE", "UPDATE"})


class Fault(Protocol):
    """What is wrong with one field."""

    @property
    def path(self) -> str:
        """Where; empty for the object as a whole."""
        ...

    @property
    def detail(self) -> str:
        """What is wrong and what to do."""
        ...


class Admission(Protocol):
    """The rules of the kinds."""

    def admit(
        self, operation: str, resource: str, *, old: Manifest | None, new: Manifest | None
    ) -> Sequence[Fault]:
        """Everything against a write; empty when it may go ahead. `resource` is `plural.group`."""
        ...


class UnreadableReview(KaitoError):
    """What was sent is no review."""


class _GroupVersion(Wire):
    group: str = ""
    version: str = ""
    kind: str = ""
    resource: str = ""


class _Request(Wire):
    uid: str
    operation: str
    resource: _GroupVersion
    kind: _GroupVersion = _GroupVersion()
    sub_resource: str = ""
    name: str = ""
    object: Manifest | None = None
    old_object: Manifest | None = None


class _Review(Wire):
    request: _Request


def answer_review(body: bytes, admission: Admission) -> Manifest:
    """The review with its response.

    Raises:
        UnreadableReview: the body is not one.
    """
    try:
        request = msgspec.json.decode(body, type=_Review).request
    except msgspec.MsgspecError as error:
        raise UnreadableReview(f"not an AdmissionReview: {error}") from error
    response: Manifest = {"uid": request.uid, "allowed": True}
    if faults := _faults(request, admission):
        response |= {"allowed": False, "status": _refusal(request, faults)}
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _faults(request: _Request, admission: Admission) -> Sequence[Fault]:
    # Deletions and writes of status are not registered for; if asked all the same, they pass.
    if request.operation not in _JUDGED or request.sub_resource or request.object is None:
        return ()
    if _meta(request).get("deletionTimestamp"):
        return ()
    resource = f"{request.resource.resource}.{request.resource.group}"
    return admission.admit(request.operation, resource, old=request.old_object, new=request.object)


def _refusal(request: _Request, faults: Sequence[Fault]) -> dict[str, Any]:
    return {
        "code": 422,
        "reason": "Invalid",
        "message": "; ".join(_to_line(fault) for fault in faults),
        "details": {
            "name": request.name or _generated_name(request),
            "group": request.kind.group or request.resource.group,
            "kind": request.kind.kind or request.resource.resource,
            "causes": [
                {"reason": "FieldValueInvalid", "message": fault.detail, "field": fault.path}
                for fault in faults
            ],
        },
    }


def _to_line(fault: Fault) -> str:
    return f"{fault.path}: {fault.detail}" if fault.path else fault.detail


def _generated_name(request: _Request) -> str:
    meta = _meta(request)
    return str(meta.get("name") or meta.get("generateName") or "")


def _meta(request: _Request) -> Manifest:
    found = (request.object or {}).get("metadata")
    return found if isinstance(found, dict) else {}
