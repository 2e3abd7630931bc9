"""Rules of the model that is named: known, allowed, and possible for what is asked of it."""

from collections.abc import Iterator

from kaito.api import labels
from kaito.api.field_error import FieldError
from kaito.api.validation.annotations import RUNTIMES
from kaito.api.validation.surroundings import ModelRules, Surroundings
from kaito.api.workspace import PresetSpec, Workspace

_RUNTIME_NAMES = {"transformers": "Huggingface Transformers", "vllm": "vLLM"}


def check_models(new: Workspace, around: Surroundings) -> Iterator[FieldError]:
    """Everything about the presets of inference and tuning."""
    if new.inference is not None and new.inference.preset is not None:
        preset = new.inference.preset
        model = around.find_model(preset.name)
        yield from check_preset("inference.preset", preset, around, local=_has_local_weights(new))
        yield from _check_runtime(new, preset.name, model)
    if new.tuning is not None and new.tuning.preset is not None:
        preset = new.tuning.preset
        model = around.find_model(preset.name)
        yield from check_preset("tuning.preset", preset, around)
        if not model.problem and not model.is_tunable:
            yield FieldError(
                "tuning.preset.name",
                f"Unsupported tuning preset name {preset.name!r}; "
                "`kaito models list` says which can be tuned",
            )


def check_preset(
    path: str, preset: PresetSpec, around: Surroundings, *, local: bool = False
) -> Iterator[FieldError]:
    """A model that nothing knows, or whose weights nobody may fetch.

    Args:
        path: of the preset.
        preset: what the user wrote.
        around: the facts.
        local: whether the user says that the weights lie on the nodes.
    """
    model = around.find_model(preset.name)
    if model.problem:
        yield FieldError(f"{path}.name", model.problem)
        return
    options = preset.preset_options
    has_other_source = local or bool(options.image) or around.has_weights(preset.name)
    if model.is_gated and not options.model_access_secret and not has_other_source:
        yield FieldError(
            f"{path}.presetOptions.modelAccessSecret",
            "This preset requires authentication and needs a modelAccessSecret with HF_TOKEN key "
            f"under presetOptions: accept the licence of {preset.name} on the hub and name a "
            "Secret with your token",
        )


def _check_runtime(new: Workspace, name: str, model: ModelRules) -> Iterator[FieldError]:
    asked = new.metadata.annotations.get(labels.RUNTIME)
    if asked not in RUNTIMES or model.problem or not model.runtimes or asked in model.runtimes:
        return
    yield FieldError(
        f"metadata.annotations[{labels.RUNTIME}]",
        f"Runtime validation: model {name} does not support inference with "
        f"{_RUNTIME_NAMES[asked]} runtime; choose one of: {', '.join(model.runtimes)}",
    )


def _has_local_weights(new: Workspace) -> bool:
    return new.metadata.annotations.get(labels.USE_LOCAL_WEIGHTS) == "true"
