"""Choosing a form from Accept headers as clients really send them."""

import pytest

from kaito.local.apiserver.errors import StatusError
from kaito.local.apiserver.negotiate import Form, negotiate, wants_aggregated_discovery

KUBECTL_GET = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,"
    "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
KUBECTL_DISCOVERY = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", ""),
        ("*/*", ""),
        ("application/json", ""),
        ("application/vnd.kubernetes.protobuf,application/json", ""),
        ("text/html, application/*;q=0.8", ""),
        (KUBECTL_GET, "Table"),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", ""),
        ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "PartialObjectMetadata"),
    ],
)
def test_the_first_offer_that_can_be_served_wins(accept: str, form: Form) -> None:
    assert negotiate(accept).form == form


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.kubernetes.protobuf",
        "text/html",
        "application/json;as=Table;v=v9;g=meta.k8s.io",
    ],
)
def test_nothing_acceptable_is_a_406(accept: str) -> None:
    with pytest.raises(StatusError) as raised:
        negotiate(accept)
    assert raised.value.code == 406


def test_aggregated_discovery_is_for_who_asks_first_for_it() -> None:
    assert wants_aggregated_discovery(KUBECTL_DISCOVERY)
    assert not wants_aggregated_discovery("application/json," + KUBECTL_DISCOVERY)
    assert not wants_aggregated_discovery("")
