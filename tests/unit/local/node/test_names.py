"""Names of pods within headless Services, as a file that stands for DNS."""

from pathlib import Path
from typing import Any

import msgspec
from tests.unit.local.node.pods import PLACE, Known, make_pod

from kaito.api import labels
from kaito.api.runtime import ENV_POD_HOSTS
from kaito.kube.cache import FixedReader
from kaito.local.builtin.kinds import ENDPOINT_SLICES, EndpointSlice
from kaito.local.node.environment import Surroundings
from kaito.local.node.launch import Attempt, Workshop, plan_launch
from kaito.local.node.names import PodNames
from kaito.local.node.run_files import RunFiles


def slice_of(service: str, *endpoints: tuple[str, str], namespace: str = "shop") -> EndpointSlice:
    """A Service's slice: addresses with host names."""
    manifest = {
        "metadata": {
            "name": f"{service}-abcde",
            "namespace": namespace,
            "labels": {labels.SERVICE_NAME: service},
        },
        "endpoints": [{"addresses": [ip], "hostname": name} for ip, name in endpoints],
    }
    return msgspec.convert(manifest, EndpointSlice)


def names(folder: Path, *slices: EndpointSlice) -> PodNames:
    return PodNames(FixedReader([(ENDPOINT_SLICES, slices)]), folder)


def test_each_pod_has_the_names_that_dns_would_give_it(tmp_path: Path) -> None:
    found = slice_of("job", ("127.64.0.3", "job-1"), ("127.64.0.2", "job-0"))
    names(tmp_path / "hosts", found).slice_changed(None, found)
    first, second = (tmp_path / "hosts" / "shop").read_text().splitlines()
    assert first == (
        "127.64.0.2 job-0.job job-0.job.shop job-0.job.shop.svc job-0.job.shop.svc.cluster.local"
    )
    assert second.startswith("127.64.0.3 job-1.job ")


def test_pods_without_a_name_of_their_own_and_other_namespaces_are_left_out(tmp_path: Path) -> None:
    found = slice_of("web", ("127.64.0.4", ""))
    other = slice_of("job", ("127.64.0.5", "job-0"), namespace="else")
    names(tmp_path, found, other).slice_changed(None, found)
    assert not (tmp_path / "shop").exists()


def test_names_go_with_their_pods(tmp_path: Path) -> None:
    found = slice_of("job", ("127.64.0.2", "job-0"))
    names(tmp_path, found).slice_changed(None, found)
    names(tmp_path).slice_changed(found, None)
    assert (tmp_path / "shop").read_text() == ""


def environment(tmp_path: Path, **spec: Any) -> dict[str, str]:
    pod = make_pod({"command": ["true"]}, **spec)
    around = Surroundings(place=PLACE, sources=Known(), machine={})
    workshop = Workshop(around=around, volumes={}, own_bin="/bin", hosts=tmp_path / "shop")
    attempt = Attempt(number=1, backoff=0.0, files=RunFiles(tmp_path / "run"))
    launch = plan_launch(pod, pod.spec.containers[0], workshop, attempt)
    return dict(launch.spec.env)


def test_a_pod_within_a_service_is_told_where_the_names_are(tmp_path: Path) -> None:
    assert environment(tmp_path, subdomain="job")[ENV_POD_HOSTS] == str(tmp_path / "shop")
    assert ENV_POD_HOSTS not in environment(tmp_path)
