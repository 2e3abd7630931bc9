"""Objects that several tests begin with."""

from kaito.api.meta import Manifest


def pod_template(app: str = "web", *, ends: str = "", image: str = "x") -> Manifest:
    annotations = {"test/ends": ends} if ends else {}
    return {
        "metadata": {"labels": {"app": app}, "annotations": annotations},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


def workload(kind: str, name: str = "web", **spec: object) -> Manifest:
    """A StatefulSet, Deployment or ReplicaSet."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name),
            **({"serviceName": name} if kind == "StatefulSet" else {}),
            **spec,
        },
    }


def job(name: str = "work", *, ends: str = "Succeeded", **spec: object) -> Manifest:
    template = pod_template(name, ends=ends)
    template["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": template, **spec},
    }


def pod(name: str, namespace: str = "default", **spec: object) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "main", "image": "x"}], **spec},
    }
