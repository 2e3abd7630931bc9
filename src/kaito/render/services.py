"""The two Services of an inference workspace: the one people call, and the headless one."""

from kaito.api import labels, runtime
from kaito.api.meta import Manifest, owner_reference
from kaito.api.workspace import Workspace
from kaito.render.stamp import stamp


def render_services(workspace: Workspace, *, ordinal: int = 0) -> tuple[Manifest, ...]:
    """`<name>` with ports 80 and 29500 in front of one pod, and `<name>-headless`.

    `ordinal` says which: the first, but for the time in which an update takes over.
    """
    return (_front(workspace, ordinal), render_headless(workspace))


def _front(workspace: Workspace, ordinal: int) -> Manifest:
    name = workspace.metadata.name
    balanced = workspace.metadata.annotations.get(labels.ENABLE_LOAD_BALANCER) == "True"
    return stamp(
        _service(
            workspace,
            name,
            {
                "type": "LoadBalancer" if balanced else "ClusterIP",
                "ports": [
                    _port("http", 80, http_port(workspace)),
                    _port("torch", runtime.RENDEZVOUS_PORT, runtime.RENDEZVOUS_PORT),
                ],
                # Only one pod serves HTTP, also where several nodes share one model.
                "selector": {labels.WORKSPACE: name, labels.POD_NAME: f"{name}-{ordinal}"},
                # Said, because KAITO's Services have it: a pod that loads would get requests.
                "publishNotReadyAddresses": False,
            },
        )
    )


def headless_name(workspace: Workspace) -> str:
    """The Service within which each pod has a name of its own."""
    return f"{workspace.metadata.name}-headless"


def render_headless(workspace: Workspace) -> Manifest:
    """The Service that names pods which have to find each other."""
    name = workspace.metadata.name
    return stamp(
        _service(
            workspace,
            headless_name(workspace),
            {
                "clusterIP": "None",
                "selector": {labels.WORKSPACE: name},
                # The pods of one model must find each other before any of them is ready.
                "publishNotReadyAddresses": True,
            },
        )
    )


def http_port(workspace: Workspace) -> int:
    """The port requests go to: a template's first container port, or ours."""
    template = workspace.inference.template if workspace.inference else None
    for container in ((template or {}).get("spec") or {}).get("containers") or ():
        for port in container.get("ports") or ():
            return int(port["containerPort"])
    return runtime.HTTP_PORT


def _service(workspace: Workspace, name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": workspace.metadata.namespace,
            "labels": {labels.WORKSPACE: workspace.metadata.name},
            "ownerReferences": [owner_reference(workspace)],
        },
        "spec": spec,
    }


def _port(name: str, port: int, target: int) -> Manifest:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
