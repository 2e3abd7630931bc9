"""Rules of the ConfigMaps that a Workspace names, as far as they are known.

One that does not exist is no error here: manifests may be applied in any order, and the status says
which ConfigMap is awaited.
"""

from collections.abc import Iterator

from kaito.api.field_error import FieldError
from kaito.api.inference_config import InferenceConfig, knows_engine, parse_inference_config
from kaito.api.meta import Key
from kaito.api.runtime import CONFIG_KEY
from kaito.api.training_config import TRAINING_CONFIG_KEY, method_of, parse_training_config
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import TuningSpec, Workspace


def check_configs(new: Workspace, around: Surroundings) -> Iterator[FieldError]:
    """What is wrong in the configuration of inference or tuning."""
    namespace = new.metadata.namespace or "default"
    if new.inference is not None and new.inference.config:
        key = Key(namespace, new.inference.config)
        if problem := _inference_problem(new, key, around):
            yield FieldError("inference.config", problem)
    if new.tuning is not None and new.tuning.config:
        key = Key(namespace, new.tuning.config)
        if problem := _training_problem(new.tuning, key, around):
            yield FieldError("tuning.config", problem)


def known_config(new: Workspace, around: Surroundings) -> InferenceConfig:
    """The engine options a Workspace asks for; none where its ConfigMap is not known or wrong."""
    if new.inference is None or not new.inference.config:
        return InferenceConfig()
    key = Key(new.metadata.namespace or "default", new.inference.config)
    try:
        text = _text(key, CONFIG_KEY, around)
        return parse_inference_config(text or "", knows_engine=knows_engine(new))
    except ValueError:
        return InferenceConfig()


def _inference_problem(new: Workspace, key: Key, around: Surroundings) -> str:
    try:
        text = _text(key, CONFIG_KEY, around)
        if text is None:
            return ""
        config = parse_inference_config(text, knows_engine=knows_engine(new))
    except ValueError as error:
        return f"{CONFIG_KEY} of ConfigMap {key}: {error}"
    model = around.find_model(new.preset_name) if new.preset_name else None
    limit = model.context_tokens if model else 0
    if limit and config.max_model_len > limit:
        return (
            f"{CONFIG_KEY} of ConfigMap {key}: max-model-len {config.max_model_len} exceeds "
            f"model's maximum supported context window {limit}; lower it or leave it out"
        )
    return ""


def _training_problem(spec: TuningSpec, key: Key, around: Surroundings) -> str:
    try:
        text = _text(key, TRAINING_CONFIG_KEY, around)
        if text is not None:
            parse_training_config(text, method_of(spec.method))
    except ValueError as error:
        return f"{TRAINING_CONFIG_KEY} of ConfigMap {key}: {error}"
    return ""


def _text(key: Key, file: str, around: Surroundings) -> str | None:
    """The file's text; None where the ConfigMap is not known. `ValueError`: it lacks the file."""
    data = around.find_config(key.namespace, key.name) if around.find_config else None
    if data is None:
        return None
    if file not in data:
        held = f"it has {', '.join(sorted(data))}" if data else "it is empty"
        raise ValueError(f"there is no such key in it; {held}")
    return data[file]
