"""What a container is given: variables, files, folders; and what it says when one is missing."""

from typing import Any

import pytest
from tests.integration.node.plane import Plane, node_agent, settings

from kaito.api.core import CONFIGMAPS, SECRETS
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.kinds import CLAIMS


@pytest.fixture(params=["sandbox", "translation"], autouse=True)
async def agent(request: pytest.FixtureRequest, plane: Plane) -> Any:
    wanted = settings(plane.state, uses_sandbox=request.param == "sandbox")
    async with node_agent(plane, wanted) as found:
        yield found


async def config(plane: Plane, name: str, **data: str) -> None:
    meta = {"name": name, "namespace": "default"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
    await plane.create(CONFIGMAPS, manifest)


async def secret(plane: Plane, name: str, **data: str) -> None:
    meta = {"name": name, "namespace": "default"}
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}
    await plane.create(SECRETS, manifest)


async def last_words(plane: Plane, name: str, script: str, **fields: Any) -> str:
    """Run a script to its end: what it wrote to the termination log."""
    command = ("sh", "-ec", f"({script}) > /dev/termination-log")
    pod = await plane.run_pod(name, *command, restartPolicy="Never", **fields)
    container = await plane.until_phase(pod, "Succeeded")
    said: str = container["state"]["terminated"].get("message", "")
    return said


def mounted(source: Manifest, path: str, **mount: Any) -> dict[str, Any]:
    return {
        "container": {"volumeMounts": [{"name": "v", "mountPath": path, **mount}]},
        "volumes": [{"name": "v", **source}],
    }


