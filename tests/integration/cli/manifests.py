"""Manifests that several tests apply."""

from kaito.api.meta import Key, Manifest

PHI = Key("default", "phi")


def workspace_yaml(name: str = "phi", *, preset: str = "phi-4", extra: str = "") -> str:
    return f"""\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata:
  name: {name}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector:
    matchLabels: {{apps: {name}}}
inference:
  preset: {{name: {preset}}}
{extra}"""


def config_yaml(name: str, value: str) -> str:
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: '{value}'}}\n"
    )


def condition(type_: str, status: str, reason: str, message: str = "") -> Manifest:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def node_pending() -> tuple[Manifest, ...]:
    return (
        condition("ResourceReady", "False", "NodeClaimNotReady", "0 of 1 machines are ready"),
        condition("WorkspaceReady", "False", "NodeClaimNotReady", "0 of 1 machines are ready"),
    )


def inference(reason: str, message: str) -> tuple[Manifest, ...]:
    """A Workspace whose nodes are there and whose pods are not ready yet."""
    return (
        condition("ResourceReady", "True", "workspaceResourceStatusSuccess"),
        condition("InferenceReady", "False", reason, message),
        condition("WorkspaceReady", "False", reason, message),
    )


def ready() -> tuple[Manifest, ...]:
    return (
        condition("ResourceReady", "True", "workspaceResourceStatusSuccess"),
        condition("InferenceReady", "True", "WorkspaceInferenceStatusSuccess"),
        condition("WorkspaceReady", "True", "workspaceSucceeded", "the model answers"),
    )
