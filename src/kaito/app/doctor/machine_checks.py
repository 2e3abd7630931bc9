"""Whether models can run on this machine. Pure: facts in, findings out."""

from collections.abc import Iterator

from kaito.app.doctor.finding import Finding, missing, ok, warning
from kaito.app.doctor.machine_facts import Gpus, MachineFacts
from kaito.base.quantity import GIB, format_gib

_PYTHON = (3, 11)
_LEAST_MEMORY = 4 * GIB
"""An engine, a small model and the system: below it nothing of use runs."""
_LEAST_DISK = 10 * GIB
"""One model of a few billion parameters."""
_USES = {"kubectl": "looks into clusters", "helm": "installs the operator"}
_INSTALL = {
    "kubectl": "see https://kubernetes.io/docs/tasks/tools/",
    "helm": "see https://helm.sh/docs/intro/install/",
}


def check_machine(facts: MachineFacts) -> tuple[Finding, ...]:
    """Every check of a machine that is to run models itself."""
    return (
        check_python(facts),
        check_engine(facts),
        check_sandbox(facts),
        check_memory(facts),
        check_disk(facts),
        check_addresses(facts),
        check_gpus(facts.gpus),
        check_weights(facts),
        check_plane(facts),
        *check_tools(facts),
    )


def check_python(facts: MachineFacts) -> Finding:
    """The interpreter's version."""
    version = ".".join(map(str, facts.python))
    if facts.python[:2] < _PYTHON:
        least = ".".join(map(str, _PYTHON))
        return missing("python", f"{version}, {least} is needed", "install a newer Python")
    return ok("python", version)


def check_engine(facts: MachineFacts) -> Finding:
    """What serves the models of this machine."""
    found = dict(facts.packages)
    listed = ", ".join(f"{name} {version}" for name, version in facts.packages)
    if "vllm" in found:
        return ok("engine", listed)
    if "transformers" in found and "torch" in found:
        what = f"no vllm; models run on the slower transformers runtime ({listed})"
        return warning("engine", what, "make setup")
    what = f"no engine in this Python environment ({listed or 'none of vllm, transformers'})"
    return missing("engine", what, "make setup")


def check_sandbox(facts: MachineFacts) -> Finding:
    """Real mounts, or translated paths."""
    if facts.sandbox:
        return ok("sandbox", facts.sandbox)
    why = "is there and does not work" if facts.has_sandbox_program else "is not installed"
    what = f"bwrap {why}: volumes are made by translating paths, which some programs miss"
    then = "bwrap --dev-bind / / true" if facts.has_sandbox_program else ""
    return warning("sandbox", what, then or "sudo apt-get install bubblewrap")


def check_memory(facts: MachineFacts) -> Finding:
    """Main memory that we may use."""
    machine = facts.machine
    what = f"{format_gib(machine.memory_bytes)}, {machine.cpus} CPUs"
    if machine.memory_bytes < _LEAST_MEMORY:
        short = f"{what}; below {format_gib(_LEAST_MEMORY)} hardly any model runs"
        return warning("memory", short, "kaito models list")
    return ok("memory", what)


def check_disk(facts: MachineFacts) -> Finding:
    """Room for weights, and whether we may write there."""
    if facts.folder_problem:
        then = "choose another folder with --state-dir or $KAITO_STATE_DIR"
        return missing("disk", facts.folder_problem, then)
    what = f"{format_gib(facts.free_bytes)} free in {facts.models_folder}"
    if facts.free_bytes < _LEAST_DISK:
        then = "choose another folder with --state-dir or $KAITO_STATE_DIR"
        return warning("disk", f"{what}: little for weights", then)
    return ok("disk", what)


def check_addresses(facts: MachineFacts) -> Finding:
    """The loopback addresses that stand in for pods' and Services'."""
    if not facts.can_bind_pods:
        what = "only 127.0.0.1 can be listened on; each pod needs an address of 127.0.0.0/8"
        return missing("addresses", what, "run the plane on Linux")
    if not facts.can_bind_low_ports:
        what = "ports below 1024 are not ours: a Service's port 80 is served on 30080"
        return ok("addresses", what)
    return ok("addresses", "one for each pod, and ports below 1024")


def check_gpus(gpus: Gpus) -> Finding:
    """GPUs that the driver knows."""
    if not gpus.count:
        return ok("gpu", "none; models run on the CPUs")
    driver = f"driver {gpus.driver}" if gpus.driver else "driver of unknown version"
    if gpus.problem:
        what = f"{gpus.count} NVIDIA GPUs, {driver}, but {gpus.problem}"
        return warning("gpu", what, "nvidia-smi")
    return ok("gpu", f"{'; '.join(gpus.names)} ({driver})")


def check_weights(facts: MachineFacts) -> Finding:
    """Models that need no download."""
    if not facts.weights:
        return ok("weights", "none at hand; a model's are downloaded when it first starts")
    listed = ", ".join(f"{name} ({format_gib(size)})" for name, size in facts.weights)
    return ok("weights", listed)


def check_plane(facts: MachineFacts) -> Finding:
    """The Kubernetes API of this machine."""
    if facts.plane:
        return ok("plane", f"runs at {facts.plane}")
    return warning("plane", "does not run", "kaito up")


def check_tools(facts: MachineFacts) -> Iterator[Finding]:
    """Programs for clusters; nothing of ours needs them."""
    for name, path in facts.tools:
        if path:
            yield ok(name, path)
        else:
            yield warning(name, f"is not on PATH; it {_USES[name]}", _INSTALL[name])
