"""The rules a Workspace must keep, as field errors with paths. Pure; knows old and new.

The same function answers admission, `kaito apply` and tests. Messages are KAITO's where KAITO has
one, with what to do next.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from kaito.api import labels
from kaito.api.workspace import AdapterSpec, InferenceSpec, TuningSpec, Workspace

RUNTIMES = ("vllm", "transformers")
TUNING_METHODS = ("lora", "qlora")

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")

PresetCheck: TypeAlias = Callable[[str], str]
"""Says what is wrong with a preset's name, or an empty string. The catalogue provides it."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, e.g. `inference.preset.name: Unsupported ...`."""

    path: str
    detail: str

    def __str__(self) -> str:
        """Path and detail on one line."""
        return f"{self.path}: {self.detail}"


def validate_workspace(
    new: Workspace, old: Workspace | None = None, *, check_preset: PresetCheck
) -> tuple[FieldError, ...]:
    """Every broken rule, in the order of the fields; empty when the Workspace may be stored.

    On update (`old` given) only what changed is checked, so that an object admitted under older
    rules can still be edited elsewhere and always be deleted.
    """
    if old is None:
        return (*_on_create(new, check_preset), *_always(new))
    if new.metadata.is_deleting:
        return ()
    known = set(_always(old))
    return (*_on_update(new, old), *(error for error in _always(new) if error not in known))


def _on_create(new: Workspace, check_preset: PresetCheck) -> Iterator[FieldError]:
    name = new.metadata.name
    if name and not _DNS_LABEL.match(name):
        yield FieldError(
            "metadata.name",
            f"{name!r} must be a DNS label: lower-case letters, digits and '-', at most 63",
        )
    yield from _one_purpose(new)
    if new.inference is not None and new.inference.preset is not None:
        yield from _preset("inference.preset.name", new.inference.preset.name, check_preset)
    if new.tuning is not None and new.tuning.preset is not None:
        yield from _preset("tuning.preset.name", new.tuning.preset.name, check_preset)


def _preset(path: str, name: str, check_preset: PresetCheck) -> Iterator[FieldError]:
    if problem := check_preset(name):
        yield FieldError(path, problem)


def _one_purpose(new: Workspace) -> Iterator[FieldError]:
    if new.inference is None and new.tuning is None:
        yield FieldError(
            "inference", "Either Inference or Tuning must be specified, not neither; add one"
        )
    if new.inference is not None and new.tuning is not None:
        yield FieldError(
            "tuning", "Either Inference or Tuning must be specified, but not both; remove one"
        )


def _always(new: Workspace) -> Iterator[FieldError]:
    yield from _resource(new)
    runtime = new.metadata.annotations.get(labels.RUNTIME)
    if runtime is not None and runtime not in RUNTIMES:
        path = f"metadata.annotations[{labels.RUNTIME}]"
        yield FieldError(
            path, f"{runtime!r} is not a runtime; choose one of: {', '.join(RUNTIMES)}"
        )
    if new.inference is not None:
        yield from _inference(new.inference)
    if new.tuning is not None:
        yield from _tuning(new.tuning)


def _resource(new: Workspace) -> Iterator[FieldError]:
    if new.resource is None:
        yield FieldError("resource", "is required: it selects the nodes by labelSelector")
        return
    selector = new.resource.label_selector
    usable = set(selector.match_labels) - labels.RESERVED_SELECTOR_KEYS
    if not usable and not selector.match_expressions:
        yield FieldError(
            "resource.labelSelector",
            "matchLabels must contain at least one non-reserved label, for example apps: my-model",
        )


