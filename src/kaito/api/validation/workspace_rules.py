"""The rules of a Workspace that need nothing but the object: in its CRD as CEL, and here.

Messages are KAITO 0.12's where it has one (spec section 1.8), with what to do next.
"""

from kaito.api import labels
from kaito.api.rules import (
    All,
    AllMatch,
    AnyOf,
    Distinct,
    Equals,
    Every,
    ExactlyOne,
    Filled,
    Fraction,
    Matches,
    Not,
    OneOf,
    OnlyMatches,
    Present,
    Rule,
    ShorterThan,
    Some,
    SomeKeyBesides,
    Unchanged,
    implies,
    kept,
    not_both,
)
from kaito.api.validation.names import (
    DNS_SUBDOMAIN,
    IMAGE,
    IMAGE_ANY_CASE,
    PUSHED_IMAGE,
)
from kaito.api.validation.object_name import WORKSPACE_NAME_RULES
from kaito.api.workspace import MAX_ADAPTERS

IMMUTABLE = "field is immutable; delete the workspace and recreate it"
_TOGGLED = "cannot be toggled once set; delete the workspace and recreate it"
_RESERVED_KEYS = tuple(sorted(labels.RESERVED_SELECTOR_KEYS))
_NO_LABEL = "matchLabels must contain at least one non-reserved label, for example apps: my-model"


def selector_rules(path: str) -> tuple[Rule, ...]:
    """Rules of a node selector: it becomes labels of nodes, so each key has one value."""
    one_value = All((Equals("operator", "In"), Filled("values"), ShorterThan("values", 2)))
    usable = AnyOf(
        (
            SomeKeyBesides("matchLabels", _RESERVED_KEYS),
            Some("matchExpressions", Not(OneOf("key", _RESERVED_KEYS))),
        )
    )
    return (
        Rule(path=path, expression=usable, message=_NO_LABEL),
        Rule(
            path=path,
            expression=Every("matchExpressions", one_value),
            blames="matchExpressions",
            message="only operator In with one value can be used: nodes get these as labels",
        ),
    )


def preset_unchanged(path: str = "preset") -> All:
    """The preset at `path` is there before and after, and the same."""
    options = f"{path}.presetOptions"
    return All(
        (
            kept(Present(path)),
            Unchanged(f"{path}.name"),
            Unchanged(f"{path}.accessMode", "public"),
            Unchanged(f"{options}.image"),
            Unchanged(f"{options}.imagePullSecrets", ()),
            Unchanged(f"{options}.modelAccessSecret"),
        )
    )


def partition_rules(path: str) -> tuple[Rule, ...]:
    """Rules of a resource's `partition`; v1beta1 only."""
    versions = ("v1beta1",)
    mig, accelerator = Equals("mode", "mig"), Equals("mode", "accelerator")
    return (
        Rule(
            path=path,
            versions=versions,
            expression=implies(mig, Filled("profile")),
            blames="profile",
            reason="FieldValueRequired",
            message="is required for mode mig: it names the slice, such as 1g.10gb",
        ),
        Rule(
            path=path,
            versions=versions,
            expression=not_both(mig, Present("count")),
            blames="count",
            reason="FieldValueForbidden",
            message="count is only valid for accelerator mode; remove it",
        ),
        Rule(
            path=path,
            versions=versions,
            expression=implies(accelerator, Present("count")),
            blames="count",
            reason="FieldValueRequired",
            message="is required for mode accelerator: it says how many whole GPUs",
        ),
        Rule(
            path=path,
            versions=versions,
            expression=not_both(accelerator, Filled("profile")),
            blames="profile",
            reason="FieldValueForbidden",
            message="profile is not valid for accelerator mode; remove it",
        ),
    )


def adapter_rules(path: str) -> tuple[Rule, ...]:
    """Rules of an inference's adapters; `path` is the inference."""
    each = f"{path}.adapters[]"
    return (
        Rule(
            path=path,
            expression=ShorterThan("adapters", MAX_ADAPTERS + 1),
            blames="adapters",
            message=f"Number of Adapters exceeds the maximum limit, maximum of {MAX_ADAPTERS} "
            "allowed; remove some",
        ),
        Rule(
            path=path,
            expression=Distinct("adapters", "source.name"),
            blames="adapters",
            message="Duplicate adapter source name found; each adapter is served under its own",
        ),
        *_adapter_source_rules(each),
        Rule(
            path=each,
            expression=implies(Present("strength"), Fraction("strength")),
            blames="strength",
            message="must be a number from 0 to 1, such as 1.0",
            shows="strength",
        ),
    )


_HUB_ADAPTER = "hf://[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(@[A-Za-z0-9._/-]+)?"


