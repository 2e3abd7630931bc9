"""Which layers an adapter sits on: the user's choice in this architecture's names, else all linear.

KAITO's templates name `q_proj`, `k_proj` and `v_proj` for every model; Phi-3 has them as one
`qkv_proj`. Left as they are, such names would quietly train a part of what was asked for. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kaito.base.suggest import did_you_mean
from kaito.runtimes.tuning.errors import SettingRefused

_FUSED: Final = (
    (frozenset({"q_proj", "k_proj", "v_proj"}), ("qkv_proj", "query_key_value", "c_attn", "Wqkv")),
    (frozenset({"gate_proj", "up_proj"}), ("gate_up_proj", "dense_h_to_4h", "c_fc")),
    (frozenset({"o_proj"}), ("dense", "out_proj", "c_proj")),
    (frozenset({"down_proj"}), ("dense_4h_to_h", "fc2")),
)
_ALL: Final = "all-linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Names for PEFT's `target_modules`, and what had to be said otherwise."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose_targets(given: object, linear: Sequence[str]) -> Targets:
    """The layers to adapt, of the model's linear layers `linear`.

    Raises:
        SettingRefused: a name that this model does not have in any form.
    """
    if given is None or given == _ALL or given == []:
        return Targets(names=tuple(linear))
    wanted = [given] if isinstance(given, str) else _texts(given)
    names: set[str] = set()
    notes: list[str] = []
    for name in wanted:
        # A full path is allowed where PEFT allows it: its last part is the layer's name.
        found = name.rpartition(".")[2]
        if found in linear:
            names.add(name)
        else:
            fused = _fused(found, linear)
            names.add(fused)
            notes.append(f"this model has {found} inside {fused}, which is adapted instead")
    return Targets(names=tuple(sorted(names)), notes=tuple(dict.fromkeys(notes)))


def _fused(name: str, linear: Iterable[str]) -> str:
    known = tuple(linear)
    for parts, forms in _FUSED:
        if name in parts:
            for form in forms:
                if form in known:
                    return form
    guess = did_you_mean(name, known)
    raise SettingRefused(
        f"LoraConfig.target_modules names {name!r}, which this model does not have",
        hint=guess or f"its layers are {', '.join(known)}",
    )


def _texts(given: object) -> list[str]:
    if isinstance(given, list | tuple) and all(isinstance(name, str) for name in given):
        return [str(name) for name in given]
    raise SettingRefused("LoraConfig.target_modules must be a list of layers' names")
