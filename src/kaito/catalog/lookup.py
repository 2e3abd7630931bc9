"""From a name in a manifest to a preset."""

from functools import cache

from kaito.base.suggest import did_you_mean
from kaito.catalog.families import llama, mistral, phi, qwen, smollm
from kaito.catalog.preset import Preset

PRESETS: tuple[Preset, ...] = tuple(
    sorted(
        (*llama.PRESETS, *mistral.PRESETS, *phi.PRESETS, *qwen.PRESETS, *smollm.PRESETS),
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
    return Preset(name=name.rsplit("/", 1)[1].lower(), hub_id=name, facts=None)


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
    names = (known for known in _by_name() if "/" not in known)
    guess = did_you_mean(name, names) or "see `kaito models list`"
    return f"Unsupported inference preset name {name!r}; {guess}"
