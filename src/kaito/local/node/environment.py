"""The environment of a container: the machine's basics, envFrom, env, and what the agent adds.

Later entries win. The kubelet's rules for references and their optional targets:
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kaito.api.meta import Key
from kaito.local.node.downward import Place, read_field, read_resource
from kaito.local.node.errors import NotStartable
from kaito.local.node.expansion import expand
from kaito.local.node.pod import Container, EnvFrom, EnvSource, EnvVar, KeyRef, Pod
from kaito.local.node.sources import Sources

_INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH"),
    }
)
"""What programs of this machine need to work as they do in the user's shell."""
_INHERITED_PREFIXES = ("PIP_", "UV_")
"""How packages are found here: weights may come as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything beside the pod's manifest that an environment is made from."""

    place: Place
    sources: Sources
    machine: Mapping[str, str]
    """The agent's own environment."""


def plan_environment(pod: Pod, container: Container, around: Surroundings) -> dict[str, str]:
    """All variables of a container; `NotStartable` when a reference leads nowhere."""
    variables = _inherit(around.machine)
    variables["HOSTNAME"] = pod.spec.hostname or pod.metadata.name
    if container.tty:
        variables["TERM"] = "xterm"
    for source in container.env_from:
        variables.update(_read_all(pod, source, around.sources))
    for variable in container.env:
        value = _resolve(pod, container, variable, around)
        if value is not None:
            variables[variable.name] = expand(value, variables) if variable.value else value
    return variables


def _inherit(machine: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in machine.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }


def _read_all(pod: Pod, source: EnvFrom, sources: Sources) -> Iterator[tuple[str, str]]:
    namespace = pod.metadata.namespace
    if source.config_map_ref is not None:
        kind, reference = "configmap", source.config_map_ref
        found = sources.config_map(Key(namespace, reference.name))
    elif source.secret_ref is not None:
        kind, reference = "secret", source.secret_ref
        found = sources.secret(Key(namespace, reference.name))
    else:
        return
    if found is None and not reference.optional:
        raise _missing(f'{kind} "{reference.name}" not found')
    for name, value in (found or {}).items():
        yield source.prefix + name, value.decode(errors="replace")


def _resolve(pod: Pod, container: Container, variable: EnvVar, around: Surroundings) -> str | None:
    """The value, or None when an optional reference leads nowhere."""
    source = variable.value_from
    if source is None:
        return variable.value
    if source.field_ref is not None:
        return read_field(pod, around.place, source.field_ref.field_path)
    if source.resource_field_ref is not None:
        wanted = source.resource_field_ref
        owner = pod.container(wanted.container_name) or container
        return read_resource(owner, around.place, wanted.resource, wanted.divisor)
    return _read_key(pod, source, around.sources)


def _read_key(pod: Pod, source: EnvSource, sources: Sources) -> str | None:
    namespace = pod.metadata.namespace
    reference: KeyRef
    if source.config_map_key_ref is not None:
        kind, reference = "ConfigMap", source.config_map_key_ref
        found = sources.config_map(Key(namespace, reference.name))
    elif source.secret_key_ref is not None:
        kind, reference = "Secret", source.secret_key_ref
        found = sources.secret(Key(namespace, reference.name))
    else:
        return ""
    if found is not None and reference.key in found:
        return found[reference.key].decode(errors="replace")
    if reference.optional:
        return None
    if found is None:
        raise _missing(f'{kind.lower()} "{reference.name}" not found')
    raise _missing(f"couldn't find key {reference.key} in {kind} {namespace}/{reference.name}")


def _missing(message: str) -> NotStartable:
    return NotStartable("CreateContainerConfigError", message)
