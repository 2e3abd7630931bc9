"""From a name in a manifest to a preset."""

from functools import cache

from kaito.base.suggest import did_you_mean
from kaito.catalog.families import (
    deepseek,
    deepseek_distill,
    deepseek_v4,
    falcon,
    gemma3,
    gemma4,
    glm,
    gpt_oss,
    granite,
    kimi,
    llama,
    llama2,
    minimax,
    ministral,
    mistral,
    mistral_large,
    nemotron,
    nemotron_nano,
    phi,
    phi4,
    qwen,
    qwen3,
    qwen3_5,
    qwen3_5_moe,
    smollm,
)
from kaito.catalog.preset import Preset
from kaito.catalog.retired import RETIRED

PRESETS: tuple[Preset, ...] = tuple(
    sorted(
        (
            *deepseek.PRESETS,
            *deepseek_distill.PRESETS,
            *deepseek_v4.PRESETS,
            *falcon.PRESETS,
            *gemma3.PRESETS,
            *gemma4.PRESETS,
            *glm.PRESETS,
            *gpt_oss.PRESETS,
            *granite.PRESETS,
            *kimi.PRESETS,
            *llama.PRESETS,
            *llama2.PRESETS,
            *minimax.PRESETS,
            *ministral.PRESETS,
            *mistral.PRESETS,
            *mistral_large.PRESETS,
            *nemotron.PRESETS,
            *nemotron_nano.PRESETS,
            *phi.PRESETS,
            *phi4.PRESETS,
            *qwen.PRESETS,
            *qwen3.PRESETS,
            *qwen3_5.PRESETS,
            *qwen3_5_moe.PRESETS,
            *smollm.PRESETS,
        ),
        key=lambda preset: preset.name,
    )
)


@cache
def _by_name() -> dict[str, Preset]:
    names: dict[str, Preset] = {}
    for preset in PRESETS:
        for name in (preset.name, preset.hub_id.lower(), *preset.aliases):
            assert name not in names, f"two presets are called {name!r}"
            names[name] = preset
    return names


def find_preset(name: str) -> Preset | None:
    """The preset of that name, alias or hub id, in any case.

    Any other `org/model` is a preset whose facts have to be read from its own files. None for a
    bare name that nothing is called.
    """
    known = _by_name().get(name.lower())
    if known is not None or not is_hub_id(name):
        return known
    return Preset(name=_own_name(name), hub_id=name, facts=None)


def _own_name(hub_id: str) -> str:
    """The model's name, with its organisation where the name alone is a preset's.

    Weights lie in a folder of this name: somebody's `phi-4` must not be taken for the preset's.
    """
    organisation, _, model = hub_id.lower().partition("/")
    return f"{organisation}--{model}" if model in _by_name() else model


def is_hub_id(name: str) -> bool:
    """Whether the name has the form `org/model`."""
    organisation, slash, model = name.partition("/")
    return bool(organisation and slash and model) and "/" not in model


def check_preset(name: str) -> str:
    """What is wrong with a preset's name, or an empty string."""
    if not name:
        return "is required: it names the model; see `kaito models list`"
    if find_preset(name) is not None:
        return ""
    advice = RETIRED.get(name.lower()) or _near(name) or "see `kaito models list`"
    return f"Unsupported inference preset name {name!r}; {advice}"


def _near(name: str) -> str:
    """A question with names and aliases like this one; `org/` in front of it does not count."""
    model = name.rstrip("/").rpartition("/")[2]
    return did_you_mean(model, (known for known in _by_name() if "/" not in known))
