"""What somebody changed in our objects that would keep a model from answering. Pure.

An object that carries the hash of what we rendered is not written again, so a change by hand that
leaves the hash stands. These do not: how many pods there are, where a Service leads, and the list
of adapters. The rest of a pod's template, a Service's type and further ports are left to whoever
changed them, until the next update: a cluster's own admission may be that somebody, and the two
would write for ever.
"""

from kaito.api.core import ConfigMap, Service, StatefulSet
from kaito.api.meta import Manifest


def is_rescaled(live: StatefulSet, wanted: Manifest) -> bool:
    """Whether it has another number of pods, as after `kubectl scale`."""
    return live.spec.replicas != int(wanted["spec"]["replicas"])


def is_redirected(live: Service | None, wanted: Manifest) -> bool:
    """Whether it leads to other pods, or lacks a port of ours."""
    if live is None:
        return False
    spec = wanted["spec"]
    ports = {(port.port, port.target_port) for port in live.spec.ports}
    ours = {(port["port"], port["targetPort"]) for port in spec.get("ports", ())}
    return live.spec.selector != spec["selector"] or not ours <= ports


def is_rewritten(live: ConfigMap | None, wanted: Manifest) -> bool:
    """Whether a text of ours is not what we wrote; what others added is not ours to remove."""
    if live is None:
        return False
    return any(live.data.get(name) != text for name, text in wanted["data"].items())