def _adapter_source_rules(each: str) -> tuple[Rule, ...]:
    """Where one adapter comes from and what it is called."""
    image, volume = Filled("source.image"), Present("source.volumeSource")
    named = Filled("source.name")
    return (
        Rule(
            path=each,
            expression=Present("source"),
            blames="source",
            reason="FieldValueRequired",
            message="Source is required: an image, a volumeSource or a repository of the hub that "
            "holds the adapter",
        ),
        Rule(
            path=each,
            expression=implies(Present("source"), named),
            blames="source.name",
            reason="FieldValueRequired",
            message="Name of Adapter field must be specified: requests name the adapter by it",
        ),
        Rule(
            path=each,
            expression=implies(named, Matches("source.name", DNS_SUBDOMAIN)),
            blames="source.name",
            message="must be lower-case letters, digits, '-' and '.', such as my-adapter",
            shows="source.name",
        ),
        Rule(
            path=each,
            expression=implies(
                Filled("source.urls"),
                OnlyMatches("source.urls", _HUB_ADAPTER),
            ),
            blames="source.urls",
            reason="FieldValueForbidden",
            message="URLs are not supported as adapter source, but for one of the hub: "
            "hf://ORG/NAME or hf://ORG/NAME@REVISION; or use image or volumeSource",
        ),
        Rule(
            path=each,
            expression=not_both(Filled("source.urls"), AnyOf((image, volume))),
            blames="source",
            message="has a URL and an Image or Volume: an adapter comes from one place; remove one",
        ),
        Rule(
            path=each,
            expression=implies(
                All((Present("source"), Not(Filled("source.urls")))), ExactlyOne((image, volume))
            ),
            blames="source",
            message="Either Image or Volume must be specified for adapter source, and not both",
        ),
        Rule(
            path=each,
            expression=implies(image, Matches("source.image", IMAGE_ANY_CASE)),
            blames="source.image",
            message="must be an image reference such as registry.example.com/adapter:1.0",
            shows="source.image",
        ),
    )


def inference_rules(path: str) -> tuple[Rule, ...]:
    """Rules of an InferenceSpec at `path`, wherever it stands, but for what may change."""
    preset, template = Present("preset"), Present("template")
    return (
        Rule(
            path=path,
            expression=AnyOf((preset, template)),
            reason="FieldValueRequired",
            message="Preset or Template must be specified; add one",
        ),
        Rule(
            path=path,
            expression=not_both(preset, template),
            blames="template",
            reason="FieldValueForbidden",
            message="Preset and Template cannot be set at the same time; remove one",
        ),
        private_image_rule(f"{path}.preset"),
        *adapter_rules(path),
    )


def private_image_rule(path: str) -> Rule:
    """v1alpha1: a private preset needs the image that holds its weights."""
    return Rule(
        path=path,
        versions=("v1alpha1",),
        expression=implies(Equals("accessMode", "private"), Filled("presetOptions.image")),
        blames="presetOptions.image",
        reason="FieldValueRequired",
        message="When AccessMode is private, an image must be provided in PresetOptions; "
        "or leave accessMode out: kaito finds the weights itself",
    )


