"""Flags and environment as one value."""

import pytest

from kaito.app.operator.gates import parse_gates
from kaito.app.operator.options import (
    MirrorOptions,
    check_burst,
    check_namespace,
    check_patience,
    check_rate,
    choose_image_family,
    choose_mirror_options,
    choose_provisioner_name,
    parse_address,
    parse_environment,
    parse_hosts,
)
from kaito.app.webhook.options import Address
from kaito.base.errors import UsageError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", Address("", 8080)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:9000", Address("::1", 9000)),
        ("0", None),
    ],
)
def test_an_address_is_read_as_kubernetes_components_write_it(
    text: str, address: Address | None
) -> None:
    assert parse_address("metrics-bind-address", text) == address


@pytest.mark.parametrize("text", ["", "8080", "host", ":http", ":70000", "host:-1"])
def test_what_is_no_address_is_refused_by_the_flag_s_name(text: str) -> None:
    with pytest.raises(UsageError, match="--metrics-bind-address="):
        parse_address("metrics-bind-address", text)


def test_the_environment_of_the_chart_is_understood() -> None:
    around = parse_environment(
        {
            "CLOUD_PROVIDER": "aws",
            "RELEASE_NAMESPACE": "kaito",
            "PRESET_REGISTRY_NAME": "registry.example.com/kaito/",
            "CLUSTER_NAME": "one",
            "WEBHOOK_PORT": "9444",
        },
        home="elsewhere",
    )
    assert (around.cloud, around.home, around.cluster_name) == ("aws", "kaito", "one")
    assert around.registry == "registry.example.com/kaito"
    assert around.webhook_port == 9444


def test_an_empty_environment_is_azure_at_home() -> None:
    around = parse_environment({"CLOUD_PROVIDER": ""}, home="here")
    assert (around.cloud, around.home, around.webhook_port) == ("azure", "here", 9443)


def test_the_gate_and_the_flag_agree_on_nodes_that_are_there() -> None:
    byo = parse_gates("disableNodeAutoProvisioning=true")
    assert choose_provisioner_name("azure-gpu-provisioner", byo) == "byo"
    assert choose_provisioner_name("byo", parse_gates("")) == "byo"
    with pytest.raises(UsageError, match="contradicts --node-provisioner=karpenter"):
        choose_provisioner_name("karpenter", byo)


def test_what_mirrors_are_given_is_kaitos_flags_or_what_is_usual() -> None:
    assert choose_mirror_options({"model_mirror_download_cpu": ""}) == MirrorOptions()
    given = {
        "default_model_mirror_storage_class": "files",
        "model_mirror_download_cpu": "3",
        "model_mirror_download_memory": "8Gi",
        "default_streaming_service_account": "streamer",
    }
    assert choose_mirror_options(given) == MirrorOptions(
        storage_class="files", cpu="3", memory="8Gi", bucket_account="streamer"
    )


@pytest.mark.parametrize("text", ["much", "0", "-1Gi"])
def test_an_amount_that_is_none_is_refused_by_its_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--model-mirror-download-memory="):
        choose_mirror_options({"model_mirror_download_memory": text})


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -1.0])
def test_what_is_no_time_is_refused_before_anything_is_reckoned_with_it(seconds: float) -> None:
    with pytest.raises(UsageError, match="--give-back-incomplete-nodes-after="):
        check_patience(seconds)
    assert check_patience(0) == 0


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.0, -1.0])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="--kube-client-qps="):
        check_rate(rate)
    with pytest.raises(UsageError, match="--kube-client-burst=0"):
        check_burst(0)


def test_a_namespace_that_cannot_be_is_refused() -> None:
    assert check_namespace("models") == "models"
    with pytest.raises(UsageError, match="--namespace='Models_' is no name"):
        check_namespace("Models_")


@pytest.mark.parametrize("text", ["http://a", "a,b:80", "a/b"])
def test_what_is_no_host_is_refused(text: str) -> None:
    listed = parse_hosts(" A.example.com ,10.0.0.1,fd00::1,file_server,")
    assert listed == ("a.example.com", "10.0.0.1", "fd00::1", "file_server")
    with pytest.raises(UsageError, match="--tuning-allow-hosts: "):
        parse_hosts(text)


def test_image_families_are_those_the_provisioner_knows() -> None:
    assert choose_image_family("AzureLinux") == "azurelinux"
    assert choose_image_family("") == ""
    with pytest.raises(UsageError, match="'windows' is not known"):
        choose_image_family("windows")
