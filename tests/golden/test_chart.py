"""Values in, manifests out. `KAITO_UPDATE_GOLDEN=1 pytest tests/golden` rewrites the outputs.

The CRDs are left out of the outputs: they are compared with their source instead.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts import CHART, CLAIMS, POOLS, ROOT, render

from kaito import __version__
from kaito.api.kinds import KINDS
from kaito.app.operator.gates import GATES
from kaito.app.operator.node_classes import parse_node_classes
from kaito.app.operator.options import (
    CLOUDS,
    IMAGE_FAMILIES,
    PROVISIONERS,
    OperatorOptions,
)
from kaito.app.operator.provisioners import choose_supply
from kaito.app.webhook.options import Address, WebhookOptions
from kaito.app.webhook.registration import PLURALS, render_registration
from kaito.app.webhook.service import KEPT_IN
from kaito.base.errors import UsageError

CASES = sorted(Path(__file__).parent.joinpath("charts").glob("*.values.yaml"))
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.removesuffix(".values.yaml"))
def test_values_render_as_recorded(case: Path) -> None:
    first = case.read_text().partition("\n")[0]
    flags = first.removeprefix("# helm:").split() if first.startswith("# helm:") else []
    rendered = render("-f", str(case), "--set", "crds.enabled=false", *flags)
    assert not rendered.refusal
    expected = case.with_name(case.name.replace(".values.", ".output."))
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        expected.write_text(rendered.text)
    assert rendered.text == expected.read_text()


def test_chart_and_program_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("keep", [True, False])
def test_the_crds_are_those_that_the_code_serves(keep: bool) -> None:
    rendered = render("--set", f"crds.keep={str(keep).lower()}").of_kind("CustomResourceDefinition")
    wanted = [kind.definition.to_manifest() for kind in KINDS]
    assert {crd["metadata"]["name"]: crd["spec"] for crd in rendered} == {
        crd["metadata"]["name"]: crd["spec"] for crd in wanted
    }
    policies = {
        crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for crd in rendered
    }
    assert policies == ({"keep"} if keep else {None})


def test_the_registrations_are_those_that_the_webhook_answers() -> None:
    options = WebhookOptions(
        address=Address("", 9443), service="kaito", namespace="kaito-workspace"
    )
    rendered = render().of_kind("ValidatingWebhookConfiguration")
    for found in rendered:
        del found["metadata"]["labels"]
    wanted = [render_registration(plural, options) for plural in PLURALS]
    assert sorted(rendered, key=str) == sorted(wanted, key=str)


def test_the_secret_is_the_one_that_the_webhook_fills() -> None:
    (secret,) = render().of_kind("Secret")
    assert secret["metadata"]["name"] == KEPT_IN
    assert "data" not in secret


@pytest.mark.parametrize(
    ("apis", "values", "provisioner"),
    [
        ([], [], "byo"),
        ([CLAIMS], [], "azure-gpu-provisioner"),
        ([CLAIMS, POOLS], [], "karpenter"),
        ([CLAIMS, POOLS], ["cloudProviderName=aws"], "karpenter"),
        ([CLAIMS], ["cloudProviderName=aws"], "byo"),
        ([CLAIMS, POOLS], ["cloudProviderName=gcp"], "byo"),
        ([CLAIMS, POOLS], ["featureGates.disableNodeAutoProvisioning=true"], "byo"),
        ([CLAIMS, POOLS], ["nodeProvisioner=azure-gpu-provisioner"], "azure-gpu-provisioner"),
        ([], ["nodeProvisioner=karpenter"], "karpenter"),
        (
            [CLAIMS],
            [
                "nodeProvisioner=azure-gpu-provisioner",
                "featureGates.disableNodeAutoProvisioning=true",
            ],
            "byo",
        ),
    ],
)
def test_who_makes_nodes_follows_from_the_cluster_unless_it_is_said(
    apis: list[str], values: list[str], provisioner: str
) -> None:
    settings = [word for value in values for word in ("--set", value)]
    (deployment,) = render(*settings, apis=apis).of_kind("Deployment")
    assert f"--node-provisioner={provisioner}" in _container(deployment)["args"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nvidiaDevicePlugin.enabled=true", "installs no device plugin"),
        ("localCSIDriver.useLocalCSIDriver=true", "installs no CSI driver"),
        ("productionstack.enabled=true", "has no dependencies"),
        ("selectorLabels.app=x", "selectorLabels: use podTemplateLabels"),
        ("defaultModelMirrorStorageClass=Fast Disk", "/defaultModelMirrorStorageClass"),
        ("presetRegistryName=mcr.microsoft.com/aks/kaito", "holds KAITO's images"),
        ("image.repository=mcr.microsoft.com/aks/kaito/workspace", "is KAITO's operator"),
        ("nodeProvisioner=karpenter,cloudProviderName=gcp", "under karpenterProviders"),
        ("nodeProvisioner=azure-gpu-provisioner,cloudProviderName=arc", "use karpenter or byo"),
        ("featureGates.enableMIG=true", "/featureGates/enableMIG"),
        ("featureGates.vLLM=false", "/featureGates/vLLM"),
        ("serviceAccount.create=false", "serviceAccountName: name the account"),
        ("replicas=3", "'replicas' not allowed"),
        ("webhook.port=8080", "webhook.port: 8080 is where metrics"),
        ("serviceName=a.b", "/serviceName"),
        ("resources.limits.memory=lots", "/resources/limits/memory"),
        ("deploymentStrategy.type=Sudden", "/deploymentStrategy/type"),
        ("nodeProvisioner=byo,defaultNodeImageFamily=ubuntu", "defaultNodeImageFamily: nobody"),
        ("karpenterProvider=oci", "karpenterProvider: oci is none of karpenterProviders"),
        (
            "featureGates.disableNodeAutoProvisioning=true,nodeProvisioner=karpenter",
            "contradicts nodeProvisioner=karpenter",
        ),
        (
            "provisioner.enabled=true,nodeProvisioner=karpenter,cloudProviderName=aws",
            "two would quarrel",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(value: str, words: str) -> None:
    assert words in render("--set", value).refusal


def test_pods_can_be_stopped_before_new_ones_start() -> None:
    # Nothing of the default strategy may be left: an API server refuses both together.
    settings = ("--set", "deploymentStrategy.type=Recreate,provisioner.enabled=true")
    found = render(*settings).of_kind("Deployment")
    assert [one["spec"]["strategy"] for one in found] == [{"type": "Recreate"}] * 2


def test_hosts_that_training_data_may_come_from_reach_the_operator() -> None:
    (deployment,) = render("--set", "tuningAllowHosts={a.internal,b}").of_kind("Deployment")
    assert "--tuning-allow-hosts=a.internal,b" in _container(deployment)["args"]


def test_node_classes_are_named_and_those_that_are_declared_are_made(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    provider: dict[str, Any] = {"group": "g.example.com", "kind": "FastClass"}
    chosen = {"nodeProvisioner": "karpenter", "karpenterProvider": "fast"}
    values.write_text(yaml.safe_dump({**chosen, "karpenterProviders": {"fast": provider}}))
    (deployment,) = render("-f", str(values)).of_kind("Deployment")
    arguments = _container(deployment)["args"]
    assert "--karpenter-node-class-group=g.example.com" in arguments
    assert "--karpenter-node-class-kind=FastClass" in arguments

    assert not [argument for argument in arguments if "node-classes" in argument]

    classes = [{"name": "fast", "default": True, "spec": {"tags": {"a": "b"}}}]
    provider |= {"nodeClasses": classes, "version": "v2"}
    values.write_text(yaml.safe_dump({**chosen, "karpenterProviders": {"fast": provider}}))
    chart = render("-f", str(values))
    arguments = _container(chart.of_kind("Deployment")[0])["args"]
    given = dict(a.removeprefix("--").split("=", 1) for a in arguments if "=" in a)
    (entry,) = parse_node_classes(given["karpenter-node-classes"])
    assert (entry.name, entry.is_default, entry.spec) == ("fast", True, {"tags": {"a": "b"}})
    assert given["karpenter-node-class-version"] == "v2"
    assert given["karpenter-node-class-resource-name"] == "fastclasses"
    rules = [rule for role in chart.of_kind("ClusterRole") for rule in role["rules"]]
    (rule,) = (rule for rule in rules if rule["apiGroups"] == ["g.example.com"])
    assert rule["resources"] == ["fastclasses"]
    assert rule["verbs"] == ["list", "watch", "create", "patch"]


def test_gates_and_choices_are_those_of_the_operator() -> None:
    kinds = {"on": False, "off": True, "either": None}
    found = SCHEMA["properties"]["featureGates"]["properties"]
    said = {name: kinds[gate["$ref"].rpartition("/")[2]] for name, gate in found.items()}
    assert said == {gate.name: gate.refused for gate in GATES}

    choices = SCHEMA["properties"]
    assert choices["nodeProvisioner"]["enum"] == ["auto", *PROVISIONERS]
    assert choices["cloudProviderName"]["enum"] == list(CLOUDS)
    assert choices["defaultNodeImageFamily"]["enum"] == ["", *IMAGE_FAMILIES]


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("provisioner", PROVISIONERS)
@pytest.mark.parametrize("family", ["", "ubuntu"])
def test_a_way_to_nodes_is_refused_where_the_operator_would_refuse_it(
    provisioner: str, cloud: str, family: str
) -> None:
    options = OperatorOptions(provisioner=provisioner, cloud=cloud, image_family=family)
    try:
        choose_supply(options)
        is_refused = False
    except UsageError:
        is_refused = True
    values = f"nodeProvisioner={provisioner},cloudProviderName={cloud}"
    values = f"{values},defaultNodeImageFamily={family}"
    assert bool(render("--set", values).refusal) is is_refused


def test_what_mirrors_are_given_that_say_nothing_is_told_to_the_operator() -> None:
    given = {
        "defaultModelMirrorStorageClass": "files",
        "modelMirrorDownloadCPU": "3",
        "modelMirrorDownloadMemory": "8Gi",
        "defaultStreamingServiceAccount": "streamer",
    }
    settings = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    (deployment,) = render(*settings).of_kind("Deployment")
    arguments = _container(deployment)["args"]
    assert {
        "--default-model-mirror-storage-class=files",
        "--model-mirror-download-cpu=3",
        "--model-mirror-download-memory=8Gi",
        "--default-streaming-service-account=streamer",
    } <= set(arguments)
    (quiet,) = render().of_kind("Deployment")
    assert not [one for one in _container(quiet)["args"] if "mirror" in one or "streaming" in one]


def test_pods_may_do_as_little_as_can_be() -> None:
    (deployment,) = render().of_kind("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert _container(deployment)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "volumes" not in pod
    assert "command" not in _container(deployment), "the image's own program, and no other"


def test_every_value_is_explained_and_checked() -> None:
    assert _unknown(VALUES, SCHEMA["properties"]) == []
    page = (ROOT / "docs" / "reference" / "chart-values.md").read_text()
    assert [name for name in SCHEMA["properties"] if f"`{name}" not in page] == ["global"]


def _unknown(values: dict[str, Any], properties: dict[str, Any]) -> list[str]:
    found = []
    for name, value in values.items():
        if name not in properties:
            found.append(name)
        elif isinstance(value, dict) and "properties" in properties[name]:
            found += _unknown(value, properties[name]["properties"])
    return found


def _container(deployment: dict[str, Any]) -> dict[str, Any]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(container, dict)
    return container