_ROOT = (
    *WORKSPACE_NAME_RULES,
    Rule(
        expression=AnyOf((Present("inference"), Present("tuning"))),
        blames="inference",
        reason="FieldValueRequired",
        message="Either Inference or Tuning must be specified, not neither; add one",
    ),
    Rule(
        expression=not_both(Present("inference"), Present("tuning")),
        blames="tuning",
        reason="FieldValueForbidden",
        message="Either Inference or Tuning must be specified, but not both; remove one",
    ),
    Rule(
        expression=Present("resource"),
        blames="resource",
        reason="FieldValueRequired",
        message="is required: it selects the nodes by labelSelector",
    ),
    Rule(
        versions=("v1beta1",),
        expression=not_both(Present("tuning"), Present("resource.partition")),
        blames="resource.partition",
        reason="FieldValueForbidden",
        message="GPU partitioning is not supported for tuning workloads; remove it",
    ),
    *(
        Rule(
            expression=kept(Present(field)),
            blames=field,
            reason="FieldValueForbidden",
            message=_TOGGLED,
        )
        for field in ("inference", "tuning")
    ),
)
_RESOURCE = (
    *selector_rules("resource.labelSelector"),
    Rule(
        path="resource",
        expression=Unchanged("count", 1),
        blames="count",
        reason="FieldValueForbidden",
        message=IMMUTABLE,
    ),
    Rule(
        path="resource",
        # Nodes that were made may be taken over as existing ones: then it has to go.
        expression=AnyOf((Unchanged("instanceType"), Not(Filled("instanceType")))),
        blames="instanceType",
        reason="FieldValueForbidden",
        message=IMMUTABLE,
    ),
    Rule(
        path="resource.labelSelector",
        expression=All((Unchanged("matchLabels", {}), Unchanged("matchExpressions", ()))),
        reason="FieldValueForbidden",
        message=IMMUTABLE,
    ),
    Rule(
        path="resource",
        versions=("v1beta1",),
        expression=All(
            (
                kept(Present("partition")),
                Unchanged("partition.mode"),
                Unchanged("partition.profile"),
                Unchanged("partition.count", 0),
            )
        ),
        blames="partition",
        reason="FieldValueForbidden",
        message=IMMUTABLE,
    ),
    Rule(
        path="resource",
        versions=("v1beta1",),
        expression=not_both(Present("partition"), Filled("instanceType")),
        blames="partition",
        reason="FieldValueForbidden",
        message="GPU partitioning is only supported with BYO nodes: remove instanceType or it",
    ),
    *partition_rules("resource.partition"),
)
_INFERENCE = (
    *inference_rules("inference"),
    Rule(
        path="inference",
        expression=preset_unchanged(),
        blames="preset",
        reason="FieldValueForbidden",
        message=IMMUTABLE,
    ),
    Rule(
        path="inference",
        expression=kept(Present("template")),
        blames="template",
        reason="FieldValueForbidden",
        message="can be changed but not be set or unset; delete the workspace and recreate it",
    ),
)
_LORA, _QLORA = Matches("method", "(?i:lora)"), Matches("method", "(?i:qlora)")
_FULL = Matches("method", "(?i:full)")
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
_HUB_DATASET = f"hf://datasets/{_NAME}/{_NAME}(@[A-Za-z0-9._/-]+)?"
_TUNING = (
    Rule(
        path="tuning",
        expression=Present("preset"),
        blames="preset",
        reason="FieldValueRequired",
        message="is required: it names the model to fine-tune",
    ),
    private_image_rule("tuning.preset"),
    Rule(
        path="tuning",
        expression=AnyOf((_LORA, _QLORA, _FULL)),
        blames="method",
        message="must be one of: lora, qlora, full",
        shows="method",
    ),
    Rule(
        path="tuning",
        expression=Present("input"),
        blames="input",
        reason="FieldValueRequired",
        message="is required: it says where the training data is",
    ),
    Rule(
        path="tuning",
        expression=Present("output"),
        blames="output",
        reason="FieldValueRequired",
        message="is required: it says where the adapter goes",
    ),
    Rule(
        path="tuning.input",
        expression=ExactlyOne((Filled("urls"), Present("volumeSource"), Filled("image"))),
        message="Exactly one of URLs, Volume, or Image must be specified",
    ),
    Rule(
        path="tuning.input",
        expression=AnyOf(
            (
                AllMatch("urls", "(?i:https?://)[^ ]+"),
                OnlyMatches("urls", _HUB_DATASET),
            )
        ),
        blames="urls",
        message="data source URL must use HTTP or HTTPS, or be one data set of the hub: "
        "hf://datasets/ORG/NAME@REVISION",
    ),
    Rule(
        path="tuning.input",
        expression=implies(Filled("image"), Matches("image", IMAGE)),
        blames="image",
        message="must be an image reference in lower case, such as registry.example.com/data:1.0",
        shows="image",
    ),
    Rule(
        path="tuning.output",
        # KAITO 0.12 wants exactly one. Both is of use: checkpoints outlive the pod.
        expression=AnyOf((Present("volumeSource"), Filled("image"))),
        message="Volume or Image must be specified, or both",
    ),
    Rule(
        path="tuning.output",
        expression=implies(Filled("image"), Matches("image", PUSHED_IMAGE)),
        blames="image",
        message="must be a whole image reference in lower case with a tag, such as "
        "registry.example.com/adapter:1.0",
        shows="image",
    ),
    Rule(
        path="tuning.output",
        expression=implies(Filled("image"), Filled("imagePushSecret")),
        blames="imagePushSecret",
        reason="FieldValueRequired",
        message="Must specify imagePushSecret with destination image",
    ),
    Rule(
        path="tuning",
        expression=preset_unchanged(),
        blames="preset",
        reason="FieldValueForbidden",
        message="Preset cannot be changed; delete the workspace and recreate it",
    ),
    Rule(
        path="tuning",
        expression=All((kept(_LORA), kept(_QLORA), kept(_FULL))),
        blames="method",
        reason="FieldValueForbidden",
        message="Method cannot be changed; delete the workspace and recreate it",
    ),
    Rule(
        path="tuning.input",
        expression=Unchanged("name"),
        blames="name",
        reason="FieldValueForbidden",
        message="During tuning Name field cannot be changed once set",
    ),
)

WORKSPACE_RULES: tuple[Rule, ...] = (*_ROOT, *_RESOURCE, *_INFERENCE, *_TUNING)
"""All of them, in the order in which their problems are reported."""
