"""The kubeconfig with which kubectl, helm and client libraries reach the plane."""

import base64
import json
import os
from pathlib import Path

NAME = "kaito"


def render_kubeconfig(*, url: str, ca: bytes, token: str, namespace: str = "default") -> str:
    """A kubeconfig with everything embedded. JSON, which is YAML that needs no library."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": NAME,
                "cluster": {
                    "server": url,
                    "certificate-authority-data": base64.b64encode(ca).decode(),
                },
            }
        ],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [
            {"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}
        ],
        "current-context": NAME,
    }
    return json.dumps(document, indent=2) + "\n"


def write_kubeconfig(file: Path, *, url: str, ca: bytes, token: str) -> None:
    """Write it where only its owner can read it, in place of an older one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(render_kubeconfig(url=url, ca=ca, token=token))
    partial.rename(file)
