"""The MultiRoleInference kind, kaito.sh/v1alpha1: prefill and decode on nodes of their own.

Field meanings follow KAITO 0.12.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from kaito.api import labels
from kaito.api.meta import Condition, Object, Wire
from kaito.api.resources import Resource
from kaito.api.selectors import LabelSelector

RoleType: TypeAlias = Literal["prefill", "decode"]
Replicas: TypeAlias = Annotated[int, Meta(ge=1, extra_json_schema={"format": "int32"})]
Generation: TypeAlias = Annotated[int, Meta(extra_json_schema={"format": "int64"})]


class MultiRoleModel(Wire):
    """The one model that both roles serve."""

    name: str
    """Name in the catalogue, an alias of one, or any `org/model` of the hub. Cannot be changed."""
    model_access_secret: str = ""
    """Secret whose key HF_TOKEN opens a gated model on the hub."""


class Role(Wire):
    """One of the two halves of inference, and what it runs on."""

    type: RoleType
    """`prefill` reads prompts, `decode` writes answers."""
    replicas: Replicas | None = None
    """How many servers; left to an autoscaler when absent."""
    instance_type: str = ""
    """Machine type of the nodes to make, as the cloud names it, e.g. Standard_NC24ads_A100_v4."""
    runtime_config: str = ""
    """ConfigMap whose key inference_config.yaml sets engine arguments."""


class MultiRoleInferenceSpec(Wire):
    """A model served in two roles."""

    label_selector: LabelSelector
    """Labels of the nodes; at least one of matchLabels or matchExpressions."""
    model: MultiRoleModel
    """The one model that both roles serve."""
    roles: Annotated[tuple[Role, ...], Meta(min_length=2, max_length=2)]
    """Exactly one prefill and one decode."""
    epp_plugins_config: str = ""
    """ConfigMap whose key config.yaml replaces the plugins of the endpoint picker."""


class MultiRoleInferenceStatus(Wire):
    """What was observed."""

    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, each with its reason."""
    observed_generation: Generation = 0
    """The generation that was last looked at."""


class MultiRoleInference(Object):
    """One model, with prefill and decode on nodes of their own."""

    spec: MultiRoleInferenceSpec | None = None
    """A model served in two roles."""
    status: MultiRoleInferenceStatus = MultiRoleInferenceStatus()
    """What was observed."""


MULTIROLEINFERENCES = Resource(
    group=labels.GROUP,
    version="v1alpha1",
    plural="multiroleinferences",
    kind="MultiRoleInference",
    type=MultiRoleInference,
)

MULTIROLE_READY = "Ready"
