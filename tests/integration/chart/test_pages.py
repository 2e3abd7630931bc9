"""The how-to pages' commands, run as a reader would, and their manifests, admitted."""

import asyncio
import os
import re
import shlex
from pathlib import Path

import kubernetes_tools
import pytest
import yaml
from charts import CHART, ROOT, render
from tests.integration.chart.cluster import NAMESPACE, PATIENCE, Site
from tests.integration.operator.cluster import workspace

from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS, find_kind
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import CATALOGUE

PAGES = sorted((ROOT / "docs" / "how-to").glob("install-on-*.md"))
MIGRATION = ROOT / "docs" / "how-to" / "coming-from-kaito.md"
RELEASE = "kaito-workspace"


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(
        rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL
    )
    return [str(block) for block in found]


def installs(page: Path) -> list[str]:
    """The page's `helm install` and `helm upgrade` commands, each in one line."""
    joined = "".join(blocks(page, "sh")).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("helm ")]


COMMANDS = [(page.stem, command) for page in PAGES for command in installs(page)]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_an_installation_of_the_page_renders(page: str, command: str) -> None:
    words = shlex.split(command)
    assert words[2:4] == ["kaito", "charts/kaito"], page
    not_of_template = ("--create-namespace", "--reuse-values", "--reset-then-reuse-values")
    flags = [word for word in words[4:] if word not in not_of_template]
    assert flags[:2] == ["--namespace", NAMESPACE]
    rendered = render(*flags[2:])
    assert not rendered.refusal
    assert rendered.of_kind("Deployment")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_manifests_of_the_page_are_admitted(page: Path) -> None:
    judged = 0
    for document in map(yaml.safe_load, blocks(page, "yaml")):
        kind = find_kind(document["apiVersion"].partition("/")[0], document["kind"])
        if kind is not None:
            assert kind.check(document, None, CATALOGUE) == ()
            judged += 1
    assert judged


async def test_a_release_of_kaito_changes_hands_by_the_page_without_losing_anything(
    site: Site, tmp_path: Path
) -> None:
    client = site.cluster.client
    await site.helm("install", RELEASE, str(chart_of_kaito(tmp_path)), "--create-namespace")
    await client.create(WORKSPACES, workspace("w"))
    await client.create(NODECLAIMS, claim())
    kept = [
        (await client.get(WORKSPACES, Key("default", "w"))).metadata.uid,
        (await client.get(NODECLAIMS, Key("", "ws1"))).metadata.uid,
    ]
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "kaito").symlink_to(CHART)
    (tmp_path / "values.yaml").write_text("replicaCount: 1\nlogging: {level: error}\n")

    for block in blocks(MIGRATION, "sh"):
        await run(site, tmp_path, block)

    assert [
        (await client.get(WORKSPACES, Key("default", "w"))).metadata.uid,
        (await client.get(NODECLAIMS, Key("", "ws1"))).metadata.uid,
    ] == kept
    assert await site.names("deployments") == {"deployment.apps/kaito"}
    crd = await site.get("crd", "workspaces.kaito.sh")
    assert crd["metadata"]["labels"]["helm.sh/chart"].startswith("kaito-")
    assert await site.names("crd") >= {
        "customresourcedefinition.apiextensions.k8s.io/nodeclaims.karpenter.sh"
    }


async def run(site: Site, folder: Path, block: str) -> None:
    """The block in a shell that finds kubectl, helm and the cluster."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    names: tuple[kubernetes_tools.Tool, ...] = ("kubectl", "helm")
    for name in names:
        if not (tools / name).exists():
            (tools / name).symlink_to(kubernetes_tools.tool_path(name))
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", block),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "KUBECONFIG": str(site.cluster.kubeconfig),
            "HOME": str(folder),
        },
    )
    async with asyncio.timeout(PATIENCE):
        out, _ = await process.communicate()
    assert process.returncode == 0, (block, out.decode())


def chart_of_kaito(folder: Path) -> Path:
    """A chart that is made as KAITO's: CRDs among its templates, Karpenter's too, and no policy."""
    chart = folder / "workspace"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: workspace\nversion: 0.12.0\n")
    crds = [*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd()]
    # Of another chart of KAITO's, which is not installed here.
    crds = [crd for crd in crds if crd["metadata"]["name"] != "ragengines.kaito.sh"]
    labels = {"app.kubernetes.io/name": "workspace", "app.kubernetes.io/instance": RELEASE}
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": RELEASE, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "workspace", "image": "workspace:0.12.0"}]},
            },
        },
    }
    (chart / "all.yaml").write_text(yaml.safe_dump_all([*crds, deployment]))
    (chart / "templates" / "all.yaml").write_text('{{ .Files.Get "all.yaml" }}')
    return chart


def claim() -> Manifest:
    """A NodeClaim as KAITO makes them."""
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "ws1", "labels": {"kaito.sh/workspace": "w"}},
        "spec": {
            "nodeClassRef": {"group": "kaito.sh", "kind": "KaitoNodeClass", "name": "default"},
            "requirements": [],
        },
    }


def test_crds_are_applied_from_where_the_pages_say() -> None:
    pages = "".join(page.read_text() for page in PAGES)
    assert "kubectl apply --server-side -f charts/kaito/crds" in pages
    for path in (CHART / "files" / "crds").iterdir():
        assert (CHART / "crds" / path.name).read_text() == path.read_text()
