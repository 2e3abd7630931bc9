"""Which GKE cluster, and where in it machines are made."""

from collections.abc import Mapping
from dataclasses import dataclass

from kaito.base.errors import UsageError
from kaito.cloud.settings import require


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpSettings:
    """Everything but the credentials, which the SDK finds by itself (workload identity)."""

    project: str
    location: str
    """The cluster's region or zone."""
    cluster: str
    zones: tuple[str, ...] = ()
    """The one zone for machines of a regional cluster; empty for a zonal one."""

    @property
    def parent(self) -> str:
        """The cluster's full name."""
        return f"projects/{self.project}/locations/{self.location}/clusters/{self.cluster}"

    def pool(self, name: str) -> str:
        """A node pool's full name."""
        return f"{self.parent}/nodePools/{name}"


def read_settings(environment: Mapping[str, str]) -> GcpSettings:
    """The settings that the environment holds.

    Raises:
        UsageError: some are missing.
    """
    names = ("GOOGLE_CLOUD_PROJECT", "LOCATION", "CLUSTER_NAME")
    project, location, cluster = require("gcp", environment, *names)
    zone = environment.get("GKE_NODE_ZONE", "").strip()
    # A pool of a regional cluster has one node in each of its zones: three machines for one.
    if not zone and not _is_zone(location):
        raise UsageError(
            f"--cloud gcp needs GKE_NODE_ZONE: {location!r} is a region, a machine is in one zone",
            hint="set it to the zone that has the GPUs, such as us-central1-a",
        )
    zones = (zone,) if zone else ()
    return GcpSettings(project=project, location=location, cluster=cluster, zones=zones)


def _is_zone(location: str) -> bool:
    """Whether it is `us-central1-a` rather than `us-central1`."""
    return location.count("-") == 2
