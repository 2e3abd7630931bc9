"""Why a pod is not ready, in one reason and one line.

Reasons are those KAITO 0.12 derives from pods (spec section 1.6), and two of our own for the stages
of a healthy start: FetchingWeights and StartingEngine.
"""

import re

from kaito.api.core import ContainerState, ContainerStatus, Pod
from kaito.api.runtime import ExitCode

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageNotRunnable",
    }
)
_CONFIG_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)


_MISSING = re.compile('(secret|configmap) "[^"]*" not found', re.IGNORECASE)
_KEYLESS = re.compile("couldn't find key .* in (Secret|ConfigMap) ")
"""As a kubelet says it (https://github.com/kubernetes/kubernetes, pkg/kubelet/kubelet_pods.go)."""


def explain_pod(pod: Pod, *, is_preset: bool, progress: str = "") -> tuple[str, str]:
    """Reason and message of a pod that is not ready; `progress` is what it says itself, if at all.

    What it says stands for a stage only where Kubernetes says that this stage goes on.
    """
    name = pod.metadata.name
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return "Unschedulable", f"pod {name}: {condition.message}"
    if pod.status.phase == "Failed" and pod.status.reason:
        return f"Pod{pod.status.reason}", f"pod {name}: {pod.status.message}"
    starting, running = pod.status.init_container_statuses, pod.status.container_statuses
    if found := _first_trouble(name, starting):
        return found
    if any(not _is_finished(status.state) for status in starting):
        return "FetchingWeights", f"pod {name}: {progress or 'the weights are being put in place'}"
    if found := _first_trouble(name, running):
        return found
    if is_preset and running:
        return "StartingEngine", f"pod {name}: {progress or 'the engine is loading the model'}"
    waiting = ", ".join(s.name for s in running if s.state.running and not s.ready)
    if waiting:
        message = f"pod {name}: container {waiting} runs but its readiness probe does not pass"
        return "ContainerNotReady", f"{message}; see: kubectl describe pod {name}"
    return "WorkspaceInferenceStatusPending", f"pod {name} is being started"


def _first_trouble(pod: str, statuses: tuple[ContainerStatus, ...]) -> tuple[str, str] | None:
    return next(filter(None, (_trouble(pod, status) for status in statuses)), None)


def _trouble(pod: str, status: ContainerStatus) -> tuple[str, str] | None:
    """What is wrong with one container, or None when it only needs time."""
    waiting = status.state.waiting
    ended = status.state.terminated or status.last_state.terminated
    where = f"pod {pod}, container {status.name}"
    if waiting is not None and waiting.reason in _IMAGE_REASONS:
        return "ImagePullError", f"{where}: {waiting.message}"
    if waiting is not None and waiting.reason in _CONFIG_REASONS:
        return "ContainerStartError", f"{where}: {waiting.message}{_remedy(waiting.message)}"
    if ended is None or ended.exit_code == 0:
        return None
    if status.state.running and ended.exit_code != ExitCode.UNAVAILABLE:
        return None
    said = ended.message.strip() or f"ended with exit code {ended.exit_code} ({ended.reason})"
    message = f"{where}: {said}"
    if ended.reason == "OOMKilled":
        return "ContainerOOMKilled", message
    match ended.exit_code:
        case ExitCode.UNAVAILABLE:
            # A retry that runs must not make the reason come and go.
            return "ModelUnavailable", f"{said}; trying again" if status.state.running else said
        case ExitCode.PEERS:
            return "PeersUnreachable", f"{message}; see: kubectl get pods -o wide"
        case ExitCode.CONFIG:
            return "InvalidConfig", message
    return "ContainerCrashLoopBackOff", f"{message}; see: kubectl logs {pod} -c {status.name}"


def _remedy(said: str) -> str:
    """What to do about an object that the kubelet misses; it looks again by itself."""
    if _MISSING.search(said):
        return "; create it in the pod's namespace, and the pod goes on"
    return "; add it, and the pod goes on" if _KEYLESS.search(said) else ""


def _is_finished(state: ContainerState) -> bool:
    return state.terminated is not None and state.terminated.exit_code == 0
