"""Feature gates: KAITO's names and defaults, and nothing that is silently ignored."""

import pytest

from kaito.app.operator.gates import GATES, parse_gates
from kaito.base.errors import UsageError


def test_the_defaults_are_kaito_s() -> None:
    on = {name for name, setting in parse_gates("").settings if setting}
    assert on == {"vLLM", "enableInferenceSetController"}


def test_every_gate_may_be_set_to_its_default() -> None:
    text = ",".join(f"{gate.name}={str(gate.default).lower()}" for gate in GATES)
    assert parse_gates(text) == parse_gates("")


def test_gates_are_read_as_go_reads_booleans_and_spaces_do_not_matter() -> None:
    gates = parse_gates(" enableInferenceSetController = F , disableNodeAutoProvisioning=1,")
    assert not gates.is_on("enableInferenceSetController")
    assert gates.is_on("disableNodeAutoProvisioning")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("enableMig=true", "no feature gate 'enableMig'", "did you mean enableMIG"),
        ("modelmirror=true", "no feature gate 'modelmirror'", "ModelMirror"),
        ("xyz=true", "no feature gate 'xyz'", "known are: vLLM"),
        ("vLLM", "'vLLM' has no value", "vLLM=true"),
        ("vLLM=yes", "is set to 'yes'", "true or false"),
        ("vLLM=true,vLLM=true", "set twice", "once"),
        ("vLLM=false", "vLLM=false is not available", "kaito.sh/runtime: transformers"),
        ("ModelStreaming=true", "ModelStreaming=true is not available", "name a ModelMirror"),
    ],
)
def test_a_gate_that_cannot_be_meant_is_refused_with_what_to_do(
    text: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_gates(text)
    assert hint in caught.value.hint
