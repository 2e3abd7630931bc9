"""What an operator knows when it judges an object: its gates, its caches, its planner.

Everything is read from caches or computed: no request leaves the process while an API server waits.
"""

from collections.abc import Mapping
from dataclasses import replace

from kaito.api.core import CONFIGMAPS
from kaito.api.meta import Key
from kaito.api.validation.surroundings import (
    FEATURE_GATES,
    FindConfig,
    Provisioning,
    Surroundings,
)
from kaito.app.admission import CATALOGUE
from kaito.app.operator.options import OperatorOptions
from kaito.kube.cache import Reader


def operator_surroundings(options: OperatorOptions, reader: Reader) -> Surroundings:
    """The rules' surroundings in a cluster; `reader` must follow ConfigMaps."""
    return replace(
        CATALOGUE,
        provisioning=provisioning_of(options),
        feature_gates=gates_of(options),
        private_hosts=frozenset(options.tuning_hosts),
        find_config=_config_finder(reader),
        node_classes=_node_classes(options),
    )


def provisioning_of(options: OperatorOptions) -> Provisioning:
    """Whether nodes are made, which decides whether an instance type has to be named."""
    return "existing" if options.provisioner == "byo" else "auto"


def _node_classes(options: OperatorOptions) -> frozenset[str] | None:
    """The node classes that may be asked for, where the operator knows them."""
    return frozenset(entry.name for entry in options.node_classes) or None


def gates_of(options: OperatorOptions) -> frozenset[str]:
    """The feature gates that rules ask about, as far as they are open."""
    return frozenset(gate for gate in FEATURE_GATES if options.gates.is_on(gate))


def _config_finder(reader: Reader) -> FindConfig:
    def find(namespace: str, name: str) -> Mapping[str, str] | None:
        found = reader.get(CONFIGMAPS, Key(namespace, name))
        return found.data if found else None

    return find