def _inference(spec: InferenceSpec) -> Iterator[FieldError]:
    if spec.preset is None and spec.template is None:
        yield FieldError("inference", "Preset or Template must be specified; add one")
    if spec.preset is not None and spec.template is not None:
        yield FieldError(
            "inference.template", "Preset and Template cannot be set at the same time; remove one"
        )
    if spec.template is not None and not (spec.template.get("spec") or {}).get("containers"):
        yield FieldError("inference.template.spec.containers", "at least one container is required")
    names: set[str] = set()
    for index, adapter in enumerate(spec.adapters):
        yield from _adapter(f"inference.adapters[{index}]", adapter)
        name = adapter.source.name if adapter.source else ""
        if name and name in names:
            yield FieldError(
                f"inference.adapters[{index}].source.name",
                f"Duplicate adapter source name found: {name}",
            )
        names.add(name)


def _adapter(path: str, adapter: AdapterSpec) -> Iterator[FieldError]:
    source = adapter.source
    if source is None:
        yield FieldError(f"{path}.source", "Source is required")
        return
    if not source.name:
        yield FieldError(f"{path}.source.name", "is required: the adapter is served by this name")
    if source.urls:
        yield FieldError(f"{path}.source.urls", "an adapter comes from an image or a volumeSource")
    elif bool(source.image) == bool(source.volume_source):
        yield FieldError(
            f"{path}.source",
            "Either Image or Volume must be specified for adapter source, not both",
        )
    if adapter.strength is not None and not _is_fraction(adapter.strength):
        yield FieldError(
            f"{path}.strength", f"{adapter.strength!r} is not a number from 0 to 1, such as 1.0"
        )


def _is_fraction(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= 1.0
    except ValueError:
        return False


def _tuning(spec: TuningSpec) -> Iterator[FieldError]:
    if spec.preset is None:
        yield FieldError("tuning.preset", "is required: it names the model to fine-tune")
    if spec.method.lower() not in TUNING_METHODS:
        yield FieldError(
            "tuning.method", f"{spec.method!r} is not a method; choose one of: lora, qlora"
        )
    if spec.input is None:
        yield FieldError("tuning.input", "is required: it says where the training data is")
    else:
        sources = (spec.input.urls, spec.input.volume_source, spec.input.image)
        if sum(map(bool, sources)) != 1:
            yield FieldError(
                "tuning.input", "Exactly one of URLs, Volume, or Image must be specified"
            )
    if spec.output is None:
        yield FieldError("tuning.output", "is required: it says where the adapter goes")
    elif bool(spec.output.image) == bool(spec.output.volume_source):
        yield FieldError("tuning.output", "Exactly one of Volume or Image must be specified")
    elif spec.output.image and not spec.output.image_push_secret:
        yield FieldError(
            "tuning.output.imagePushSecret", "Must specify imagePushSecret with destination image"
        )


def _on_update(new: Workspace, old: Workspace) -> Iterator[FieldError]:
    for field, before, after in (
        ("inference", old.inference, new.inference),
        ("tuning", old.tuning, new.tuning),
    ):
        if (before is None) != (after is None):
            yield FieldError(
                field, "cannot be toggled once set; delete the workspace and recreate it"
            )
    if old.resource is not None and new.resource is not None:
        for name in ("count", "instance_type", "label_selector", "partition"):
            if getattr(old.resource, name) != getattr(new.resource, name):
                yield _immutable(f"resource.{_camel(name)}")
    if old.inference is not None and new.inference is not None:
        yield from _inference_update(new.inference, old.inference)
    if old.tuning is not None and new.tuning is not None:
        if old.tuning.preset != new.tuning.preset:
            yield FieldError("tuning.preset", "Preset cannot be changed")
        if old.tuning.method != new.tuning.method:
            yield FieldError("tuning.method", "Method cannot be changed")


def _inference_update(new: InferenceSpec, old: InferenceSpec) -> Iterator[FieldError]:
    if old.preset != new.preset:
        yield _immutable("inference.preset")
    if (old.template is None) != (new.template is None):
        yield FieldError("inference.template", "can be changed but not be set or unset")


def _immutable(path: str) -> FieldError:
    return FieldError(path, "field is immutable; delete the workspace and recreate it")


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
