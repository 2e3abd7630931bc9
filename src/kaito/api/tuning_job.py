"""The contract between a rendered tuning Job and the trainer inside it. Pure.

    init container `weights`    the base model, as for a server: `WeightsArguments`
    container `tuning`          data, preflight, training, push: `TuningArguments`

One program does it all in one container, so that a crash can leave nobody waiting for it.
"""

from typing import Final

from kaito.api.runtime import Arguments

TUNING_COMMAND: Final = ("python", "-m", "kaito.runtimes.tuning")

DATA_MOUNT: Final = "/mnt/data"
"""The volume that `tuning.input.volumeSource` names; read-only."""
RESULTS_MOUNT: Final = "/mnt/results"
"""The volume that `tuning.output.volumeSource` names, else scratch: the adapter, checkpoints, the
report. What is here survives the pod only where it is a volume."""
SCRATCH: Final = "/mnt/scratch"
"""For downloads and caches where pods are processes, whose /tmp is the machine's own."""
TUNING_CONFIG_FILE: Final = "/mnt/config/training_config.yaml"
PUSH_SECRET_MOUNT: Final = "/mnt/push-secret"  # noqa: S105 - a path
PULL_SECRETS_MOUNT: Final = "/mnt/pull-secrets"
"""Each named Secret is a folder below it."""

CHECKPOINTS: Final = "checkpoints"
"""Folder under the results: `checkpoint-STEP`, as transformers names them."""
ADAPTER: Final = "adapter"
"""Folder under the results: adapter_config.json and adapter_model.safetensors."""
REPORT_FILE: Final = "kaito-tuning.json"
"""Under the results: a `TuningRecord`, rewritten at every logged step and at the end."""
DATASET_RECORD: Final = "kaito-dataset.json"
"""Under the results: what the preflight found."""

PUSH_FAILED: Final = "cannot push "
"""How a warning begins, and an ending, of a result that its registry does not take."""

METHODS: Final = ("lora", "qlora", "full")


class TuningArguments(Arguments, frozen=True, kw_only=True):
    """What the trainer is told."""

    model: str
    """Folder of the base model."""
    base: str = ""
    """The base model's hub id, for adapter_config.json and the artifact's annotations."""
    base_revision: str = ""
    preset: str = ""
    """The catalogue's name of the base model: annotation `sh.kaito.model.name`."""
    method: str = "lora"
    """lora, qlora or full, in lower case."""
    url: tuple[str, ...] = ()
    """Files to download, http or https."""
    data_image: str = ""
    """An image, or artifact, with the data."""
    dataset: str = ""
    """A data set of the hub, `ORG/NAME@REVISION`."""
    data: str = ""
    """Folder with files that are there already."""
    config_file: str = ""
    """training_config.yaml; empty takes the defaults."""
    results: str = RESULTS_MOUNT
    scratch: str = "/tmp"  # noqa: S108 - in a container
    """For downloads and caches."""
    keeps_results: bool = False
    """Whether the results are a volume that outlives the pod; else a push must not be given up."""
    image: str = ""
    """Where to push the adapter; empty: it stays in the results."""
    push_secret: str = ""
    """Folder with the Secret's `.dockerconfigjson` (or `config.json`)."""
    pull_secret: tuple[str, ...] = ()
    """The same for the data's image."""
    memory_bytes: int = 0
    """That the pod may use; 0: whatever there is."""
    processes: int = 0
    """That train together in this pod; 0: one for each GPU, one where there is none."""
    nodes: int = 1
    """Pods that train together; JOB_COMPLETION_INDEX says which of them this one is."""
    first_node: str = ""
    """`HOST:PORT` of the first of them, where all meet."""
    group_key: str = ""
    """What each of them has to know to be let in there."""
    shares_model: bool = False
    """Whether all processes hold one copy of the model together, for no GPU holds it (FSDP)."""
    port: int = 5000
    host: str = ""
    """For /kaito/report and /metrics; empty: KAITO_POD_IP, else every address."""
    private_hosts: tuple[str, ...] = ()
    """Hosts that URLs may name although their addresses are private; the operator's choice."""