async def test_variables_come_from_everywhere(plane: Plane) -> None:
    await config(plane, "settings", colour="green", size="7")
    await secret(plane, "keys", token="s3cret")
    env = [
        {"name": "PLAIN", "value": "a"},
        {"name": "BOTH", "value": "$(PLAIN)-$(P_colour)-$$(PLAIN)-$(NONE)"},
        {
            "name": "SIZE",
            "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "size"}},
        },
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {
            "name": "GONE",
            "valueFrom": {"secretKeyRef": {"name": "no", "key": "no", "optional": True}},
        },
        {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]
    said = await last_words(
        plane,
        "env",
        'echo "$BOTH $SIZE $TOKEN $POD ${GONE-unset} $CPUS $HOSTNAME"',
        container={
            "env": env,
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings"}}],
            "resources": {"limits": {"cpu": "1500m"}},
        },
    )
    assert said == "a-green-$(PLAIN)-$(NONE) 7 s3cret env unset 2 env\n"


async def test_a_missing_reference_is_named_and_waited_for(plane: Plane) -> None:
    env = {"envFrom": [{"configMapRef": {"name": "later"}}]}
    pod = await plane.run_pod("early", "sleep", "4321", container=env)
    waiting = await plane.until_waiting(pod, "CreateContainerConfigError")
    assert waiting["message"] == 'configmap "later" not found'
    await config(plane, "later", a="b")
    await plane.until_ready(pod)


async def test_what_arrives_with_the_pod_is_never_missed(plane: Plane) -> None:
    source = {"configMap": {"name": "just"}}
    pod = await plane.run_pod("early", "sleep", "4321", **mounted(source, "/conf"))
    await config(plane, "just", a="b")
    await plane.until_ready(pod)
    await plane.until_event("early", "Started")
    assert not [event for event in plane.events.list() if event.reason == "FailedMount"]


async def test_a_missing_volume_is_named_and_waited_for(plane: Plane) -> None:
    source = {"secret": {"secretName": "later"}}
    pod = await plane.run_pod("early", "sleep", "4321", **mounted(source, "/keys"))
    event = await plane.until_event("early", "FailedMount")
    assert event.message == 'MountVolume.SetUp failed for volume "v" : secret "later" not found'
    await secret(plane, "later", a="b")
    await plane.until_ready(pod)


async def test_a_config_map_is_a_folder_that_follows_it(plane: Plane) -> None:
    await config(plane, "settings", **{"app.conf": "old"})
    source = {"configMap": {"name": "settings", "items": [{"key": "app.conf", "path": "a/b"}]}}
    script = "until grep -q new /etc/box/a/b; do sleep 0.05; done; cat /etc/box/a/b"
    command = ("sh", "-c", f"({script}) > /dev/termination-log")
    pod = await plane.run_pod(
        "follower", *command, restartPolicy="Never", **mounted(source, "/etc/box")
    )
    await plane.until(lambda: plane.container(pod).get("ready"), "the pod running")
    await plane.client.patch(CONFIGMAPS, Key("default", "settings"), {"data": {"app.conf": "new"}})
    container = await plane.until_phase(pod, "Succeeded")
    assert container["state"]["terminated"]["message"] == "new"


async def test_files_have_their_modes(plane: Plane) -> None:
    await secret(plane, "keys", a="1", b="2")
    items = [{"key": "a", "path": "a", "mode": 0o400}, {"key": "b", "path": "b"}]
    source = {"secret": {"secretName": "keys", "items": items, "defaultMode": 0o640}}
    script = "stat -L -c %a /keys/a /keys/b"
    assert await last_words(plane, "modes", script, **mounted(source, "/keys")) == "400\n640\n"


async def test_several_sources_are_laid_into_one_folder(plane: Plane) -> None:
    await config(plane, "settings", colour="green")
    await secret(plane, "keys", token="s3cret")
    label = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
    source = {
        "projected": {
            "sources": [
                {"configMap": {"name": "settings"}},
                {"secret": {"name": "keys"}},
                {"downwardAPI": {"items": [label]}},
            ]
        }
    }
    script = "cat /all/colour /all/token /all/name"
    said = await last_words(plane, "projected", script, **mounted(source, "/all"))
    assert said == "greens3cretprojected"


async def test_an_empty_folder_in_memory_is_shared_by_containers(plane: Plane) -> None:
    mount = [{"name": "v", "mountPath": "/dev/shm"}]
    said = await last_words(
        plane,
        "shared",
        "cat /dev/shm/note",
        initContainers=[
            {
                "name": "writer",
                "image": "x",
                "command": ["sh", "-c", "echo hello > /dev/shm/note"],
                "volumeMounts": mount,
            }
        ],
        container={"volumeMounts": mount},
        volumes=[{"name": "v", "emptyDir": {"medium": "Memory"}}],
    )
    assert said == "hello\n"


async def test_a_part_of_a_volume_can_be_mounted(plane: Plane) -> None:
    await config(plane, "settings", **{"a.conf": "A", "b.conf": "B"})
    source = {"configMap": {"name": "settings"}}
    script = "cat /opt/app/only.conf"
    part = mounted(source, "/opt/app/only.conf", subPath="b.conf")
    assert await last_words(plane, "part", script, **part) == "B"


async def test_a_path_of_this_machine_can_be_mounted(plane: Plane) -> None:
    (plane.state / "here").mkdir()
    (plane.state / "here" / "file").write_text("content")
    source = {"hostPath": {"path": str(plane.state / "here"), "type": "Directory"}}
    assert await last_words(plane, "host", "cat /there/file", **mounted(source, "/there")) == (
        "content"
    )


async def test_a_claim_outlives_its_pod(plane: Plane) -> None:
    meta = {"name": "disk", "namespace": "default"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await plane.create(
        CLAIMS,
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec},
    )
    source = {"persistentVolumeClaim": {"claimName": "disk"}}
    await last_words(plane, "writer", "echo kept > /data/x", **mounted(source, "/data"))
    await plane.delete_pod(Key("default", "writer"))
    assert await last_words(plane, "reader", "cat /data/x", **mounted(source, "/data")) == "kept\n"


async def test_the_end_of_the_log_explains_a_failure(plane: Plane) -> None:
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    pod = await plane.run_pod(
        "sad", "sh", "-c", "echo no weights; exit 1", restartPolicy="Never", container=policy
    )
    container = await plane.until_phase(pod, "Failed")
    assert container["state"]["terminated"]["message"] == "no weights\n"
