"""What our own containers may not do: Kubernetes' "restricted" profile, and a read-only root.

https://kubernetes.io/docs/concepts/security/pod-security-standards/. A template of the user's keeps
what it says of itself.
"""

from kaito.api import runtime
from kaito.api.meta import Manifest


def pod_security() -> Manifest:
    """Of the pod: nobody in particular, with a group that may write the pod's volumes."""
    return {
        "runAsNonRoot": True,
        "runAsUser": runtime.USER_ID,
        "runAsGroup": runtime.USER_ID,
        "fsGroup": runtime.USER_ID,
        # A volume of weights has few but large files: look at its root only.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Manifest:
    """Of each container; its writable folders are volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def scratch_environment() -> list[Manifest]:
    """Where a program that knows neither its user nor its home finds both."""
    return [
        {"name": "HOME", "value": runtime.SCRATCH_MOUNT},
        {"name": "USER", "value": runtime.USER_NAME},
        {"name": "LOGNAME", "value": runtime.USER_NAME},
    ]
