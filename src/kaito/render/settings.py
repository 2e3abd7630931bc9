"""What the place a workload runs in decides about it, as opposed to the workload itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """Facts about the cluster that every rendered pod needs."""

    serving_image: str
    weights_path: str = ""
    """A folder on the node that keeps weights between pods; empty gives each pod its own."""
    environment: tuple[tuple[str, str], ...] = ()
    """Passed on to every program of ours, for example where the model hub is."""
    has_containers: bool = True
    """False where pods are processes of the machine: they write where its own programs do."""
    nvme_storage_class: str = "kaito-local-nvme-disk"
    """Storage class on a machine's own NVMe disks; used where the cluster has it."""
    mirror_cpu: str = "500m"
    """What the download of a ModelMirror asks for, as in the next."""
    mirror_memory: str = "1Gi"
    bucket_account: str = ""
    """ServiceAccount of pods that read or write a mirror's bucket, where neither it nor a Secret is
    named; empty: the namespace's own."""
    tuning_hosts: tuple[str, ...] = ()
    """Hosts that training data may come from although their addresses are private."""
