"""What this machine has for running models on it, as one value."""

from dataclasses import dataclass, field

from kaito.planner.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """What the NVIDIA driver says; `count` is 0 without one."""

    count: int = 0
    driver: str = ""
    """Version of the kernel's driver; empty when it does not say."""
    names: tuple[str, ...] = ()
    """As `nvidia-smi` lists them; empty where that does not work."""
    problem: str = ""
    """Why `nvidia-smi` said nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """This machine, this Python environment, and the state folder of the plane."""

    machine: Machine
    python: tuple[int, int, int]
    packages: tuple[tuple[str, str], ...] = ()
    """Engines of this environment and their versions; those that are there."""
    sandbox: str = ""
    """Path of a bwrap that works; empty: none does."""
    has_sandbox_program: bool = False
    models_folder: str = ""
    free_bytes: int = 0
    """Disk that is left where the models folder is, or will be."""
    folder_problem: str = ""
    """Why the state folder cannot be written; empty when it can."""
    weights: tuple[tuple[str, int], ...] = ()
    """Complete models in the folder and their sizes in bytes."""
    can_bind_pods: bool = True
    """Whether addresses of 127.0.0.0/8 other than 127.0.0.1 can be listened on."""
    can_bind_low_ports: bool = True
    plane: str = ""
    """Address of the running plane; empty: none runs."""
    tools: tuple[tuple[str, str], ...] = ()
    """Programs people use with a cluster, and their paths; empty path: not found."""
    gpus: Gpus = field(default_factory=Gpus)
