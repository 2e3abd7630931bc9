"""What rules need to know beyond the object itself: values and pure functions, never a client.

Whoever composes a program fills in what it knows. Everything has a default that asks for nothing,
so that a rule is skipped, and never guessed, where its facts are missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kaito.api.field_error import FieldError
from kaito.api.inference_config import InferenceConfig
from kaito.api.workspace import Workspace

Provisioning = Literal["auto", "existing", "unknown"]
"""auto: nodes are made, so `instanceType` is required. existing: nodes are there, so it must be
empty. unknown: both will do, as on one machine that plays every type, or in a check of a file."""

ENABLE_MIG = "enableMIG"
ENABLE_ACCELERATOR = "enableAccelerator"
FEATURE_GATES = (ENABLE_MIG, ENABLE_ACCELERATOR)
"""Gates that rules ask for, as KAITO spells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRules:
    """What the rules ask of a model."""

    problem: str = ""
    """Why the name cannot be used; empty when it can. Nothing else is looked at then."""
    is_gated: bool = False
    """Whether the hub wants a token for its weights."""
    context_tokens: int = 0
    """Longest sequence it was made for; 0: not known."""
    runtimes: tuple[str, ...] = ()
    """Runtimes that can serve it; empty: not known."""
    is_tunable: bool = True
    weights_bytes: int = 0
    """0: not known."""


FindConfig: TypeAlias = Callable[[str, str], Mapping[str, str] | None]
"""`(namespace, name)` to the `data` of that ConfigMap; None where there is none."""
CheckPlan: TypeAlias = Callable[[Workspace, InferenceConfig], FieldError | None]
"""What keeps a Workspace that is right in itself from running, such as too little memory."""
CheckNodes: TypeAlias = Callable[[Workspace], str]
"""What is wrong with the existing nodes that a Workspace selects, or an empty text."""


def _any_model(name: str) -> ModelRules:
    del name
    return ModelRules()


def _any_instance_type(name: str) -> str:
    del name
    return ""


def _no_weights(name: str) -> bool:
    del name
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known where an object is judged."""

    find_model: Callable[[str], ModelRules] = _any_model
    """By the name in `preset.name`."""
    check_instance_type: Callable[[str], str] = _any_instance_type
    """What is wrong with an instance type, or an empty text."""
    has_weights: Callable[[str], bool] = _no_weights
    """Whether a model's weights are on this machine already, so that no hub is asked."""
    provisioning: Provisioning = "unknown"
    feature_gates: frozenset[str] = frozenset(FEATURE_GATES)
    """Gates that are on."""
    mig_profiles: frozenset[str] = frozenset()
    """Profiles that some GPU offers; empty: any."""
    node_classes: frozenset[str] | None = None
    """Values that the annotation for the node class may have; None: any."""
    allow_private_urls: bool = False
    """Whether data may come from this machine or its network."""
    private_hosts: frozenset[str] = frozenset()
    """Hosts that data may come from although they are private."""
    find_config: FindConfig | None = None
    """None: ConfigMaps are not known, and what is in them is not judged."""
    check_nodes: CheckNodes | None = None
    """Asked only where nodes exist already. None: nodes are not known."""
    check_plan: CheckPlan | None = None
    """None: nothing is planned."""
