"""From a container's spec to what is executed: program, environment, mounts, working folder.

Reads this machine's file system, changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kaito.api.runtime import ENV_POD_HOSTS, ENV_POD_IP, ENV_TERMINATION_LOG
from kaito.local.node.environment import Surroundings, plan_environment
from kaito.local.node.expansion import expand
from kaito.local.node.images import Program, explain_missing, explain_substitution, plan_program
from kaito.local.node.mounts import Mount, plan_mounts
from kaito.local.node.pod import Container, Pod
from kaito.local.node.process import run_id
from kaito.local.node.run_files import RunFiles, RunSpec
from kaito.local.node.sandbox import Host, HostView, plan_sandbox
from kaito.local.node.translation import (
    Rewrites,
    plan_rewrites,
    translate,
    translate_all,
    translate_values,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What containers are made with on this machine."""

    around: Surroundings
    volumes: Mapping[str, Path]
    own_bin: str
    """The folder of this Python environment's programs."""
    bwrap: str = ""
    """The sandbox program; empty where there is none that works."""
    devices: Mapping[str, str] = field(default_factory=dict)
    host: HostView = field(default_factory=Host)
    hosts: Path | None = None
    """The file with the names of its namespace's pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Which run is being prepared, and where its files will lie."""

    number: int
    backoff: float
    files: RunFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A run that is ready to start."""

    spec: RunSpec
    mounts: tuple[Mount, ...]
    fault: str = ""
    """Known already: why starting it would fail."""
    note: str = ""
    """What people should know about it; an event."""


def plan_launch(pod: Pod, container: Container, workshop: Workshop, attempt: Attempt) -> Launch:
    """Everything about one run; `NotStartable` when the spec refers to something missing."""
    variables = plan_environment(pod, container, workshop.around)
    variables |= workshop.devices
    variables[ENV_POD_IP] = workshop.around.place.pod_ip
    if pod.spec.subdomain and workshop.hosts is not None:
        variables[ENV_POD_HOSTS] = str(workshop.hosts)
    variables[ENV_TERMINATION_LOG] = str(attempt.files.termination_log)
    argv = tuple(expand(word, variables) for word in (*container.command, *container.args))
    search = variables.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    program = plan_program(container.image, argv, path=search, own_bin=workshop.own_bin)
    variables["PATH"] = program.path
    mounts = plan_mounts(container, workshop.volumes, variables)
    last_words = Mount(
        path=container.termination_message_path, source=attempt.files.termination_log
    )
    cwd = container.working_dir or str(attempt.files.work)
    is_boxed = bool(workshop.bwrap and mounts)
    everything = (*mounts, last_words)
    rewrites: Rewrites = () if is_boxed else plan_rewrites(everything)
    sandbox = plan_sandbox(workshop.bwrap, everything, cwd=cwd, host=workshop.host)
    spec = RunSpec(
        id=run_id(pod.uid, container.name, attempt.number),
        pod_uid=pod.uid,
        container=container.name,
        attempt=attempt.number,
        spec_hash=pod.hashes[container.name],
        backoff=attempt.backoff,
        argv=translate_all(program.argv, rewrites),
        env=translate_values(variables, rewrites),
        cwd=translate(cwd, rewrites),
        sandbox=tuple(sandbox) if is_boxed else (),
        rewrites=rewrites,
        tty=container.tty,
        stdin=container.stdin,
        stdin_once=container.stdin_once,
        fallback_to_logs=container.termination_message_policy == "FallbackToLogsOnError",
    )
    return Launch(
        spec=spec,
        mounts=mounts,
        fault=_find_fault(program, container, mounts) if is_boxed else "",
        note="" if program.is_own else explain_substitution(container.image, program),
    )


def _find_fault(program: Program, container: Container, mounts: tuple[Mount, ...]) -> str:
    """What the sandbox would complain about in words of its own."""
    folders = [mount.path for mount in mounts]
    if missing := explain_missing(program.argv[0], path=program.path, mount_paths=folders):
        return f"exec: {missing}"
    wanted = container.working_dir
    if not wanted or Path(wanted).is_dir() or any(wanted.startswith(path) for path in folders):
        return ""
    return f'workingDir "{wanted}" cannot be entered: no such file or directory'
