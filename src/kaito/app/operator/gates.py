"""Feature gates: KAITO 0.12's names and defaults (spec section 6.5), as one parsed value.

A gate may only be set to what this release really does: what is not built is refused at the start,
because a gate that is silently ignored is found out in production.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kaito.base.errors import UsageError
from kaito.base.suggest import did_you_mean

VLLM = "vLLM"
BYO = "disableNodeAutoProvisioning"
INFERENCE_SETS = "enableInferenceSetController"
MODEL_MIRRORS = "ModelMirror"

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate. `refused` is the setting that this release cannot do, `why` says what to do."""

    name: str
    default: bool = False
    refused: bool | None = None
    why: str = ""


def _unbuilt(name: str, what: str) -> Gate:
    return Gate(name=name, refused=True, why=f"this release has no {what} yet; leave it at false")


GATES = (
    Gate(
        name=VLLM,
        default=True,
        refused=False,
        why="choose per Workspace with the annotation kaito.sh/runtime: transformers",
    ),
    Gate(name=BYO),
    Gate(name=INFERENCE_SETS, default=True),
    _unbuilt("gatewayAPIInferenceExtension", "Gateway API inference extension"),
    _unbuilt("enableMIG", "support for MIG slices"),
    _unbuilt("enableAccelerator", "support for accelerator partitions"),
    _unbuilt("enableMultiRoleInferenceController", "MultiRoleInference controller"),
    Gate(name=MODEL_MIRRORS),
    Gate(
        name="ModelStreaming",
        refused=True,
        why="engines read weights from the node, where pods share them; name a ModelMirror, "
        "which may be in a bucket; leave it at false",
    ),
    _unbuilt("enableBaseImageAutoUpgrade", "automatic upgrade of base images"),
)


@dataclass(frozen=True, slots=True)
class Gates:
    """Every gate's setting."""

    settings: tuple[tuple[str, bool], ...]

    def is_on(self, name: str) -> bool:
        """Whether a gate of `GATES` is on."""
        return dict(self.settings)[name]


def parse_gates(text: str) -> Gates:
    """What `--feature-gates=a=true,b=false` says, the rest at its default.

    Raises:
        UsageError: a gate is unknown, said twice, not a boolean, or set to what is not built.
    """
    said: dict[str, bool] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, sign, value = (word.strip() for word in part.partition("="))
        if not sign:
            raise UsageError(f"feature gate {part!r} has no value", hint=f"write {part}=true")
        if name in said:
            raise UsageError(f"feature gate {name!r} is set twice", hint="set it once")
        said[name] = _parse_setting(name, value)
    return Gates(tuple((gate.name, said.get(gate.name, gate.default)) for gate in GATES))


def _parse_setting(name: str, value: str) -> bool:
    known: Mapping[str, Gate] = {gate.name: gate for gate in GATES}
    if name not in known:
        hint = _nearest_gate(name) or f"known are: {', '.join(known)}"
        raise UsageError(f"there is no feature gate {name!r}", hint=hint)
    if value not in _TRUE | _FALSE:
        raise UsageError(f"feature gate {name!r} is set to {value!r}", hint="use true or false")
    setting, gate = value in _TRUE, known[name]
    if setting is gate.refused:
        word = "true" if setting else "false"
        raise UsageError(f"feature gate {name}={word} is not available", hint=gate.why)
    return setting


def _nearest_gate(name: str) -> str:
    # Gates are in mixed case; a mistake in case only must find its gate, too.
    by_lower = {gate.name.lower(): gate.name for gate in GATES}
    found = did_you_mean(name, by_lower)
    for lower, proper in by_lower.items():
        found = found.replace(lower, proper)
    return found
