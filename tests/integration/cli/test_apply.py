"""`kaito apply` and `kaito delete` against a real API server."""

from tests.integration.cli.cluster import Cluster
from tests.integration.cli.manifests import PHI, config_yaml, workspace_yaml

from kaito.api.core import CONFIGMAPS
from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES


async def test_applying_says_created_then_unchanged_then_configured(cluster: Cluster) -> None:
    said = []
    for value in ("one", "one", "two"):
        done = await cluster.kaito("apply", "-f", "-", stdin=config_yaml("a", value))
        said.append((done.code, done.out, done.err))
    assert said == [
        (0, "configmap/a created\n", ""),
        (0, "configmap/a unchanged\n", ""),
        (0, "configmap/a configured\n", ""),
    ]


async def test_one_bad_object_does_not_keep_the_others_away(cluster: Cluster) -> None:
    texts = (
        config_yaml("first", "1"),
        workspace_yaml("bad", preset="phi-3-mini"),
        "apiVersion: kaito.sh/v1beta1\nkind: Workspac\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
        config_yaml("last", "1"),
    )
    cluster.write("all.yaml", "---\n".join(texts))
    done = await cluster.kaito("apply", "-f", "all.yaml")
    assert done.code == 1
    assert done.out == "configmap/first created\nconfigmap/last created\n"
    problem, kind, hint, nameless, _ = done.err.splitlines()
    assert problem.startswith('error: all.yaml:6: Workspace.kaito.sh "bad" is invalid')
    assert "did you mean" in problem
    assert "phi-3-mini-4k-instruct" in problem
    assert kind.endswith("the server has no kind 'Workspac' in 'kaito.sh/v1beta1'")
    assert hint == "hint: did you mean Workspace?"
    assert nameless == "error: all.yaml:21: ConfigMap: metadata.name is missing"


async def test_an_unknown_field_is_named_with_its_object_and_where_to_look(
    cluster: Cluster,
) -> None:
    text = workspace_yaml(extra="  presett: {name: phi-4}\n")
    done = await cluster.kaito("apply", "-f", "-", stdin=text)
    assert done.code == 1
    error, hint = done.err.splitlines()
    assert error.startswith("error: standard input:1: workspace 'phi': ")
    assert 'unknown field "inference.presett"' in error
    assert hint.endswith("kubectl explain workspace.inference")


async def test_a_dry_run_stores_nothing(cluster: Cluster) -> None:
    done = await cluster.kaito("apply", "--dry-run", "-f", "-", stdin=workspace_yaml())
    assert (done.code, done.out) == (0, "workspace.kaito.sh/phi created (dry run)\n")
    assert (await cluster.client.list(WORKSPACES)).items == ()


async def test_fields_of_others_are_taken_over_only_when_asked(cluster: Cluster) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"},
        "data": {"key": "theirs"},
    }
    await cluster.client.apply(CONFIGMAPS, manifest, manager="somebody")
    cluster.write("a.yaml", config_yaml("a", "ours"))
    refused = await cluster.kaito("apply", "-f", "a.yaml")
    assert refused.code == 1
    assert "conflict" in refused.err
    assert "--force-conflicts" in refused.err
    forced = await cluster.kaito("apply", "-f", "a.yaml", "--force-conflicts")
    assert forced.out == "configmap/a configured\n"
    live = await cluster.client.get(CONFIGMAPS, Key("default", "a"))
    assert live.data == {"key": "ours"}


async def test_a_namespace_that_differs_from_the_manifests_is_refused(cluster: Cluster) -> None:
    text = config_yaml("a", "1").replace("{name: a}", "{name: a, namespace: default}")
    done = await cluster.kaito("apply", "-n", "kube-public", "-f", "-", stdin=text)
    assert done.code == 1
    assert "is for namespace 'default', not 'kube-public'" in done.err
    elsewhere = await cluster.kaito(
        "apply", "-n", "kube-public", "-f", "-", stdin=config_yaml("a", "1")
    )
    assert elsewhere.code == 0
    await cluster.client.get(CONFIGMAPS, Key("kube-public", "a"))


async def test_what_was_applied_can_be_printed(cluster: Cluster) -> None:
    done = await cluster.kaito("apply", "-o", "yaml", "-f", "-", stdin=workspace_yaml())
    assert "managedFields" not in done.out
    assert "name: phi-4" in done.out


async def test_deleting_waits_until_the_object_is_gone(cluster: Cluster) -> None:
    cluster.write("phi.yaml", workspace_yaml())
    await cluster.kaito("apply", "-f", "phi.yaml")
    finalizers = {"metadata": {"finalizers": ["kaito.sh/test"]}}
    await cluster.client.patch(WORKSPACES, PHI, finalizers)
    deleting = await cluster.start("delete", "-f", "phi.yaml", "--timeout", "30s")
    assert deleting.stdout is not None
    assert await deleting.stdout.readline() == b'workspace.kaito.sh "phi" deleted\n'
    assert deleting.returncode is None
    await cluster.client.patch(WORKSPACES, PHI, {"metadata": {"finalizers": None}})
    await deleting.communicate()
    assert deleting.returncode == 0


async def test_a_deletion_that_is_held_says_so(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    finalizers = {"metadata": {"finalizers": ["kaito.sh/test"]}}
    await cluster.client.patch(WORKSPACES, PHI, finalizers)
    done = await cluster.kaito("delete", "wk", "phi", "--timeout", "100ms")
    assert done.code == 1
    assert 'workspace.kaito.sh "phi" is still there after 0.1s' in done.err


async def test_deleting_many_at_once_and_none(cluster: Cluster) -> None:
    for name in ("a", "b"):
        await cluster.kaito("apply", "-f", "-", stdin=config_yaml(name, "1"))
    refused = await cluster.kaito("delete", "configmaps")
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: a name is missing")
    done = await cluster.kaito("delete", "cm/a", "cm/c")
    assert done.code == 1
    assert done.out == 'configmap "a" deleted\n'
    assert done.err.startswith('error: configmaps "c" not found')
    assert (await cluster.kaito("delete", "cm", "c", "--ignore-not-found")).code == 0
    assert (await cluster.kaito("delete", "cm", "--all")).out == 'configmap "b" deleted\n'
    assert (await cluster.client.list(CONFIGMAPS, namespace="default")).items == ()
